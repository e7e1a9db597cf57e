/** The key of clients that gw does not start itself, made once for each gateway and kept in the state directory. */
import { join } from 'node:path';
import { readIfThere } from '../../base/read-if-there.js';
import type { Connection } from '../connection.js';
import { gatewayFileName, writePrivateFile } from '../profile/paths.js';
import { keySecret, makePortKey } from './port-key.js';

/** Folder of files for clients of this gateway. */
export function clientFolder({ settings, gateway }: Pick<Connection, 'settings' | 'gateway'>): string {
  return join(settings.paths.state, 'clients', gatewayFileName(gateway));
}

export interface KeptPortKey {
  readonly file: string;
  readonly secret: string;
}

/** @throws GwError `usage.invalid` when what is kept is no key */
export async function keptPortKey(connection: Pick<Connection, 'settings' | 'gateway'>): Promise<KeptPortKey> {
  const file = join(clientFolder(connection), 'key');
  const kept = await readIfThere(file);
  if (kept !== null) return { file, secret: keySecret(kept) };
  const { privateKey, secret } = makePortKey();
  await writePrivateFile(file, privateKey);
  return { file, secret };
}
