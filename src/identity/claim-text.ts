/** Texts out of a token: names that end up in logs, terminals, evidence and a database, written by whoever the issuer lets write them. */
import { GwError } from '../contract/gw-error.js';

// Control characters (a NUL ends a text for some databases, an ESC drives a terminal), half characters, and marks that reorder text.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/** Whether `text` reads as what it is. */
export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text);
}

/** @throws GwError `login.token_invalid` unless `value` is printable text of 1 to `max` characters. The value itself is not repeated. */
export function requireText(value: unknown, what: string, max = 255): string {
  if (typeof value !== 'string') throw new GwError('login.token_invalid', `${what} of the token is not text.`);
  if (value === '') throw new GwError('login.token_invalid', `${what} of the token is empty.`);
  if (value.length > max) throw new GwError('login.token_invalid', `${what} of the token is longer than ${max} characters.`);
  if (!isPrintable(value)) throw new GwError('login.token_invalid', `${what} of the token holds control characters.`);
  return value;
}
