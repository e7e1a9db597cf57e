/**
 * The authorities by which this gateway certifies people to itself and itself to targets, and the key that seals the logins in certificates. Made
 * at the first start, and kept. Who has them can be anybody to the gateway, and anybody whom a target's authority stands for.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Secret } from '../base/secret.js';
import type { Protocol } from '../contract/protocol.js';
import { keptSecret } from './kept-secret.js';

export interface AuthorityKeys {
  readonly clients: Secret;
  readonly targets: Secret;
}

/** By kind of protocol. @throws GwError `config.invalid`; errors of the file system as they are */
export async function loadAuthorities(protocols: Iterable<Protocol>, dataDir: string, now: number): Promise<ReadonlyMap<string, AuthorityKeys>> {
  const keys = new Map<string, AuthorityKeys>();
  for (const { kind, authorities } of protocols) {
    if (authorities === null) continue;
    const kept = async (whom: 'clients' | 'targets'): Promise<Secret> =>
      new Secret(await keptSecret(join(dataDir, `${kind}-${whom}-authority`), () => authorities[whom].generate(), now));
    keys.set(kind, { clients: await kept('clients'), targets: await kept('targets') });
  }
  return keys;
}

export async function loadPassKey(dataDir: string, now: number): Promise<Secret<Uint8Array>> {
  const text = await keptSecret(join(dataDir, 'pass-key'), () => randomBytes(32).toString('base64'), now);
  return new Secret<Uint8Array>(Buffer.from(text, 'base64'));
}
