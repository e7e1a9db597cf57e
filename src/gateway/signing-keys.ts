/** The keys that sign the audit log: those that the configuration names, the newest first, or one that the gateway makes and keeps. */
import type { KeyObject } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { newSigningKey, parseRotation, publicKeyBytes, readRotations, readSigningKey } from '../audit/index.js';
import { syncDirectories } from '../base/durable-file.js';
import { readIfThere } from '../base/read-if-there.js';
import type { GatewayConfig } from '../config/index.js';
import { configuredSecret } from './configured-secret.js';
import { keptSecret } from './kept-secret.js';

const KEY = 'audit-key';
/** A key that takes the place of the kept one as soon as a statement of the old key says so. */
export const NEXT_KEY = 'audit-key.next';

/** @throws GwError `config.invalid` */
export async function loadSigningKeys(config: GatewayConfig, now: number): Promise<KeyObject[]> {
  const keys: KeyObject[] = [];
  for (const [at, secret] of config.audit.keys.entries()) {
    const what = `Key ${at + 1} of the audit log (audit.keys)`;
    keys.push(readSigningKey(await configuredSecret(secret, what), what));
  }
  if (keys.length === 0) {
    const { dataDir } = config.gateway;
    await exchangeKey(dataDir);
    const path = join(dataDir, KEY);
    keys.push(readSigningKey(await keptSecret(path, newSigningKey, now), `The audit key in ${path}`));
  }
  return keys;
}

/** Ends a rotation: the statement is there, so the new key is the key. Any number of processes may do it at once. */
async function exchangeKey(dataDir: string): Promise<void> {
  const seed = await readIfThere(join(dataDir, NEXT_KEY));
  if (seed === null) return;
  const newest = (await readRotations(join(dataDir, 'log'))).map(parseRotation).at(-1);
  if (newest?.to.equals(publicKeyBytes(readSigningKey(seed.trim(), `The key in ${NEXT_KEY}`))) !== true) return;
  try {
    await rename(join(dataDir, NEXT_KEY), join(dataDir, KEY));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
  }
  await syncDirectories(dataDir, []);
}
