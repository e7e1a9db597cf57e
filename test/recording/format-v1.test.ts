/** Journals of format 1 stay readable for ever: the committed vector reads, verifies, and is what today's writer writes, byte for byte. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifyJournal } from '../../src/recording/index.js';
import { VECTOR_BOOT_ID, VECTOR_SESSION, writeVector } from './journal-vector.js';
import { collect, withDirectory } from './session-fixture.js';

const vector = join(import.meta.dirname, '..', 'formats', 'journal-v1');

const sha = (...parts: Uint8Array[]): Buffer => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

describe('journal format 1', () => {
  it('reads the committed vector as it was read when it was made', async () => {
    const items = await collect(vector, VECTOR_BOOT_ID, VECTOR_SESSION);
    const expected: unknown = JSON.parse(await readFile(join(vector, 'expected.json'), 'utf8'));
    // Bytes stand as base64 in the file.
    const readable: unknown = JSON.parse(
      JSON.stringify(items, (_key, value: unknown) => (isBuffer(value) ? Buffer.from(value.data).toString('base64') : value)),
    );
    expect(readable).toEqual(expected);
    expect(await verifyJournal(vector)).toMatchObject({
      intact: true,
      workers: [
        {
          bootId: VECTOR_BOOT_ID,
          segments: [
            { sealed: true, final: false },
            { sealed: true, final: true },
          ],
        },
      ],
    });
  });

  it('is what the writer writes', () =>
    withDirectory(async (dir) => {
      await writeVector(dir);
      const names = (await readdir(join(vector, VECTOR_BOOT_ID))).sort();
      expect((await readdir(join(dir, VECTOR_BOOT_ID))).sort()).toEqual(names);
      for (const name of names) {
        const [now, then] = await Promise.all([readFile(join(dir, VECTOR_BOOT_ID, name)), readFile(join(vector, VECTOR_BOOT_ID, name))]);
        expect(now.toString('hex'), name).toBe(then.toString('hex'));
      }
    }));

  it('can be read with nothing but the specification', async () => {
    // A reader written from docs/spec/journal.md alone: chain, entries and Merkle root, no code of src.
    const specification = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'spec', 'journal.md'), 'utf8');
    let previous = Buffer.alloc(32);
    const kinds: number[] = [];
    for (const name of ['000001.gwj', '000002.gwj']) {
      const file = await readFile(join(vector, VECTOR_BOOT_ID, name));
      expect(file.toString('latin1', 0, 4)).toBe('GWJ1');
      expect(file.readUInt16BE(4)).toBe(1);
      const headerEnd = file.readUInt16BE(6);
      expect(file.subarray(18, 50).equals(previous)).toBe(true);
      let chain = sha(file.subarray(0, headerEnd - 32));
      expect(file.subarray(headerEnd - 32, headerEnd).equals(chain)).toBe(true);
      const leaves: Buffer[] = [];
      let at = headerEnd;
      for (;;) {
        const bodyEnd = at + 16 + file.readUInt32BE(at);
        const next = sha(chain, file.subarray(at, bodyEnd));
        expect(file.subarray(bodyEnd, bodyEnd + 32).equals(next)).toBe(true);
        expect(specification).toContain(next.toString('hex'));
        if (file[at + 4] === 2) {
          const body = file.subarray(at + 16, bodyEnd);
          expect(body.readUIntBE(0, 6)).toBe(leaves.length);
          expect(body.subarray(13, 45).toString('hex')).toBe(merkle(leaves).toString('hex'));
          expect(specification).toContain(merkle(leaves).toString('hex'));
          expect(bodyEnd + 32).toBe(file.length);
          break;
        }
        for (let entry = at + 16; entry < bodyEnd; ) {
          const end = entry + 4 + file.readUInt32BE(entry);
          leaves.push(sha(Buffer.of(0), file.subarray(at + 6, at + 12), file.subarray(entry + 4, end)));
          kinds.push(file[entry + 4] as number);
          entry = end;
        }
        chain = next;
        at = bodyEnd + 32;
      }
      previous = Buffer.from(chain);
    }
    expect(new Set(kinds)).toEqual(new Set([1, 2, 3, 4, 6, 7, 8, 9, 10, 11]));
  });
});

function merkle(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0] as Buffer;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha(Buffer.of(1), merkle(leaves.slice(0, k)), merkle(leaves.slice(k)));
}

function isBuffer(value: unknown): value is { readonly type: 'Buffer'; readonly data: number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer';
}
