/**
 * Passes: an identity that this gateway verified, sealed for whoever proves a key, until the identity expires. They make a login last where a
 * client cannot show a token (a certificate of its protocol carries the pass). AES-256-GCM by a key of the gateway's own: nobody else can make,
 * read or change one; the holder is authenticated data, so a pass is nothing with another key. Everything else is decided anew each time it
 * is redeemed: trust in the issuer, expiry, locks.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.js';
import type { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import type { Identity, IdentityPasses } from '../contract/identity.js';
import { type IsLocked, refuseLocked } from './refuse-locked.js';

const IV = 12;
const TAG = 16;
const VERSION = 1;
/** Longest pass, bytes: it has to find room in a certificate. */
const LIMIT = 10_000;

export interface IdentityPassOptions {
  readonly key: Secret<Uint8Array>;
  readonly clock: Clock;
  /** Does the configuration in force believe this issuer? */
  trusts(issuer: string): boolean;
  readonly isLocked: IsLocked;
}

export function createIdentityPasses({ key, clock, trusts, isLocked }: IdentityPassOptions): IdentityPasses {
  return {
    issue: (identity, holder) => {
      const iv = randomBytes(IV);
      const cipher = createCipheriv('aes-256-gcm', key.expose(), iv).setAAD(Buffer.from(holder));
      const pass = Buffer.concat([Buffer.from([VERSION]), iv, cipher.update(JSON.stringify(identity)), cipher.final(), cipher.getAuthTag()]);
      if (pass.length > LIMIT)
        throw new GwError('usage.invalid', 'This login has more groups and claims than a certificate can hold.', {
          hint: 'Use `gw connect`, or ask for a token with fewer claims.',
        });
      return pass;
    },
    redeem: async (pass, holder) => {
      const identity = open(pass, holder, key);
      if (!trusts(identity.issuer))
        throw new GwError('login.token_invalid', 'The certificate stands on a login at an issuer that this gateway does not trust.');
      if (identity.expiresAt <= clock.now())
        throw new GwError('login.expired', 'The login behind the certificate has expired.', { hint: 'Log in again, and make a new certificate.' });
      await refuseLocked(identity, isLocked);
      return identity;
    },
  };
}

function open(pass: Uint8Array, holder: string, key: Secret<Uint8Array>): Identity {
  const none = (cause?: unknown): GwError => new GwError('login.token_invalid', 'The certificate holds no login of this gateway.', { cause });
  const bytes = Buffer.from(pass);
  if (bytes[0] !== VERSION || bytes.length < 1 + IV + TAG || bytes.length > LIMIT) throw none();
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.expose(), bytes.subarray(1, 1 + IV), { authTagLength: TAG })
      .setAAD(Buffer.from(holder))
      .setAuthTag(bytes.subarray(-TAG));
    const text = Buffer.concat([decipher.update(bytes.subarray(1 + IV, -TAG)), decipher.final()]).toString('utf8');
    return Object.freeze(JSON.parse(text) as Identity);
  } catch (cause) {
    throw none(cause);
  }
}
