/** The name of a signal by its number, as a terminal's library tells of one. Node built-ins only. */
import { constants } from 'node:os';

/** SIGKILL stands for a number that has no name here: the program ended by force in any case. */
export function signalName(signal: number): NodeJS.Signals {
  for (const [name, number] of Object.entries(constants.signals)) if (number === signal) return name as NodeJS.Signals;
  return 'SIGKILL';
}
