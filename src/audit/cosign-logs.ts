/**
 * A witness: cosigns checkpoints (C2SP tlog-cosignature, version 1) of logs that only grow, and keeps the last one of each as its state. It refuses
 * a log that does not continue what it cosigned before, that is shorter, or that is gone; so a gateway's owner cannot show two histories. Its
 * state is its own: whoever runs a gateway must not be able to write there. The logs are untrusted input.
 */
import { mkdir } from 'node:fs/promises';
import { consistencyProof, verifyConsistency } from '../base/merkle-proof.js';
import { GwError } from '../contract/gw-error.js';
import { type Checkpoint, isSigned, parseCheckpoint } from './checkpoint.js';
import { LogFiles } from './log-files.js';
import { readSteadily } from './read-steadily.js';
import { allCosigned, keepCosigned, lastCosigned, type Witness } from './witness-state.js';

export interface LogWitness extends Witness {
  /** Public keys of the gateway, 32 bytes each. */
  readonly logKeys: readonly Buffer[];
}

export interface Cosigned {
  readonly log: string;
  readonly size: number;
  /** Null: cosigned. Otherwise why it was not; the state is as it was. */
  readonly refused: string | null;
}

/** @param time seconds since the epoch. @throws GwError `audit.invalid` when the witness's own state is damaged; errors of the file system as they are */
export async function cosignLogs(directories: readonly string[], witness: LogWitness, time: number): Promise<Cosigned[]> {
  await mkdir(witness.state, { recursive: true, mode: 0o700 });
  const results: Cosigned[] = [];
  for (const directory of directories)
    results.push(
      await readSteadily(
        directory,
        () => cosignLog(directory, witness, time),
        ({ refused }) => refused === null,
      ),
    );
  const seen = new Set(results.map(({ log }) => log));
  for (const { origin, size } of await allCosigned(witness)) {
    if (!seen.has(origin)) results.push({ log: origin, size, refused: 'the log was seen once, and is not there' });
  }
  return results;
}

async function cosignLog(directory: string, witness: LogWitness, time: number): Promise<Cosigned> {
  const files = new LogFiles(directory);
  const bytes = await files.checkpoint();
  const parsed = bytes === null ? null : parseCheckpoint(bytes);
  if (parsed === null) return { log: directory, size: 0, refused: 'it has no checkpoint' };
  const { checkpoint, note } = parsed;
  const { origin, size } = checkpoint;
  const refused = isSigned(note, origin, witness.logKeys)
    ? await notContinued(files, await lastCosigned(witness, origin), checkpoint)
    : 'the checkpoint is not signed by any of the keys given';
  if (refused !== null) return { log: origin, size, refused };
  await keepCosigned(witness, { checkpoint, note }, time);
  return { log: origin, size, refused: null };
}

async function notContinued(files: LogFiles, last: Checkpoint | null, now: Checkpoint): Promise<string | null> {
  if (last === null || last.size === 0) return null;
  if (now.size < last.size) return `it had ${last.size} entries, and has ${now.size} now`;
  const first = await files.first();
  if (last.size < first) return `it was pruned up to entry ${first}, and ${last.size} entries were cosigned: nothing shows that it continues them`;
  const proof = await consistencyProof(last.size, now.size, files.subtrees(now.size)).catch(unreadable);
  if (proof === null) return 'a tile that proves its growth cannot be read';
  return verifyConsistency(last.size, now.size, last.root, now.root, proof) ? null : `its first ${last.size} entries are not those that were cosigned`;
}

function unreadable(thrown: unknown): null {
  if (thrown instanceof GwError && thrown.code === 'audit.invalid') return null;
  throw thrown;
}
