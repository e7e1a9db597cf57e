/**
 * Is a certificate (OpenSSH's PROTOCOL.certkeys) the one of the host that is meant? Everything in it is the target's, and is believed only behind the
 * signature of an authority that the configuration pins. Whatever is not understood is a no.
 *
 * Attacks: a certificate of a person, of another host, of another authority, or that is over, shown as the one of the host; an authority that is
 * itself a certificate; a certificate without names, which OpenSSH 9 takes for all hosts; a key or an authority that was revoked.
 */
import { visible } from '../../../base/visible-text.js';
import { WireReader } from '../codec/wire.js';
import { HOST, isSignedByItsAuthority, parseCertificate, plainAlgorithm, type UnprovenCertificate, USER } from './certificate.js';
import { fingerprint, keyType, publicKeyOf } from './public-key.js';

export interface ExpectedHost {
  /** Public keys, in their encoding, of who may certify hosts. */
  readonly authorities: readonly Buffer[];
  readonly revoked: readonly Buffer[];
  /** Compared with the names in the certificate as ssh does: whole, in lower case, without wildcards. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The certified key, which has to sign the key exchange; or why the certificate is nothing, and what of that is not for everybody. */
export type JudgedHost = { readonly key: Buffer } | { readonly why: string; readonly detail?: string };

export const isCertificate = (blob: Buffer): boolean => plainAlgorithm(keyType(blob)) !== null;

/** The key that a line names: its own, or the one inside where it is a certificate. Of use for revoked ones only: nothing is proved. */
export const keyInside = (blob: Buffer): Buffer => parseCertificate(blob)?.key ?? blob;

export function judgeHostCertificate(blob: Buffer, { authorities, revoked, name, now }: ExpectedHost): JudgedHost {
  const certificate = parseCertificate(blob);
  if (certificate === null) return { why: 'it cannot be read' };
  const { key, signer } = certificate;
  if (publicKeyOf(signer) === null) {
    if (isCertificate(signer)) return { why: 'its authority is itself a certificate' };
    return { why: 'its authority is a key of a kind or size that the gateway does not take' };
  }
  const isRevoked = (one: Buffer): boolean => revoked.some((each) => each.equals(one));
  const authority = `${keyType(signer)} ${fingerprint(signer)}`;
  if (isRevoked(signer)) return { why: `its authority ${authority} is marked revoked` };
  if (!authorities.some((each) => each.equals(signer))) return { why: `its authority ${authority} is not one that the gateway knows` };
  if (!isSignedByItsAuthority(certificate)) return { why: 'its signature is not one of its authority' };
  // From here on it says what an authority signed that is pinned.
  if (publicKeyOf(key) === null) return { why: 'its key is of a kind or size that the gateway does not take' };
  if (isRevoked(key)) return { why: `its key ${keyType(key)} ${fingerprint(key)} is marked revoked` };
  return whyNot(certificate, name, now) ?? { key };
}

function whyNot({ kind, principals, validAfter, validBefore, critical }: UnprovenCertificate, name: string, now: number): JudgedHost | null {
  if (kind !== HOST) return { why: kind === USER ? 'it is for a user, not for a host' : 'it is neither for a host nor for a user' };
  if (critical.length > 0) return { why: `it demands what the gateway does not know: ${firstOption(critical)}` };
  const second = BigInt(Math.floor(now / 1000));
  if (second < validAfter) return { why: `it is not valid before ${dateOf(validAfter)}` };
  if (second >= validBefore) return { why: `it expired at ${dateOf(validBefore)}` };
  if (principals.length === 0) return { why: 'it names no host' };
  if (principals.includes(name.toLowerCase())) return null;
  const names = visible(principals.join(', ')).slice(0, 500);
  return { why: 'it is for hosts of other names', detail: `The certificate is for: ${names}. The target is known as: ${name}.` };
}

function firstOption(critical: Buffer): string {
  try {
    return new WireReader(critical).name();
  } catch {
    return 'options that cannot be read';
  }
}

/** Last moment that a Date can hold. */
const DATES_END = 8_640_000_000_000n;

const dateOf = (seconds: bigint): string => (seconds > DATES_END ? 'the end of time' : new Date(Number(seconds) * 1000).toISOString());
