/** How other programs start this gw: the words before its own arguments. */
import { realpathSync } from 'node:fs';

/** The interpreter and the file that run now, so that a program with another PATH starts the same gw. */
export function ownCommand(): readonly string[] {
  const [interpreter, script] = process.argv;
  return script === undefined ? ['gw'] : [interpreter ?? process.execPath, realpathSync(script)];
}
