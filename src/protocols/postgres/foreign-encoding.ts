/**
 * Names in a database whose own encoding is not UTF8 (ParameterStatus `server_encoding`). The parser here cuts a name to 63 bytes of UTF-8; such a
 * server cuts its own bytes, and may fold letters that are none of ASCII. Two names could be one, or one be two. So there no statement is
 * judged that has a name outside ASCII; constants may hold what they like.
 */
import { isAscii } from 'node:buffer';
import { scan } from './facts/parser.js';

const REASON = 'the encoding of this database is not UTF8, and a name outside ASCII may mean another one there; use names in ASCII, or a database in UTF8';
/** Servers say it once, at login, and it cannot change. */
const UTF8 = 'server_encoding\0UTF8\0';
/** Tokens that are no names. */
const FREE: ReadonlySet<string> = new Set(['SCONST', 'USCONST', 'XCONST', 'BCONST', 'SQL_COMMENT', 'C_COMMENT']);

/** `greeting`: what the server said at its login. */
export function isForeignEncoding(greeting: Buffer): boolean {
  return !greeting.includes(UTF8);
}

/** Why a text may not be judged in such a database; null: it may. */
export function foreignName(text: Uint8Array): string | null {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.length);
  const wide = bytes.some((byte) => byte > 0x7f);
  // A name may also be written in numbers: U&"…".
  if (!wide && !bytes.toString('latin1').toUpperCase().includes('U&"')) return null;
  const tokens = scan(bytes.toString('utf8'));
  return tokens === null || tokens.some(({ tokenName, start, end }) => !FREE.has(tokenName) && !isPlain(bytes.subarray(start, end))) ? REASON : null;
}

function isPlain(token: Buffer): boolean {
  return isAscii(token) && !token.toString('latin1').toUpperCase().startsWith('U&');
}
