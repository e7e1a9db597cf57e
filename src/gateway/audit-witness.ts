/** Runs a witness: its own key and state, files and public keys, no gateway. It reads logs where they lie, or takes what logs submit over the network. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cosigned, cosignLogs, KEY_TYPE, newSigningKey, publicKeyBytes, readSigningKey, verifierKey, type Witness } from '../audit/index.js';
import { systemClock } from '../base/clock.js';
import { takeLockFile } from '../base/lock-file.js';
import { parseHostPort } from '../config/index.js';
import { GwError } from '../contract/gw-error.js';
import { readKeyChain, readKeyFiles } from './audit-workbench.js';
import { keptSecret } from './kept-secret.js';
import { listLogs, logDirectory } from './open-audit-trail.js';
import { type RunningWitness, serveWitness, type WitnessServerOptions } from './witness-server.js';

export interface WitnessRun {
  /** The witness's own public key, for who verifies. */
  readonly key: string;
  readonly logs: readonly Cosigned[];
}

/** @throws GwError `usage.invalid` | `record.busy` | `audit.invalid` when its own state is damaged */
export async function runWitness(log: string, state: string, name: string, keyFiles: readonly string[]): Promise<WitnessRun> {
  const directories = await listLogs(logDirectory(log));
  const { keys: logKeys } = await readKeyChain(directories, await readKeyFiles(keyFiles));
  await using own = await openWitness(state, name);
  const logs = await cosignLogs(directories, { ...own.witness, logKeys }, Math.floor(systemClock.now() / 1000));
  return { key: own.key, logs };
}

export type ServedWitness = RunningWitness & Pick<WitnessRun, 'key'>;

/** Cosigns what logs submit, until it is closed. @throws as `runWitness`, and GwError `gateway.listen` */
export async function serveAsWitness(
  state: string,
  name: string,
  keyFiles: readonly string[],
  listen: string,
  options: Pick<WitnessServerOptions, 'tls' | 'onAnswer'>,
): Promise<ServedWitness> {
  const address = parseHostPort(listen);
  if (address === null) throw new GwError('usage.invalid', `"${listen}" is not an address to listen on.`, { hint: 'Give HOST:PORT, such as 127.0.0.1:8080.' });
  const logs = (await readKeyFiles(keyFiles)).filter(({ type }) => type === KEY_TYPE.log);
  const own = await openWitness(state, name);
  try {
    const server = await serveWitness({ ...options, ...address, witness: own.witness, logs });
    const close = async (): Promise<void> => {
      await server.close();
      await own[Symbol.asyncDispose]();
    };
    return { url: server.url, key: own.key, close };
  } catch (thrown) {
    await own[Symbol.asyncDispose]();
    throw thrown;
  }
}

/** Its key and state, for this process alone: two that cosign at a time could cosign two histories. */
async function openWitness(state: string, name: string): Promise<AsyncDisposable & { readonly witness: Witness; readonly key: string }> {
  if (!/^[^\s+]+$/u.test(name)) throw new GwError('usage.invalid', 'The name of a witness has neither blanks nor plus signs.');
  await mkdir(state, { recursive: true, mode: 0o700 });
  const lock = await takeLockFile(join(state, 'lock'));
  if (lock.kind === 'held')
    throw new GwError('record.busy', 'Another process cosigns with this state.', { hint: 'Wait until it ends, or give this one a state of its own.' });
  try {
    const key = readSigningKey(await keptSecret(join(state, 'witness-key'), newSigningKey, systemClock.now()), 'The key of the witness');
    const witness = { state, name, key };
    return { witness, key: verifierKey(name, KEY_TYPE.witness, publicKeyBytes(key)), [Symbol.asyncDispose]: () => lock.release() };
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}
