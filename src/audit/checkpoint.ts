/** Checkpoints (C2SP tlog-checkpoint): origin, size and root of a log, as the text of a signed note. Pure; input is untrusted. */
import type { KeyObject } from 'node:crypto';
import { HASH_BYTES } from '../base/merkle-hash.js';
import { KEY_TYPE } from './note-key.js';
import { formatNote, type Note, parseNote, signNote, verifyNote } from './signed-note.js';

export interface Checkpoint {
  /** Names the log. Its keys have the same name. */
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

const SIZE = /^(0|[1-9][0-9]{0,15})$/;

export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** Every key signs: while one key replaces another, those who know only the older one can go on. */
export function signCheckpoint(checkpoint: Checkpoint, keys: readonly KeyObject[]): string {
  const text = checkpointText(checkpoint);
  return formatNote({ text, signatures: keys.map((key) => signNote(text, checkpoint.origin, key)) });
}

export interface ParsedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly note: Note;
}

/**
 * @param extended lines after the root are accepted, as logs of others may have them; ours have none
 * @returns null when it is no checkpoint. Says nothing about its signatures.
 */
export function parseCheckpoint(bytes: Buffer, extended = false): ParsedCheckpoint | null {
  const note = parseNote(bytes);
  if (note === null) return null;
  const [origin = '', size = '', base64 = '', ...rest] = note.text.split('\n');
  const root = Buffer.from(base64, 'base64');
  if (origin === '' || !SIZE.test(size) || !Number.isSafeInteger(Number(size)) || rest.pop() !== '') return null;
  if (rest.length > 0 && (!extended || rest.includes(''))) return null;
  if (root.length !== HASH_BYTES || root.toString('base64') !== base64) return null;
  return { checkpoint: { origin, size: Number(size), root }, note };
}

/** Whether one of `keys` (32 bytes each) signed the note as the log `origin`. */
export function isSigned(note: Note, origin: string, keys: readonly Buffer[]): boolean {
  return keys.some((key) => verifyNote(note, { name: origin, type: KEY_TYPE.log, key }) !== false);
}
