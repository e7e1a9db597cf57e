/**
 * Keys by which a client proves that it is the one that gw started. Whoever has the key alone has nothing: it counts on a tunnel only, and the
 * tunnel's hello names it beside the login's token.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { GwError } from '../../contract/gw-error.js';

export interface PortKey {
  /** PEM (SEC 1), as every client of the last twenty years reads it. */
  readonly privateKey: string;
  /** What the hello calls the secret of the port. */
  readonly secret: string;
}

export function makePortKey(): PortKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ format: 'pem', type: 'sec1' }).toString();
  return { privateKey: pem, secret: keySecret(pem) };
}

/** @throws GwError `usage.invalid` when it is no key */
export function keySecret(privateKey: string): string {
  try {
    const spki = createPublicKey(createPrivateKey(privateKey)).export({ format: 'der', type: 'spki' });
    return `publickey-sha256-${createHash('sha256').update(spki).digest('base64url')}`;
  } catch {
    throw new GwError('usage.invalid', 'The key file of the local client is not a private key.', { hint: 'Make it again as you made it.' });
  }
}
