/**
 * Ed25519 as checkpoints are signed with it, against Project Wycheproof's edge cases (Apache-2.0): valid, forged, malleable and truncated signatures, each put
 * into a note as if a log had signed it. RFC 8032 says which of them count.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KEY_TYPE, keyId } from '../../src/audit/note-key.js';
import { verifyNote } from '../../src/audit/signed-note.js';

interface Group {
  readonly publicKey: { readonly pk: string };
  readonly tests: readonly { readonly tcId: number; readonly comment: string; readonly msg: string; readonly sig: string; readonly result: string }[];
}

const file = join(import.meta.dirname, '..', 'formats', 'wycheproof', 'ed25519.json');
const { testGroups } = JSON.parse(readFileSync(file, 'utf8')) as { readonly testGroups: readonly Group[] };
const vectors = testGroups.flatMap(({ publicKey, tests }) => tests.map((each) => ({ ...each, key: Buffer.from(publicKey.pk, 'hex') })));

describe('signatures of a log', () => {
  it('are judged as the vectors say', () => {
    expect(vectors.length).toBeGreaterThan(100);
    const wrong = vectors.filter(({ key, msg, sig, result }) => {
      // A note is text; what is signed are its bytes.
      const text = Buffer.from(msg, 'hex');
      const verifier = { name: 'log', type: KEY_TYPE.log, key };
      const signature = { name: 'log', id: keyId('log', KEY_TYPE.log, key), signature: Buffer.from(sig, 'hex') };
      const readable = text.equals(Buffer.from(text.toString('utf8'), 'utf8'));
      if (!readable) return false;
      return (verifyNote({ text: text.toString('utf8'), signatures: [signature] }, verifier) !== false) !== (result === 'valid');
    });
    expect(wrong.map(({ tcId, comment }) => `${tcId} ${comment}`)).toEqual([]);
    const looked = vectors.filter(({ msg }) => Buffer.from(msg, 'hex').equals(Buffer.from(Buffer.from(msg, 'hex').toString('utf8'), 'utf8')));
    expect(looked.filter(({ result }) => result === 'valid').length).toBeGreaterThan(20);
    expect(looked.filter(({ result }) => result === 'invalid').length).toBeGreaterThan(40);
  });
});
