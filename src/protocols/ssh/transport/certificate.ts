/**
 * Certificates of OpenSSH (PROTOCOL.certkeys): read, those of users checked against one authority, and made (those of hosts: `host-certificate.ts`).
 * A certificate is judged by what its authority signed and by nothing that is in it otherwise: kind, principals (each an opaque text, compared
 * whole), critical options.
 *
 * Attacks: a certificate inside a certificate, or an authority that is one (D1); a certificate of another authority, or of a host; a
 * principal with a comma that others would split (D4); a critical option that is not understood and thereby ignored.
 */
import { type KeyObject, randomBytes } from 'node:crypto';
import { GwError } from '../../../contract/gw-error.js';
import { KEY_BYTES, NAME_BYTES } from '../codec/limits.js';
import { string, uint32, WireReader } from '../codec/wire.js';
import { blobOf, isSignedBy, keyType, publicKeyOf, signatureAlgorithms, signWith } from './public-key.js';

const SUFFIX = '-cert-v01@openssh.com';
export const USER = 1;
export const HOST = 2;
/** Parts of a key's encoding behind its type: they stand in the certificate in the same order. */
const KEY_PARTS: Readonly<Record<string, number>> = {
  'ssh-ed25519': 1,
  'ssh-rsa': 2,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
};
const PRINCIPALS = 256;
/** Without control characters and the comma that lists of principals are split at elsewhere. */
const PRINCIPAL = /^[^\p{C},]{1,255}$/u;

/** The algorithm that a certificate's holder signs with; null: `algorithm` is none of a certificate. */
export const plainAlgorithm = (algorithm: string): string | null => (algorithm.endsWith(SUFFIX) ? algorithm.slice(0, -SUFFIX.length) : null);

export const certificateAlgorithm = (plain: string): string => `${plain}${SUFFIX}`;

export interface Certificate {
  /** The holder's key in its own encoding. */
  readonly key: Buffer;
  readonly principals: readonly string[];
  readonly extensions: ReadonlyMap<string, Buffer>;
}

/** What is in a certificate, whoever made it. Nothing of it is proved; `signature` is the authority's, over `signed`. */
export interface UnprovenCertificate {
  readonly key: Buffer;
  readonly kind: number;
  readonly principals: readonly string[];
  /** Seconds since the epoch; good from the first one on until before the second. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  readonly critical: Buffer;
  readonly extensions: Buffer;
  readonly signer: Buffer;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

export interface CertificateRequest {
  readonly key: Buffer;
  readonly serial: bigint;
  /** For the logs of whoever takes it. */
  readonly keyId: string;
  readonly principals: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

/** The user certificate in `blob` if the key of `authority` signed it, and it asks for nothing that is not understood; null otherwise. */
export function readCertificate(blob: Buffer, authority: Buffer): Certificate | null {
  const certificate = parseCertificate(blob);
  if (certificate === null || !certificate.signer.equals(authority) || !isSignedByItsAuthority(certificate)) return null;
  const { key, kind, principals, critical } = certificate;
  const extensions = optionsOf(certificate.extensions);
  return kind === USER && critical.length === 0 && publicKeyOf(key) !== null && extensions !== null ? { key, principals, extensions } : null;
}

/** Null where it is no certificate: whoever offered it is told so by not being let in, or not being believed. */
export function parseCertificate(blob: Buffer): UnprovenCertificate | null {
  try {
    return parse(blob);
  } catch {
    // Cut short or too long.
    return null;
  }
}

export const isSignedByItsAuthority = ({ signer, signature, signed }: UnprovenCertificate): boolean =>
  signatureAlgorithms(keyTypeOf(signer)).some((algorithm) => isSignedBy(signer, algorithm, signature, signed));

const keyTypeOf = (blob: Buffer): string => (publicKeyOf(blob) === null ? '' : keyType(blob));

function parse(blob: Buffer): UnprovenCertificate | null {
  const reader = new WireReader(blob);
  const plain = plainAlgorithm(reader.name());
  const parts = plain === null || !Object.hasOwn(KEY_PARTS, plain) ? undefined : KEY_PARTS[plain];
  if (plain === null || parts === undefined) return null;
  reader.string(NAME_BYTES);
  const from = reader.position;
  for (let part = 0; part < parts; part++) reader.string(KEY_BYTES);
  const key = Buffer.concat([string(plain), blob.subarray(from, reader.position)]);
  reader.uint64();
  const kind = reader.uint32();
  reader.string(KEY_BYTES);
  const principals = listOf(reader.string(KEY_BYTES));
  const validAfter = reader.uint64();
  const validBefore = reader.uint64();
  const critical = reader.string(KEY_BYTES);
  const extensions = reader.string(KEY_BYTES);
  reader.string(KEY_BYTES);
  const signer = reader.string(KEY_BYTES);
  const signed = blob.subarray(0, reader.position);
  const signature = reader.string(KEY_BYTES);
  reader.end();
  return { key, kind, principals, validAfter, validBefore, critical, extensions, signer, signed, signature };
}

function listOf(bytes: Buffer): string[] {
  const reader = new WireReader(bytes);
  const list: string[] = [];
  while (reader.left > 0 && list.length < PRINCIPALS) list.push(reader.string(NAME_BYTES).toString('utf8'));
  reader.end();
  return list;
}

function optionsOf(bytes: Buffer): Map<string, Buffer> | null {
  const reader = new WireReader(bytes);
  const options = new Map<string, Buffer>();
  try {
    while (reader.left > 0) {
      const name = reader.name();
      const value = reader.string(KEY_BYTES);
      options.set(name, value.length === 0 ? value : new WireReader(value).string(KEY_BYTES));
    }
  } catch {
    // Options that are no options: what holds them is no certificate that means something.
    return null;
  }
  return options;
}

/** @throws GwError `usage.invalid` for principals that could be taken for others */
export function makeCertificate(authority: KeyObject, request: CertificateRequest): Buffer {
  const { key, serial, keyId, principals, notBefore, notAfter, extensions } = request;
  const bad = principals.find((each) => !PRINCIPAL.test(each));
  if (bad !== undefined || principals.length === 0 || principals.length > PRINCIPALS)
    throw new GwError('usage.invalid', `A certificate is for 1 to ${PRINCIPALS} names without commas and control characters.`);
  const seconds = (time: number): Buffer => uint64(BigInt(Math.max(0, Math.floor(time / 1000))));
  const names = [...extensions.keys()].sort();
  const body = Buffer.concat([
    string(certificateAlgorithm(keyType(key))),
    string(randomBytes(32)),
    key.subarray(4 + key.readUInt32BE(0)),
    uint64(serial),
    uint32(USER),
    string(keyId),
    string(Buffer.concat(principals.map((each) => string(each)))),
    seconds(notBefore),
    seconds(notAfter),
    string(''),
    string(Buffer.concat(names.map((name) => Buffer.concat([string(name), string(optionData(extensions.get(name)))])))),
    string(''),
    string(blobOf(authority)),
  ]);
  return Buffer.concat([body, string(signWith(authority, 'ssh-ed25519', body))]);
}

/** A flag has no data at all; everything else is a string inside the string. */
const optionData = (value: Uint8Array | undefined): Uint8Array => (value === undefined || value.length === 0 ? Buffer.alloc(0) : string(value));

function uint64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
