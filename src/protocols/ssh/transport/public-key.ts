/**
 * Keys in the encoding of SSH (RFC 4253 section 6.6, 5656, 8332, 8709): public keys to and from Node's, signatures made and checked. A key
 * is known by its blob; certificates and what is not listed here are no keys (D1: a certificate is never taken for the key inside).
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import keyParser from 'ssh2/lib/protocol/keyParser.js';
import { GwError } from '../../../contract/gw-error.js';
import { KEY_BYTES } from '../codec/limits.js';
import { mpint, string, WireReader } from '../codec/wire.js';

const CURVES: Readonly<Record<string, { readonly crv: string; readonly hash: string; readonly size: number }>> = {
  nistp256: { crv: 'P-256', hash: 'sha256', size: 32 },
  nistp384: { crv: 'P-384', hash: 'sha384', size: 48 },
  nistp521: { crv: 'P-521', hash: 'sha512', size: 66 },
};
/** Shorter RSA keys are no proof of anything. */
const RSA_BITS = 2048;

/** The key of a blob; null where it is of a kind that gw does not take. */
export function publicKeyOf(blob: Buffer): KeyObject | null {
  try {
    return parsePublicKey(blob);
  } catch {
    // Not a key: whoever offered it is told so by not being let in.
    return null;
  }
}

function parsePublicKey(blob: Buffer): KeyObject | null {
  const reader = new WireReader(blob);
  const type = reader.name();
  const base64url = (bytes: Buffer): string => bytes.toString('base64url');
  if (type === 'ssh-ed25519') {
    const x = reader.string(32);
    reader.end();
    return x.length === 32 ? createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: base64url(x) }, format: 'jwk' }) : null;
  }
  if (type === 'ssh-rsa') {
    const e = reader.string(16);
    const n = reader.string(KEY_BYTES);
    reader.end();
    const key = createPublicKey({ key: { kty: 'RSA', e: base64url(e), n: base64url(n) }, format: 'jwk' });
    return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_BITS ? key : null;
  }
  const curve = type.startsWith('ecdsa-sha2-') ? type.slice('ecdsa-sha2-'.length) : '';
  const known = Object.hasOwn(CURVES, curve) ? CURVES[curve] : undefined;
  if (known === undefined || reader.name() !== curve) return null;
  const point = reader.string(1 + 2 * known.size);
  reader.end();
  if (point.length !== 1 + 2 * known.size || point[0] !== 4) return null;
  const x = base64url(point.subarray(1, 1 + known.size));
  const y = base64url(point.subarray(1 + known.size));
  return createPublicKey({ key: { kty: 'EC', crv: known.crv, x, y }, format: 'jwk' });
}

/** @throws GwError `config.invalid` for a kind of key that SSH has no encoding for here */
export function blobOf(key: KeyObject): Buffer {
  const jwk = createPublicKey(key).export({ format: 'jwk' });
  const bytes = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url');
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return Buffer.concat([string('ssh-ed25519'), string(bytes(jwk.x))]);
  if (jwk.kty === 'RSA') return Buffer.concat([string('ssh-rsa'), mpint(bytes(jwk.e)), mpint(bytes(jwk.n))]);
  const [curve] = Object.entries(CURVES).find(([, { crv }]) => jwk.kty === 'EC' && crv === jwk.crv) ?? [];
  if (curve === undefined) throw new GwError('config.invalid', 'The key is neither Ed25519 nor ECDSA nor RSA.');
  return Buffer.concat([string(`ecdsa-sha2-${curve}`), string(curve), string(Buffer.concat([Buffer.from([4]), bytes(jwk.x), bytes(jwk.y)]))]);
}

/** The type of a blob's key, or '' when it has none. */
export function keyType(blob: Buffer): string {
  try {
    return new WireReader(blob).name();
  } catch {
    return '';
  }
}

/** As `ssh-keygen -l` prints it. */
export const fingerprint = (blob: Buffer): string => `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;

/** Algorithms of signatures by keys of a type, best first. SHA-1 is none. */
export const signatureAlgorithms = (type: string): readonly string[] => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type]);

const hashOf = (algorithm: string): string | null => {
  if (algorithm === 'ssh-ed25519') return null;
  if (algorithm === 'rsa-sha2-512') return 'sha512';
  if (algorithm === 'rsa-sha2-256') return 'sha256';
  return CURVES[algorithm.slice('ecdsa-sha2-'.length)]?.hash ?? 'sha256';
};

/** A signature with its algorithm, as RFC 4252 section 7 wants it. */
export function signWith(key: KeyObject, algorithm: string, data: Buffer): Buffer {
  const hash = hashOf(algorithm);
  if (!algorithm.startsWith('ecdsa-')) return Buffer.concat([string(algorithm), string(sign(hash, data, key))]);
  const both = sign(hash, data, { key, dsaEncoding: 'ieee-p1363' });
  const half = both.length / 2;
  return Buffer.concat([string(algorithm), string(Buffer.concat([mpint(both.subarray(0, half)), mpint(both.subarray(half))]))]);
}

/** Is it a signature of `data` by the key of `blob`, made by `algorithm` and no other? Never throws: everything in it is the peer's. */
export function isSignedBy(blob: Buffer, algorithm: string, signature: Buffer, data: Buffer): boolean {
  try {
    const type = keyType(blob);
    const key = signatureAlgorithms(type).includes(algorithm) ? publicKeyOf(blob) : null;
    const reader = new WireReader(signature);
    if (key === null || reader.name() !== algorithm) return false;
    const value = reader.string(KEY_BYTES);
    reader.end();
    const hash = hashOf(algorithm);
    if (!algorithm.startsWith('ecdsa-')) return verify(hash, data, key, value);
    const size = CURVES[algorithm.slice('ecdsa-sha2-'.length)]?.size ?? 0;
    const parts = new WireReader(value);
    const both = [parts.string(KEY_BYTES), parts.string(KEY_BYTES)].map((part) => padded(part, size));
    parts.end();
    return verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, Buffer.concat(both));
  } catch {
    return false;
  }
}

function padded(integer: Buffer, size: number): Buffer {
  let from = 0;
  while (from < integer.length && integer[from] === 0) from++;
  const bytes = integer.subarray(from);
  if (bytes.length > size) throw new GwError('protocol.violation', 'A signature is longer than its key.');
  return Buffer.concat([Buffer.alloc(size - bytes.length), bytes]);
}

/**
 * A private key in PEM (PKCS#8, PKCS#1, SEC 1) or in OpenSSH's own format, without a passphrase.
 * @throws GwError `target.credential`; the key is never in it
 */
export function privateKeyOf(text: string): KeyObject {
  try {
    if (!text.includes('OPENSSH PRIVATE KEY')) return createPrivateKey(text);
    const parsed = keyParser.parseKey(text);
    if (parsed instanceof Error) throw parsed;
    const [key] = Array.isArray(parsed) ? (parsed as readonly { getPrivatePEM(): string | null }[]) : [parsed as { getPrivatePEM(): string | null }];
    return createPrivateKey(key?.getPrivatePEM() ?? '');
  } catch {
    throw new GwError('target.credential', 'The private key for the target cannot be read: it must be PEM or OpenSSH, without a passphrase.');
  }
}
