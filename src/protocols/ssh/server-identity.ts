/** The gateway's host key: Ed25519, kept by the gateway as base64 of PKCS#8. Clients pin it; `describe` is the line that they pin. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { HostKey } from 'ssh2/lib/protocol/Protocol.js';
import { GwError } from '../../contract/gw-error.js';
import type { ServerIdentity } from '../../contract/protocol.js';
import { blobOf, keyType } from './transport/public-key.js';

function keyOf(identity: string): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(identity, 'base64'), format: 'der', type: 'pkcs8' });
  } catch {
    throw new GwError('config.invalid', 'The SSH host key of the gateway cannot be read.', {
      hint: 'Restore it in the data directory, or remove it for a new one; clients that pinned the old one must be told.',
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
