/** Runs a witness over the logs of a gateway: its own key and state, files and public keys, no gateway. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cosigned, cosignLogs, KEY_TYPE, newSigningKey, publicKeyBytes, readSigningKey, verifierKey } from '../audit/index.js';
import { systemClock } from '../base/clock.js';
import { GwError } from '../contract/gw-error.js';
import { readKeyChain, readKeyFiles } from './audit-workbench.js';
import { keptSecret } from './kept-secret.js';
import { listLogs, logDirectory } from './open-audit-trail.js';

export interface WitnessRun {
  /** The witness's own public key, for who verifies. */
  readonly key: string;
  readonly logs: readonly Cosigned[];
}

/** @throws GwError `usage.invalid` | `audit.invalid` when its own state is damaged */
export async function runWitness(log: string, state: string, name: string, keyFiles: readonly string[]): Promise<WitnessRun> {
  if (!/^[^\s+]+$/u.test(name)) throw new GwError('usage.invalid', 'The name of a witness has neither blanks nor plus signs.');
  const directories = await listLogs(logDirectory(log));
  const { keys: logKeys } = await readKeyChain(directories, await readKeyFiles(keyFiles));
  await mkdir(state, { recursive: true, mode: 0o700 });
  const now = systemClock.now();
  const key = readSigningKey(await keptSecret(join(state, 'witness-key'), newSigningKey, now), 'The key of the witness');
  const logs = await cosignLogs(directories, { state, name, key, logKeys }, Math.floor(now / 1000));
  return { key: verifierKey(name, KEY_TYPE.witness, publicKeyBytes(key)), logs };
}
