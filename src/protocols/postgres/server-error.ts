/** What a server said went wrong, in one line for the record; and what a server may not say. */
import { GwError } from '../../contract/gw-error.js';
import { readFields } from './codec/message.js';

/** Words of the server that one outcome keeps, characters. */
export const WORDS_LIMIT = 500;

/** `42703: column "x" does not exist`, as the client was told. The body of the ErrorResponse is at `buffer[start..end)`. */
export function errorWords(buffer: Buffer, start: number, end: number): string {
  const fields = readFields(buffer, start, end);
  if (fields === null) throw violation('a malformed ErrorResponse');
  return `${fields.get('C') ?? '?????'}: ${fields.get('M') ?? ''}`.slice(0, WORDS_LIMIT);
}

/** The target broke its protocol: ends the session. */
export function violation(what: string): GwError {
  return new GwError('target.protocol', `The target sent ${what}.`);
}
