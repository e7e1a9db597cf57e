/**
 * A witness: cosigns checkpoints (C2SP tlog-cosignature, version 1) of logs that only grow, and keeps the last one of each as its state. It refuses
 * a log that does not continue what it cosigned before, that is shorter, or that is gone; so a gateway's owner cannot show two histories. Its
 * state is its own: whoever runs a gateway must not be able to write there. The logs are untrusted input.
 */
import type { KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { consistencyProof, verifyConsistency } from '../base/merkle-proof.js';
import { GwError } from '../contract/gw-error.js';
import { type Checkpoint, isSigned, parseCheckpoint } from './checkpoint.js';
import { syncDirectories, writeWhole } from './durable-file.js';
import { LogFiles } from './log-files.js';
import { KEY_TYPE, publicKeyBytes } from './note-key.js';
import { cosignNote, formatNote, type Note, verifyNote } from './signed-note.js';

export interface Witness {
  /** Where it keeps what it cosigned. */
  readonly state: string;
  readonly name: string;
  readonly key: KeyObject;
  /** Public keys of the gateway, 32 bytes each. */
  readonly logKeys: readonly Buffer[];
}

export interface Cosigned {
  readonly log: string;
  readonly size: number;
  /** Null: cosigned. Otherwise why it was not; the state is as it was. */
  readonly refused: string | null;
}

const SUFFIX = '.checkpoint';

/** @param time seconds since the epoch. @throws GwError `audit.invalid` when the witness's own state is damaged; errors of the file system as they are */
export async function cosignLogs(directories: readonly string[], witness: Witness, time: number): Promise<Cosigned[]> {
  await mkdir(witness.state, { recursive: true, mode: 0o700 });
  const results: Cosigned[] = [];
  for (const directory of directories) results.push(await cosignLog(directory, witness, time));
  const seen = new Set(results.map(({ log }) => log));
  for (const name of (await readdir(witness.state)).filter((each) => each.endsWith(SUFFIX))) {
    const last = await lastCosigned(witness, name);
    if (last !== null && !seen.has(last.origin)) results.push({ log: last.origin, size: last.size, refused: 'the log was seen once, and is not there' });
  }
  return results;
}

async function cosignLog(directory: string, witness: Witness, time: number): Promise<Cosigned> {
  const files = new LogFiles(directory);
  const bytes = await files.checkpoint();
  const parsed = bytes === null ? null : parseCheckpoint(bytes);
  if (parsed === null) return { log: directory, size: 0, refused: 'it has no checkpoint' };
  const { checkpoint, note } = parsed;
  const { origin, size } = checkpoint;
  const refused = isSigned(note, origin, witness.logKeys)
    ? await notContinued(files, await lastCosigned(witness, fileOf(origin)), checkpoint)
    : 'the checkpoint is not signed by any of the keys given';
  if (refused !== null) return { log: origin, size, refused };
  const cosigned: Note = { ...note, signatures: [...note.signatures, cosignNote(note.text, witness.name, witness.key, time)] };
  await writeWhole(witness.state, fileOf(origin), formatNote(cosigned));
  await syncDirectories(witness.state, []);
  return { log: origin, size, refused: null };
}

/** Origins have slashes. */
function fileOf(origin: string): string {
  return `${encodeURIComponent(origin)}${SUFFIX}`;
}

async function lastCosigned({ state, name, key }: Witness, file: string): Promise<Checkpoint | null> {
  let bytes: Buffer;
  try {
    bytes = await readFile(join(state, file));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
  const parsed = parseCheckpoint(bytes);
  const own = { name, type: KEY_TYPE.witness, key: publicKeyBytes(key) };
  if (parsed !== null && fileOf(parsed.checkpoint.origin) === file && verifyNote(parsed.note, own) !== false) return parsed.checkpoint;
  throw new GwError('audit.invalid', `The state of the witness is damaged: ${file} is not what it cosigned.`, {
    hint: 'Restore it from a copy; a witness without its state cannot tell a fork.',
  });
}

async function notContinued(files: LogFiles, last: Checkpoint | null, now: Checkpoint): Promise<string | null> {
  if (last === null || last.size === 0) return null;
  if (now.size < last.size) return `it had ${last.size} entries, and has ${now.size} now`;
  const proof = await consistencyProof(last.size, now.size, files.subtrees(now.size)).catch(unreadable);
  if (proof === null) return 'a tile that proves its growth cannot be read';
  return verifyConsistency(last.size, now.size, last.root, now.root, proof) ? null : `its first ${last.size} entries are not those that were cosigned`;
}

function unreadable(thrown: unknown): null {
  if (thrown instanceof GwError && thrown.code === 'audit.invalid') return null;
  throw thrown;
}
