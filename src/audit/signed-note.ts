/**
 * Signed notes (C2SP signed-note): a text that ends in a line feed, an empty line, and a line for each signature. Signing and checking of
 * a log's own signatures and of witness cosignatures (C2SP tlog-cosignature, version 1). Pure. A note is untrusted input.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import { KEY_TYPE, keyId, publicKeyBytes, publicKeyObject, type VerifierKey } from './note-key.js';

export interface NoteSignature {
  readonly name: string;
  readonly id: Buffer;
  readonly signature: Buffer;
}

export interface Note {
  /** With its last line feed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Longest note that is read. */
export const NOTE_BYTES = 1 << 16;
const SIGNATURES = 100;
const ID_BYTES = 4;
const SIGNATURE_BYTES = 64;
const TIME_BYTES = 8;
const LINE = /^— (\S+) ([A-Za-z0-9+/]+={0,2})$/u;

/** @returns null when it is no note */
export function parseNote(bytes: Buffer): Note | null {
  const note = bytes.toString('utf8');
  if (bytes.length > NOTE_BYTES || !Buffer.from(note, 'utf8').equals(bytes)) return null;
  const split = note.lastIndexOf('\n\n');
  if (split < 0 || !note.endsWith('\n')) return null;
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > SIGNATURES) return null;
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const [, name, base64] = LINE.exec(line) ?? [];
    if (name === undefined || base64 === undefined) return null;
    const raw = Buffer.from(base64, 'base64');
    // One text for one signature: otherwise a changed byte could go unseen.
    if (raw.length <= ID_BYTES || raw.toString('base64') !== base64) return null;
    signatures.push({ name, id: raw.subarray(0, ID_BYTES), signature: raw.subarray(ID_BYTES) });
  }
  return { text: note.slice(0, split + 1), signatures };
}

export function formatNote({ text, signatures }: Note): string {
  return `${text}\n${signatures.map(({ name, id, signature }) => `— ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`).join('')}`;
}

export function signNote(text: string, name: string, key: KeyObject): NoteSignature {
  return { name, id: Buffer.from(keyId(name, KEY_TYPE.log, publicKeyBytes(key))), signature: sign(null, Buffer.from(text), key) };
}

/** @param time seconds since the epoch */
export function cosignNote(text: string, name: string, key: KeyObject, time: number): NoteSignature {
  const stamp = Buffer.alloc(TIME_BYTES);
  stamp.writeBigUInt64BE(BigInt(time));
  const signature = Buffer.concat([stamp, sign(null, cosigned(text, time), key)]);
  return { name, id: Buffer.from(keyId(name, KEY_TYPE.witness, publicKeyBytes(key))), signature };
}

/** Whether the note has a valid signature of `key`; of a witness, the time of its cosignature in seconds since the epoch. */
export function verifyNote({ text, signatures }: Note, { name, type, key }: VerifierKey): false | { readonly time: number | null } {
  const id = keyId(name, type, key);
  for (const each of signatures) {
    if (each.name !== name || !each.id.equals(id)) continue;
    if (type === KEY_TYPE.log) {
      if (each.signature.length === SIGNATURE_BYTES && verify(null, Buffer.from(text), publicKeyObject(key), each.signature)) return { time: null };
      continue;
    }
    if (each.signature.length !== TIME_BYTES + SIGNATURE_BYTES) continue;
    const time = Number(each.signature.readBigUInt64BE(0));
    if (Number.isSafeInteger(time) && verify(null, cosigned(text, time), publicKeyObject(key), each.signature.subarray(TIME_BYTES))) return { time };
  }
  return false;
}

function cosigned(text: string, time: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${time}\n${text}`);
}
