/**
 * Puts a new signing key in the place of the one that signs the audit log. Of a key that the gateway keeps itself, the new one is made here and the old
 * one is gone afterwards; of configured keys, the first takes the place of the second. The order on disk is new key, statement, exchange: whatever
 * interrupts it before the statement changed nothing, and after it whoever reads the key next ends it.
 */
import { join } from 'node:path';
import { keepRotation, newSigningKey, parseRotation, publicKeyBytes, readRotations, readSigningKey, signRotation } from '../audit/index.js';
import { systemClock } from '../base/clock.js';
import { makeDirectory, syncDirectories, writeWhole } from '../base/durable-file.js';
import { whileLocked } from '../base/lock-file.js';
import type { GatewayConfig } from '../config/index.js';
import { GwError } from '../contract/gw-error.js';
import { readGatewayConfig } from './live-config.js';
import { logDirectory } from './open-audit-trail.js';
import { loadSigningKeys, NEXT_KEY } from './signing-keys.js';

/** @returns number of the statement. @throws GwError `config.invalid` | `usage.invalid` when there is no key to replace, or none to take its place | `record.busy` while another process does it */
export async function rotateKey(configFile: string): Promise<number> {
  const { config } = await readGatewayConfig(configFile);
  const logs = logDirectory(config.gateway.dataDir);
  await makeDirectory(logs);
  return whileLocked(
    join(logs, 'rotation.lock'),
    () => new GwError('record.busy', 'Another process replaces the signing key.', { hint: 'Look at the key when it is done: `gw audit key`.' }),
    () => replaceKey(config, logs),
  );
}

async function replaceKey(config: GatewayConfig, logs: string): Promise<number> {
  const { dataDir, name } = config.gateway;
  const now = systemClock.now();
  const [newest, before] = await loadSigningKeys(config, now);
  const statements = await readRotations(logs);
  const number = statements.length + 1;
  const time = new Date(now).toISOString();
  const last = statements.map(parseRotation).at(-1);
  const isLast = newest !== undefined && last?.to.equals(publicKeyBytes(newest)) === true;
  if (config.audit.keys.length === 0) {
    if (newest === undefined || (last !== undefined && !isLast))
      throw new GwError('config.invalid', `The key that rotation ${statements.length} names is not the one that the gateway keeps.`, {
        hint: 'Restore `audit-key` in the data directory from a copy.',
      });
    const seed = newSigningKey();
    await writeWhole(dataDir, NEXT_KEY, `${seed}\n`);
    await syncDirectories(dataDir, []);
    await keepRotation(logs, number, signRotation(name, number, newest, readSigningKey(seed, 'The new key'), time));
    await loadSigningKeys(config, now);
    return number;
  }
  if (newest === undefined || before === undefined)
    throw new GwError('usage.invalid', 'There is one key in `audit.keys`, and no other to take its place.', {
      hint: 'Put the new key first, leave the old one behind it, and run this again.',
    });
  if (isLast)
    throw new GwError('usage.invalid', 'The first key in `audit.keys` has taken the place of the second already.', { hint: 'The second one may be removed.' });
  if (last !== undefined && last?.to.equals(publicKeyBytes(before)) !== true)
    throw new GwError('usage.invalid', `The second key in audit.keys is not the one that rotation ${statements.length} names.`);
  await keepRotation(logs, number, signRotation(name, number, before, newest, time));
  return number;
}
