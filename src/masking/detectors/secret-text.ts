/**
 * Secrets that show by their first letters: access key ids of AWS (`AKIA…`, `ASIA…`), JSON Web Tokens, PEM private keys. Each function is asked
 * at one byte of the beginning, gives the offset after the end, or −1, and looks at no byte more than a fixed number of times.
 */
import { isAlphanumeric } from './symbols.js';

const KEY_ID_LENGTH = 20;
/** A private key without an end is cut off here, bytes: RSA with 16,384 bits has 12.8 kB. */
export const MAX_PEM = 16_384;
const MAX_LABEL = 24;
const BEGIN = Buffer.from('-----BEGIN ');
const PRIVATE_KEY = Buffer.from('PRIVATE KEY');
const DASHES = Buffer.from('-----');
const END = Buffer.from('-----END ');

/** `AKIA` or `ASIA` at `start` and sixteen capitals and digits, by themselves. */
export function accessKeyEnd(bytes: Uint8Array, start: number, floor: number, limit: number): number {
  const end = start + KEY_ID_LENGTH;
  if (start < floor || end > limit || bytes[start] !== 0x41 || bytes[start + 2] !== 0x49 || bytes[start + 3] !== 0x41) return -1;
  if (bytes[start + 1] !== 0x4b && bytes[start + 1] !== 0x53) return -1;
  for (let i = start + 4; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (!(byte >= 0x30 && byte <= 0x39) && !(byte >= 0x41 && byte <= 0x5a)) return -1;
  }
  return touches(bytes, start - 1, floor, limit) || touches(bytes, end, floor, limit) ? -1 : end;
}

const touches = (bytes: Uint8Array, at: number, floor: number, limit: number): boolean => at >= floor && at < limit && isAlphanumeric(bytes[at] ?? 0);

/** Three parts of base64url, the first two JSON objects (`eyJ`). */
export function tokenEnd(bytes: Uint8Array, start: number, floor: number, limit: number): number {
  if (!beginsObject(bytes, start, limit) || (start > floor && isBase64Url(bytes[start - 1] ?? 0))) return -1;
  const header = base64End(bytes, start, limit);
  if (header >= limit || bytes[header] !== 0x2e || !beginsObject(bytes, header + 1, limit)) return -1;
  const payload = base64End(bytes, header + 1, limit);
  if (payload >= limit || bytes[payload] !== 0x2e) return -1;
  return base64End(bytes, payload + 1, limit);
}

const beginsObject = (bytes: Uint8Array, at: number, limit: number): boolean =>
  at + 3 <= limit && bytes[at] === 0x65 && bytes[at + 1] === 0x79 && bytes[at + 2] === 0x4a;

const isBase64Url = (byte: number): boolean => isAlphanumeric(byte) || byte === 0x2d || byte === 0x5f;

function base64End(bytes: Uint8Array, from: number, limit: number): number {
  let at = from;
  while (at < limit && isBase64Url(bytes[at] ?? 0)) at++;
  return at;
}

/**
 * `-----BEGIN … PRIVATE KEY-----` at `start`, to the end of its END line, or to the limit of length or of the text where there is none: the
 * beginning of a key is a secret too.
 */
export function privateKeyEnd(bytes: Uint8Array, start: number, floor: number, limit: number): number {
  if (start < floor || !matches(bytes, start, limit, BEGIN)) return -1;
  const label = start + BEGIN.length;
  let at = label;
  while (at - label < MAX_LABEL && !matches(bytes, at, limit, PRIVATE_KEY)) at++;
  if (!matches(bytes, at, limit, PRIVATE_KEY)) return -1;
  const end = privateKeyRest(bytes, at, Math.min(limit, start + MAX_PEM));
  return end < 0 ? Math.min(limit, start + MAX_PEM) : end;
}

/** Where the END line that follows `from` ends, or −1. */
export function privateKeyRest(bytes: Uint8Array, from: number, limit: number): number {
  for (let at = from; at < limit; at++) {
    if (bytes[at] !== 0x2d || !matches(bytes, at, limit, END)) continue;
    let stop = at + END.length;
    while (stop < limit && bytes[stop] !== 0x2d && bytes[stop] !== 0x0a) stop++;
    return matches(bytes, stop, limit, DASHES) ? stop + DASHES.length : stop;
  }
  return -1;
}

function matches(bytes: Uint8Array, at: number, limit: number, wanted: Uint8Array): boolean {
  if (at + wanted.length > limit) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}
