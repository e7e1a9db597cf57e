/** The key of clients that gw does not start itself, made once for each gateway and kept in the state directory. */
import { join } from 'node:path';
import { readIfThere } from '../../base/read-if-there.js';
import { GwError } from '../../contract/gw-error.js';
import type { Connection } from '../connection.js';
import { gatewayFileName, writePrivateFile } from '../profile/paths.js';
import { keySecret, makePortKey } from './port-key.js';

/** Folder of files for clients of this gateway. */
export function clientFolder({ settings, gateway }: Pick<Connection, 'settings' | 'gateway'>): string {
  return join(settings.paths.state, 'clients', gatewayFileName(gateway));
}

/** @throws GwError `usage.invalid` where nothing can be kept */
export async function keepForClients(file: string, content: string): Promise<void> {
  await reachable(() => writePrivateFile(file, content));
}

async function reachable<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GwError('usage.invalid', `What clients need cannot be kept on this machine: ${why}.`, {
      cause,
      hint: 'Set XDG_STATE_HOME to a folder that you can write in.',
    });
  }
}

export interface KeptPortKey {
  readonly file: string;
  readonly secret: string;
}

/** @throws GwError `usage.invalid` when what is kept is no key, or it cannot be kept */
export async function keptPortKey(connection: Pick<Connection, 'settings' | 'gateway'>): Promise<KeptPortKey> {
  const file = join(clientFolder(connection), 'key');
  const kept = await reachable(() => readIfThere(file));
  if (kept !== null) return { file, secret: keySecret(kept) };
  const { privateKey, secret } = makePortKey();
  await keepForClients(file, privateKey);
  return { file, secret };
}
