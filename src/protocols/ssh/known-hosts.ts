/**
 * Which keys a target may have, and who may certify its key: lines of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), plain or hashed
 * names, and keys that the configuration names itself. A key that is marked revoked is never one of them.
 */
import { createHmac } from 'node:crypto';
import { keyInside } from './transport/host-certificate.js';
import { publicKeyOf } from './transport/public-key.js';

/** Public keys, in their encoding. */
export interface HostKeys {
  readonly trusted: readonly Buffer[];
  /** Of who may certify hosts. */
  readonly authorities: readonly Buffer[];
  /** Of hosts, and of authorities. */
  readonly revoked: readonly Buffer[];
}

/** `TYPE BASE64`, as in a public key file; null where it is no key that gw takes. */
export function parseKeyLine(line: string): Buffer | null {
  const [type = '', encoded = ''] = line.trim().split(/\s+/);
  const blob = Buffer.from(encoded, 'base64');
  return type !== '' && publicKeyOf(blob) !== null && blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1') === type ? blob : null;
}

/**
 * The keys of one host in the text of a known_hosts file. Certificates name hosts without a port, so authorities may stand beside the name alone
 * where the port is not 22, as ssh has it; and so may what is revoked, because that is the safe side.
 */
export function lookUp(text: string, host: string, port: number): HostKeys {
  const bare = host.toLowerCase();
  const name = port === 22 ? bare : `[${bare}]:${port}`;
  const trusted: Buffer[] = [];
  const authorities: Buffer[] = [];
  const revoked: Buffer[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const words = line.split(/\s+/);
    const marker = words[0]?.startsWith('@') === true ? (words.shift() ?? '') : '';
    const [hosts = '', type = '', encoded = ''] = words;
    if (!isNamed(hosts, name) && (marker === '' || !isNamed(hosts, bare))) continue;
    if (marker === '@revoked') revoked.push(keyInside(Buffer.from(encoded, 'base64')));
    const blob = parseKeyLine(`${type} ${encoded}`);
    if (blob === null) continue;
    if (marker === '') trusted.push(blob);
    else if (marker === '@cert-authority') authorities.push(blob);
  }
  return { trusted, authorities, revoked };
}

function isNamed(hosts: string, name: string): boolean {
  if (hosts.startsWith('|1|')) {
    const [, , salt = '', hash = ''] = hosts.split('|');
    return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
  }
  let found = false;
  for (const pattern of hosts.split(',')) {
    const negated = pattern.startsWith('!');
    if (!fits(negated ? pattern.slice(1) : pattern, name)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

function fits(pattern: string, name: string): boolean {
  const source = [...pattern.toLowerCase()].map((each) => (each === '*' ? '.*' : each === '?' ? '.' : each.replace(/[\\^$.|+()[\]{}]/g, '\\$&'))).join('');
  return new RegExp(`^${source.replace(/(?:\.\*)+/g, '.*')}$`).test(name);
}
