/**
 * What a witness cosigned last of each log, as notes in its own directory: its whole memory. Whoever runs a gateway must not be able to write there; a
 * note that does not carry the witness's own signature stops it.
 */
import type { KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectories, writeWhole } from '../base/durable-file.js';
import { GwError } from '../contract/gw-error.js';
import { type Checkpoint, type ParsedCheckpoint, parseCheckpoint } from './checkpoint.js';
import { KEY_TYPE, publicKeyBytes } from './note-key.js';
import { cosignNote, formatNote, type NoteSignature, verifyNote } from './signed-note.js';

export interface Witness {
  /** Where it keeps what it cosigned. */
  readonly state: string;
  readonly name: string;
  readonly key: KeyObject;
}

const SUFFIX = '.checkpoint';

/** The file of a log among what was cosigned: origins have slashes. */
export function cosignedFile(origin: string): string {
  return `${encodeURIComponent(origin)}${SUFFIX}`;
}

/** @returns null when it never cosigned that log. @throws GwError `audit.invalid` when its state is damaged */
export async function lastCosigned(witness: Witness, origin: string): Promise<Checkpoint | null> {
  try {
    return readOwn(witness, cosignedFile(origin), await readFile(join(witness.state, cosignedFile(origin))));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
}

/** The last of every log that it ever cosigned. @throws GwError `audit.invalid` */
export async function allCosigned(witness: Witness): Promise<Checkpoint[]> {
  const names = (await readdir(witness.state)).filter((name) => name.endsWith(SUFFIX));
  return Promise.all(names.map(async (name) => readOwn(witness, name, await readFile(join(witness.state, name)))));
}

/** Cosigns, and keeps what it cosigned before anybody is told. @param time seconds since the epoch */
export async function keepCosigned(witness: Witness, { checkpoint, note }: ParsedCheckpoint, time: number): Promise<NoteSignature> {
  const signature = cosignNote(note.text, witness.name, witness.key, time);
  await writeWhole(witness.state, cosignedFile(checkpoint.origin), formatNote({ ...note, signatures: [...note.signatures, signature] }));
  await syncDirectories(witness.state, []);
  return signature;
}

function readOwn({ name, key }: Witness, file: string, bytes: Buffer): Checkpoint {
  const parsed = parseCheckpoint(bytes, true);
  const own = { name, type: KEY_TYPE.witness, key: publicKeyBytes(key) };
  if (parsed !== null && cosignedFile(parsed.checkpoint.origin) === file && verifyNote(parsed.note, own) !== false) return parsed.checkpoint;
  throw new GwError('audit.invalid', `The state of the witness is damaged: ${file} is not what it cosigned.`, {
    hint: 'Restore it from a copy; a witness without its state cannot tell a fork.',
  });
}
