/** The keys of web-1, its own and the one that it lets in: made for the world and for no other use, kept over restarts, in OpenSSH's format. */
import ssh2 from 'ssh2';
import { GwError } from '../contract/gw-error.js';
import { keptSecret } from './secret-file.js';

/** Bytes of an ed25519 public key on the wire: two lengths, `ssh-ed25519` and the key. */
const PUBLIC_LENGTH = 4 + 11 + 4 + 32;

/** `TYPE BASE64` of the public half. The private one is in the file, and is made when there is none. @throws GwError `quickstart.start` when it is damaged */
export async function keptKey(file: string): Promise<string> {
  const secret = await keptSecret(file, newKey);
  const key = ssh2.utils.parseKey(`${secret.expose()}\n`);
  if (key instanceof Error) {
    throw new GwError('quickstart.start', `The key ${file} cannot be read.`, { hint: 'Remove it, and another one is made.', cause: key });
  }
  return `${key.type} ${key.getPublicSSH().toString('base64')}`;
}

/** ssh2 drops zeros that a public key begins with, and one in 256 does: such a key is no key, and another one is made. */
function newKey(): string {
  for (;;) {
    const { private: text, public: line } = ssh2.utils.generateKeyPairSync('ed25519', { comment: 'gw quickstart' });
    if (Buffer.from(line.split(' ')[1] ?? '', 'base64').length === PUBLIC_LENGTH) return text.trimEnd();
  }
}
