/** The keys by which this gateway proves who it is in protocols that do not leave that to TLS. Made at the first start, and kept. */
import { join } from 'node:path';
import { Secret } from '../base/secret.js';
import type { Protocol } from '../contract/protocol.js';
import { keptSecret } from './kept-secret.js';

/** By kind of protocol. @throws GwError `config.invalid`; errors of the file system as they are */
export async function loadServerIdentities(protocols: Iterable<Protocol>, dataDir: string, now: number): Promise<ReadonlyMap<string, Secret>> {
  const identities = new Map<string, Secret>();
  for (const { kind, serverIdentity } of protocols) {
    if (serverIdentity !== null) identities.set(kind, new Secret(await keptSecret(join(dataDir, `${kind}-identity`), () => serverIdentity.generate(), now)));
  }
  return identities;
}
