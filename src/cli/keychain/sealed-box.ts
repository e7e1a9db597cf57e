/**
 * Encryption of a stored login under a passphrase: scrypt, then AES-256-GCM with the gateway's origin as associated data, so that a box
 * cannot be moved to another gateway's place. Stops a reader of the disk or of a backup, not one who has the passphrase.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import { GwError } from '../../contract/gw-error.js';

const COST = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } as const;

export interface SealedBox {
  readonly format: 'gw-login-sealed/1';
  readonly salt: string;
  readonly nonce: string;
  readonly tag: string;
  readonly data: string;
}

export function seal(text: string, passphrase: string, gateway: string): SealedBox {
  const salt = randomBytes(16);
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', scryptSync(passphrase, salt, 32, COST), nonce);
  cipher.setAAD(Buffer.from(gateway));
  const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return {
    format: 'gw-login-sealed/1',
    salt: salt.toString('base64'),
    nonce: nonce.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  };
}

export function isSealed(value: unknown): value is SealedBox {
  return typeof value === 'object' && value !== null && 'format' in value && value.format === 'gw-login-sealed/1';
}

/** @throws GwError `login.store` when the passphrase is not the one, or the box was changed. */
export function unseal(box: SealedBox, passphrase: string, gateway: string): string {
  try {
    const decipher = createDecipheriv('aes-256-gcm', scryptSync(passphrase, Buffer.from(box.salt, 'base64'), 32, COST), Buffer.from(box.nonce, 'base64'), {
      authTagLength: 16,
    });
    decipher.setAAD(Buffer.from(gateway));
    decipher.setAuthTag(Buffer.from(box.tag, 'base64'));
    return Buffer.concat([decipher.update(Buffer.from(box.data, 'base64')), decipher.final()]).toString('utf8');
  } catch (cause) {
    throw new GwError('login.store', `The stored login for ${gateway} does not open with this passphrase.`, {
      cause,
      hint: 'Set GW_KEYRING_PASSPHRASE to the passphrase of the login, or run `gw logout` and `gw login`.',
    });
  }
}
