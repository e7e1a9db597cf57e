/** A moment as people give it: RFC 3339, a day, or how long ago (`2h`, `7d`). Gives RFC 3339. @throws GwError `usage.invalid` */
import { parseDuration } from '../../base/duration.js';
import { readMoment } from '../../base/read-moment.js';
import { GwError } from '../../contract/gw-error.js';

export function moment(text: string, now: number): string {
  const ago = parseDuration(text);
  if (ago !== null) return new Date(now - ago).toISOString();
  const time = readMoment(text);
  if (time === null)
    throw new GwError('usage.invalid', `"${text}" is no moment.`, { hint: 'Write 2026-11-21, 2026-11-21T08:00:00Z, or 2h for two hours ago.' });
  return new Date(time).toISOString();
}
