/** Identifiers: time-ordered, unguessable, safe in a path, a URL and a shell. */
import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'; // Crockford base 32, lower case: no i, l, o, u

/**
 * A new identifier `prefix_` + 26 base-32 digits: 48 bits of time in milliseconds, then 80 random bits (the layout of ULID),
 * so that identifiers sort by creation time.
 */
export function newId(prefix: string, now: number = Date.now()): string {
  let text = '';
  let time = now;
  for (let i = 0; i < 10; i++) {
    text = ALPHABET.charAt(time % 32) + text;
    time = Math.floor(time / 32);
  }
  for (const byte of randomBytes(16)) text += ALPHABET.charAt(byte & 31);
  return `${prefix}_${text}`;
}

/** Whether `value` has the exact form that `newId(prefix)` gives; anything else from outside is refused before it is used. */
export function isId(prefix: string, value: string): boolean {
  return value.length === prefix.length + 27 && value.startsWith(`${prefix}_`) && /^[0-9a-hjkmnp-tv-z]{26}$/.test(value.slice(prefix.length + 1));
}
