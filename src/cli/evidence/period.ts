/** Times as people give them for a period: a day (its begin, UTC) or a moment (RFC 3339). */
import { GwError } from '../../contract/gw-error.js';
import { visible } from '../terminal.js';

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds since the epoch. @throws GwError `usage.invalid` */
export function momentOf(flag: string, text: string): number {
  const time = DAY.test(text) ? Date.parse(`${text}T00:00:00Z`) : MOMENT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new GwError('usage.invalid', `--${flag} ${visible(text)} is not a time.`, {
      hint: 'Give a day like 2026-03-01, which begins at 00:00 UTC, or a moment like 2026-03-01T12:00:00Z.',
    });
  }
  return time;
}
