/**
 * How many processes of this machine want a processor at this moment, this one included: the fourth field of /proc/loadavg (proc(5)). The load averages
 * beside it tell of the last minute at best. Where there is no such file, the average of a minute.
 */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';

const FIELD = /^\S+ \S+ \S+ (\d+)\//;

export function runnableProcesses(): number {
  let text: string;
  try {
    text = readFileSync('/proc/loadavg', 'latin1');
  } catch {
    // Another system, or a sandbox without /proc: a figure that lags behind is better than none.
    return loadavg()[0] ?? 0;
  }
  return Number(FIELD.exec(text)?.[1] ?? loadavg()[0] ?? 0);
}
