/** TimeStampReq (RFC 3161 section 2.4.1) in DER: the SHA-256 of the content, a nonce, and the wish for the certificate. Pure. */
import { hash } from 'node:crypto';
import { TAG } from './der-reader.js';

/** AlgorithmIdentifier of SHA-256 (RFC 5754 section 2) with absent parameters written as NULL, as most authorities expect. */
const SHA256 = Buffer.from('300d06096086480165030402010500', 'hex');
const VERSION = Buffer.from('020101', 'hex');
const CERTIFICATE_WANTED = Buffer.from('0101ff', 'hex');

/** @param nonce at most 16 bytes of chance */
export function timestampRequest(content: Buffer, nonce: bigint): Buffer {
  const imprint = wrap(TAG.sequence, SHA256, wrap(TAG.octets, hash('sha256', content, 'buffer')));
  const hex = nonce.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const number = wrap(TAG.integer, (bytes[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
  return wrap(TAG.sequence, VERSION, imprint, number, CERTIFICATE_WANTED);
}

/** Everything in a request is shorter than 128 bytes, so every length takes one. */
function wrap(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag, content.length), content]);
}
