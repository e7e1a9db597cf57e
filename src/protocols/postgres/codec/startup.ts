/**
 * The untyped first messages of a connection: StartupMessage, SSLRequest, GSSENCRequest, CancelRequest (PostgreSQL documentation,
 * "Message Formats"). Input is an unauthenticated client's: everything is checked, nothing is kept that was not asked for.
 */
import { STARTUP_LIMIT } from './limits.js';
import { Back, int32, message } from './message.js';

export const SSL_REQUEST = 80_877_103;
export const GSSENC_REQUEST = 80_877_104;
export const CANCEL_REQUEST = 80_877_102;
const PROTOCOL_3_0 = 0x0003_0000;

export type FirstMessage =
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gssenc' }
  | { readonly kind: 'cancel'; readonly key: Buffer }
  | { readonly kind: 'startup'; readonly minor: number; readonly parameters: ReadonlyMap<string, string> };

/**
 * Reads the first message from the front of `buffer`; null when more bytes are needed. A string is why the bytes can be no such message.
 */
export function readFirst(buffer: Buffer): { readonly first: FirstMessage; readonly size: number } | string | null {
  if (buffer.length < 4) return null;
  const size = buffer.readUInt32BE(0);
  if (size < 8 || size > STARTUP_LIMIT) return 'invalid length of startup packet';
  if (buffer.length < 8) return null;
  const code = buffer.readUInt32BE(4);
  const major = code >>> 16;
  const known = code === SSL_REQUEST || code === GSSENC_REQUEST || code === CANCEL_REQUEST;
  if (!known && major !== 3) return `unsupported frontend protocol ${major}.${code & 0xffff}: server supports 3.0`;
  if (buffer.length < size) return null;
  if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
    if (size !== 8) return 'invalid length of startup packet';
    return { first: { kind: code === SSL_REQUEST ? 'ssl' : 'gssenc' }, size };
  }
  if (code === CANCEL_REQUEST) {
    // 4 bytes of process id, then the secret: 4 bytes in protocol 3.0, up to 256 in 3.2.
    if (size < 16 || size > 12 + 256) return 'invalid length of cancel request packet';
    return { first: { kind: 'cancel', key: Buffer.from(buffer.subarray(8, size)) }, size };
  }
  const parameters = readParameters(buffer, 8, size);
  if (parameters === null) return 'invalid startup packet layout: expected terminator as last byte';
  return { first: { kind: 'startup', minor: code & 0xffff, parameters }, size };
}

function readParameters(buffer: Buffer, start: number, end: number): Map<string, string> | null {
  const parameters = new Map<string, string>();
  let at = start;
  for (;;) {
    if (at >= end) return null;
    if (buffer[at] === 0) return at === end - 1 ? parameters : null;
    const nameEnd = buffer.indexOf(0, at);
    if (nameEnd < 0 || nameEnd >= end) return null;
    const valueEnd = buffer.indexOf(0, nameEnd + 1);
    if (valueEnd < 0 || valueEnd >= end) return null;
    const name = buffer.toString('utf8', at, nameEnd);
    // Two values for one name would let the gateway and the server each believe another one.
    if (parameters.has(name)) return null;
    parameters.set(name, buffer.toString('utf8', nameEnd + 1, valueEnd));
    at = valueEnd + 1;
  }
}

/**
 * NegotiateProtocolVersion: "3.0 is the newest here, and these protocol options are not known". The documentation speaks of the minor
 * version alone, but server and libpq both mean the whole number; libpq 18 refuses 0.
 */
export function negotiateVersion(unknownOptions: readonly string[]): Buffer {
  return message(Back.NegotiateProtocolVersion, int32(PROTOCOL_3_0), int32(unknownOptions.length), unknownOptions.map((name) => `${name}\0`).join(''));
}

/** A StartupMessage of protocol 3.0. */
export function startupMessage(parameters: Readonly<Record<string, string>>): Buffer {
  let body = '';
  for (const [name, value] of Object.entries(parameters)) body += `${name}\0${value}\0`;
  const text = Buffer.from(`${body}\0`, 'utf8');
  return Buffer.concat([int32(8 + text.length), int32(PROTOCOL_3_0), text]);
}

export function sslRequest(): Buffer {
  return Buffer.concat([int32(8), int32(SSL_REQUEST)]);
}

export function cancelRequest(key: Uint8Array): Buffer {
  return Buffer.concat([int32(8 + key.length), int32(CANCEL_REQUEST), key]);
}
