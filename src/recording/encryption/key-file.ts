/**
 * Wraps the keys of journals by keys that the gateway itself holds: 32 random bytes each, out of files or other secret references. AES-256-GCM
 * with a random nonce. Pure.
 */
import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';
import { GwError } from '../../contract/gw-error.js';
import type { KeyWrapper } from './journal-keyring.js';
import { KEY_BYTES } from './session-keys.js';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** One key that wraps; its id says nothing of it but that it is the same. */
export interface KeyFile extends KeyWrapper {
  /** @throws GwError `recording.key` for what it did not wrap */
  unwrap(wrapped: string): Buffer;
}

/** @param what names it in an error @throws GwError `config.invalid` */
export function readKeyFile(text: string, what: string): Buffer {
  const key = /^[0-9a-f]+$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (key.length !== KEY_BYTES)
    throw new GwError('config.invalid', `${what} has ${key.length} bytes instead of ${KEY_BYTES}.`, { hint: 'Make one with `openssl rand -hex 32`.' });
  return key;
}

export function createKeyFileWrapper(key: Buffer): KeyFile {
  const id = `key ${hash('sha256', Buffer.concat([Buffer.from('gw journal key id\0'), key]), 'hex').slice(0, 16)}`;
  return {
    id,
    wrap: (plain) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      return Promise.resolve(Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64'));
    },
    unwrap: (wrapped) => {
      const bytes = Buffer.from(wrapped, 'base64');
      if (bytes.length !== NONCE_BYTES + KEY_BYTES + TAG_BYTES) throw unopened(id);
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES));
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES + KEY_BYTES));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, NONCE_BYTES + KEY_BYTES)), decipher.final()]);
      } catch (cause) {
        throw unopened(id, cause);
      }
    },
  };
}

function unopened(id: string, cause?: unknown): GwError {
  return new GwError('recording.key', `The key of a journal says that it was wrapped by ${id}, and does not open with it: it was changed.`, { cause });
}
