/**
 * Ed25519 keys of signed notes (C2SP signed-note): the verifier key `name+hash+base64(type ‖ key)` that people pass around, and the id that
 * ties a signature to name, type and key. Pure.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto';
import { GwError } from '../contract/gw-error.js';

/** Type bytes of C2SP signed-note: a log's own signature, and a witness's cosignature. */
export const KEY_TYPE = { log: 0x01, witness: 0x04 } as const;

export type KeyType = (typeof KEY_TYPE)[keyof typeof KEY_TYPE];

const KEY_BYTES = 32;
const ID_BYTES = 4;
/** SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), before its 32 bytes. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const NAME = /^[^\s+]+$/u;

/** The first four bytes of SHA-256 over name, line feed, type and key. */
export function keyId(name: string, type: KeyType, key: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), key]), 'buffer').subarray(0, ID_BYTES);
}

export function verifierKey(name: string, type: KeyType, key: Uint8Array): string {
  return `${name}+${keyId(name, type, key).toString('hex')}+${Buffer.concat([Buffer.of(type), key]).toString('base64')}`;
}

export interface VerifierKey {
  readonly name: string;
  readonly type: KeyType;
  readonly key: Buffer;
}

/** @throws GwError `usage.invalid` */
export function parseVerifierKey(text: string): VerifierKey {
  const [name = '', id = '', ...rest] = text.trim().split('+');
  // Base64 has `+` too.
  const bytes = Buffer.from(rest.join('+'), 'base64');
  const type = bytes[0];
  const key = bytes.subarray(1);
  const known = type === KEY_TYPE.log || type === KEY_TYPE.witness;
  if (!known || !NAME.test(name) || key.length !== KEY_BYTES || keyId(name, type, key).toString('hex') !== id) {
    throw new GwError('usage.invalid', 'This is not a key of a log or of a witness.', {
      hint: 'Give what `gw audit key` printed, as it is: NAME+HASH+BASE64.',
    });
  }
  return { name, type, key };
}

export function publicKeyObject(key: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, key]), format: 'der', type: 'spki' });
}

/** The 32 bytes of the public key of a private one. */
export function publicKeyBytes(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length);
}

/** A new private key as PEM (PKCS #8). */
export function newSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** @throws GwError `config.invalid` when the text is no Ed25519 private key */
export function readSigningKey(pem: string, what: string): KeyObject {
  let key: KeyObject | null = null;
  let cause: unknown;
  try {
    key = createPrivateKey(pem);
  } catch (thrown) {
    cause = thrown;
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new GwError('config.invalid', `${what} is not an Ed25519 private key in PEM.`, { hint: 'Make one with `openssl genpkey -algorithm ed25519`.', cause });
}
