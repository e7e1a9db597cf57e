/** Keys of the gateway's own, its host key first: Ed25519, kept by the gateway as base64 of PKCS#8. `describe` is the line that others pin or trust. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { HostKey } from 'ssh2/lib/protocol/Protocol.js';
import { GwError } from '../../contract/gw-error.js';
import type { ServerIdentity } from '../../contract/protocol.js';
import { blobOf, keyType } from './transport/public-key.js';

export function keyOf(identity: string): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(identity, 'base64'), format: 'der', type: 'pkcs8' });
  } catch {
    throw new GwError('config.invalid', 'An SSH key of the gateway (its host key, or one of its authorities) cannot be read.', {
      hint: 'Restore it in the data directory, or remove it for a new one; those who pinned or trust the old one must be told.',
    });
  }
}

export const serverIdentity: ServerIdentity = {
  generate: () => generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
  describe: (identity) => {
    const blob = blobOf(keyOf(identity));
    return `${keyType(blob)} ${blob.toString('base64')}`;
  },
};

/** As the transport wants it. @throws GwError `config.invalid` */
export function hostKeyOf(identity: string): HostKey {
  const key = keyOf(identity);
  const blob = blobOf(key);
  return { type: keyType(blob), getPublicSSH: () => blob, sign: (data) => sign(null, data, key) };
}
