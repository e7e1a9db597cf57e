/**
 * Ed25519 keys of signed notes (C2SP signed-note): the verifier key `name+hash+base64(type ‖ key)` that people pass around, and the id that
 * ties a signature to name, type and key. Pure.
 */
import { createPrivateKey, createPublicKey, hash, type KeyObject, randomBytes } from 'node:crypto';
import { GwError } from '../contract/gw-error.js';

/** Type bytes of C2SP signed-note: a log's own signature, and a witness's cosignature. */
export const KEY_TYPE = { log: 0x01, witness: 0x04 } as const;

export type KeyType = (typeof KEY_TYPE)[keyof typeof KEY_TYPE];

const KEY_BYTES = 32;
const ID_BYTES = 4;
/** SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), before its 32 bytes. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
/** PrivateKeyInfo of an Ed25519 key (RFC 8410), before its seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
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

/** Keys as objects, by their bytes in hex: whoever verifies looks at many signatures of few keys, and making the object costs as much as the signature. */
const objects = new Map<string, KeyObject>();
const OBJECTS = 100;

/** @param key 32 bytes */
export function publicKeyObject(key: Uint8Array): KeyObject {
  const name = Buffer.from(key).toString('hex');
  const known = objects.get(name);
  if (known !== undefined) return known;
  const made = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, key]), format: 'der', type: 'spki' });
  // Keys come out of files of others, too: what is kept of them has a bound.
  if (objects.size === OBJECTS) objects.clear();
  objects.set(name, made);
  return made;
}

/** The 32 bytes of the public key of a private one. */
export function publicKeyBytes(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length);
}

/** A new private key: the 32 bytes of its seed (RFC 8032), in hex, so that it is one line wherever secrets are kept. */
export function newSigningKey(): string {
  return randomBytes(KEY_BYTES).toString('hex');
}

/** @param seed 32 bytes in hex or base64. @throws GwError `config.invalid` when the text is something else */
export function readSigningKey(seed: string, what: string): KeyObject {
  const bytes = /^[0-9a-f]{64}$/i.test(seed) ? Buffer.from(seed, 'hex') : Buffer.from(seed, 'base64');
  if (bytes.length === KEY_BYTES) return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, bytes]), format: 'der', type: 'pkcs8' });
  throw new GwError('config.invalid', `${what} has ${bytes.length} bytes; an Ed25519 key has ${KEY_BYTES}.`, { hint: 'Make one with `openssl rand -hex 32`.' });
}
