/** Whether a response of a timestamp authority is about these bytes, and what time it says. Offline and pure; the response is untrusted. */
import { hash, type X509Certificate } from 'node:crypto';
import { GwError } from '../../contract/gw-error.js';
import { checkTimestampSignature, DIGESTS } from './timestamp-signature.js';
import { parseTimestampResponse } from './timestamp-token.js';

export interface VerifiedTimestamp {
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** How far it may be off, milliseconds. */
  readonly accuracy: number;
  /** Subject of the certificate that signed, in one line. */
  readonly authority: string;
  readonly nonce: bigint | null;
}

/**
 * @param roots certificates that are trusted; none: the token is checked in itself, and nobody vouches for who signed it
 * @throws GwError `audit.invalid`
 */
export function verifyTimestamp(response: Buffer, content: Buffer, roots: readonly X509Certificate[]): VerifiedTimestamp {
  const token = parseTimestampResponse(response);
  const { imprint, time, accuracy, nonce } = token.info;
  const digest = DIGESTS[imprint.algorithm];
  if (digest === undefined || !imprint.digest.equals(hash(digest, content, 'buffer'))) {
    throw new GwError('audit.invalid', 'The timestamp does not hold: it is of something else.');
  }
  const certificate = checkTimestampSignature(token, roots);
  return { time, accuracy, authority: certificate.subject.replaceAll('\n', ', '), nonce };
}
