/**
 * Keys by which a client proves that it is the one that gw started. Whoever has the key alone has nothing: it counts on a tunnel only, and the
 * tunnel's hello names it beside the login's token.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { GwError } from '../../contract/gw-error.js';

export interface PortKey {
  /** PEM (SEC 1), as every client of the last twenty years reads it. */
  readonly privateKey: string;
  /** What the hello calls the secret of the port. */
  readonly secret: string;
}

const NATIVE_TYPE = 'ecdsa-sha2-nistp256';

export function makePortKey(): PortKey {
  const { privateKey } = newKey();
  return { privateKey, secret: keySecret(privateKey) };
}

/** A key for the native port of a host's protocol. */
export function makeNativeKey(): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = newKey();
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const field = (bytes: Uint8Array): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  // RFC 5656 section 3.1: the type, the curve, the point.
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  const blob = Buffer.concat([field(Buffer.from(NATIVE_TYPE)), field(Buffer.from('nistp256')), field(point)]);
  return { privateKey, publicKey: `${NATIVE_TYPE} ${blob.toString('base64')}` };
}

function newKey(): { readonly privateKey: string; readonly publicKey: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey: privateKey.export({ format: 'pem', type: 'sec1' }).toString(), publicKey };
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
