/** The keys that sign the audit log: those that the configuration names, the newest first, or one that the gateway makes and keeps. */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { newSigningKey, readSigningKey } from '../audit/index.js';
import type { GatewayConfig } from '../config/index.js';
import { configuredSecret } from './configured-secret.js';
import { keptSecret } from './kept-secret.js';

/** @throws GwError `config.invalid` */
export async function loadSigningKeys(config: GatewayConfig, now: number): Promise<KeyObject[]> {
  const keys: KeyObject[] = [];
  for (const [at, secret] of config.audit.keys.entries()) {
    const what = `Key ${at + 1} of the audit log (audit.keys)`;
    keys.push(readSigningKey(await configuredSecret(secret, what), what));
  }
  if (keys.length === 0) {
    const path = join(config.gateway.dataDir, 'audit-key');
    keys.push(readSigningKey(await keptSecret(path, newSigningKey, now), `The audit key in ${path}`));
  }
  return keys;
}
