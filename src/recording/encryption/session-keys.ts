/**
 * The keys of the sessions of one journal, in its file `keys`: one record for each session, at a place that its number gives, the session's
 * key wrapped by the key of the journal. Destroying a record makes everything that the session recorded unreadable for ever, and changes
 * no byte that a hash covers. A record is untrusted: one of another session or journal does not open.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export const KEY_BYTES = 32;
const TAG_BYTES = 16;
export const RECORD_BYTES = KEY_BYTES + TAG_BYTES;
const WORD = Buffer.from('DESTROYED');
/** What stands in the place of a key that was destroyed. */
const DESTROYED = Buffer.concat([WORD, Buffer.alloc(RECORD_BYTES - WORD.length)]);
/** What a disk writes as a whole. A record that lies across an end of one may be there in part after a power cut: 16 bytes of it or 32. */
const SECTOR_BYTES = 512;

export type KeyState = 'kept' | 'destroyed' | 'none';

export function keysPath(workerDirectory: string): string {
  return join(workerDirectory, 'keys');
}

/** The key of session `number` as a record. The number is the nonce: a journal key wraps one key for each number. */
export function wrapKey(journalKey: Buffer, number: number, key: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', journalKey, nonceOf(number));
  return Buffer.concat([cipher.update(key), cipher.final(), cipher.getAuthTag()]);
}

/** Null: the record is not one of this session, or not under this journal's key. */
export function unwrapKey(journalKey: Buffer, number: number, record: Buffer): Buffer | null {
  const decipher = createDecipheriv('aes-256-gcm', journalKey, nonceOf(number));
  decipher.setAuthTag(record.subarray(KEY_BYTES));
  try {
    return Buffer.concat([decipher.update(record.subarray(0, KEY_BYTES)), decipher.final()]);
  } catch {
    return null;
  }
}

/** @returns the record, or what is there instead. @throws errors of the file system but that there is no file */
export function readKeyRecord(workerDirectory: string, number: number): { readonly state: KeyState; readonly record: Buffer } {
  const record = Buffer.alloc(RECORD_BYTES);
  const fd = openIfThere(keysPath(workerDirectory), 'r');
  if (fd === null) return { state: 'none', record };
  try {
    readSync(fd, record, 0, RECORD_BYTES, number * RECORD_BYTES);
  } finally {
    closeSync(fd);
  }
  return { state: stateOf(record, number), record };
}

function stateOf(record: Buffer, number: number): KeyState {
  if (isDestroyed(record)) return 'destroyed';
  const end = SECTOR_BYTES - ((number * RECORD_BYTES) % SECTOR_BYTES);
  const parts = end < RECORD_BYTES ? [record.subarray(0, end), record.subarray(end)] : [record];
  return parts.some(isEmpty) ? 'none' : 'kept';
}

const isEmpty = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);

/** The state of every key of a journal by session number; null when it has no file of keys. */
export function readKeyStates(bytes: Buffer): KeyState[] {
  const states: KeyState[] = [];
  for (let at = 0; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    states.push(stateOf(bytes.subarray(at, at + RECORD_BYTES), states.length));
  }
  return states;
}

/**
 * Overwrites the key of a session where it lies, and puts that on disk: also when it is overwritten already, since who did that may have died before it was there.
 * @returns what was there before
 */
export function destroyKey(workerDirectory: string, number: number): KeyState {
  const { state, record } = readKeyRecord(workerDirectory, number);
  // What a power cut left of a record may be the whole key without its tag.
  if (isEmpty(record)) return state;
  const fd = openSync(keysPath(workerDirectory), 'r+');
  try {
    if (!record.equals(DESTROYED)) writeSync(fd, DESTROYED, 0, RECORD_BYTES, number * RECORD_BYTES);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return state;
}

/** Also where a power cut came before all of it was overwritten. */
export function isDestroyed(record: Buffer): boolean {
  return record.subarray(0, WORD.length).equals(WORD);
}

function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 8);
  return nonce;
}

function openIfThere(path: string, flags: string): number | null {
  try {
    return openSync(path, flags);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
}
