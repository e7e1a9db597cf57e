/** Notes, keys and checkpoints: one signed by Go's implementation (its documented example), ours, and everything that is not quite one. */
import { describe, expect, it } from 'vitest';
import { checkpointText, isSigned, parseCheckpoint, signCheckpoint } from '../../src/audit/checkpoint.js';
import { KEY_TYPE, newSigningKey, parseVerifierKey, publicKeyBytes, readSigningKey, verifierKey } from '../../src/audit/note-key.js';
import { cosignNote, formatNote, type Note, parseNote, verifyNote } from '../../src/audit/signed-note.js';
import { leafHash } from '../../src/base/merkle-hash.js';

const GO_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const GO_NOTE = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;
const key = readSigningKey(newSigningKey(), 'The key');
const other = readSigningKey(newSigningKey(), 'The key');
const checkpoint = { origin: 'bank/0', size: 7, root: leafHash(Buffer.from('x')) };

describe('signed notes', () => {
  it('of another implementation verify with its key, and with no changed byte', () => {
    const verifier = parseVerifierKey(GO_KEY);
    expect(verifierKey(verifier.name, verifier.type, verifier.key)).toBe(GO_KEY);
    const note = parseNote(Buffer.from(GO_NOTE)) as Note;
    expect(formatNote(note)).toBe(GO_NOTE);
    expect(verifyNote(note, verifier)).toEqual({ time: null });
    for (let at = 0; at < Buffer.byteLength(GO_NOTE); at++) {
      for (const bit of [1, 32]) {
        const changed = Buffer.from(GO_NOTE);
        changed[at] = (changed[at] as number) ^ bit;
        const parsed = parseNote(changed);
        expect(parsed !== null && verifyNote(parsed, verifier) !== false, `byte ${at}`).toBe(false);
      }
    }
  });

  it('take no verifier key whose hash, type, name or length does not fit', () => {
    for (const wrong of ['', 'x', GO_KEY.replace('c74f', 'c74e'), GO_KEY.replace('Peter', 'Petra'), GO_KEY.slice(0, -4), GO_KEY.replace('+AR', '+BR')]) {
      expect(() => parseVerifierKey(wrong), wrong).toThrowError(expect.objectContaining({ code: 'usage.invalid' }));
    }
  });

  it('of checkpoints are signed by each key, and count for a reader who knows one of them', () => {
    const parsed = parseCheckpoint(Buffer.from(signCheckpoint(checkpoint, [key, other])));
    expect(parsed?.checkpoint).toEqual(checkpoint);
    const note = parsed?.note as Note;
    for (const known of [key, other]) expect(isSigned(note, 'bank/0', [publicKeyBytes(known)])).toBe(true);
    expect(isSigned(note, 'bank/1', [publicKeyBytes(key)])).toBe(false);
    expect(isSigned(note, 'bank/0', [publicKeyBytes(readSigningKey(newSigningKey(), 'The key'))])).toBe(false);
    expect(isSigned(note, 'bank/0', [])).toBe(false);
  });

  it('of a witness carry the time that they sign, and are no signature of a log', () => {
    const text = checkpointText(checkpoint);
    const note = { text, signatures: [cosignNote(text, 'audit.example', other, 1_790_000_000)] };
    const witness = { name: 'audit.example', type: KEY_TYPE.witness, key: publicKeyBytes(other) };
    expect(verifyNote(note, witness)).toEqual({ time: 1_790_000_000 });
    expect(verifyNote(note, { ...witness, type: KEY_TYPE.log })).toBe(false);
    const moved = note.signatures.map((each) => ({ ...each, signature: Buffer.concat([Buffer.alloc(8), each.signature.subarray(8)]) }));
    expect(verifyNote({ text, signatures: moved }, witness)).toBe(false);
  });

  it('are refused as checkpoints when size, root or form is not exact', () => {
    const text = signCheckpoint(checkpoint, [key]);
    for (const [from, to] of [
      ['\n7\n', '\n07\n'],
      ['\n7\n', '\n-7\n'],
      ['\n7\n', '\n7.0\n'],
      ['bank/0\n7', '\n7'],
      ['=\n\n', '=\nextra\n\n'],
      ['— ', '- '],
    ] as const) {
      expect(parseCheckpoint(Buffer.from(text.replace(from, to))), JSON.stringify(to)).toBeNull();
    }
    expect(parseCheckpoint(Buffer.from(text.slice(0, -1)))).toBeNull();
  });

  it('need an Ed25519 key of 32 bytes', () => {
    expect(publicKeyBytes(readSigningKey(newSigningKey(), 'The key'))).toHaveLength(32);
    expect(() => readSigningKey('hunter2', 'The key')).toThrowError(expect.objectContaining({ code: 'config.invalid' }));
  });
});
