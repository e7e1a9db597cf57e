/** Journals of format 2, the encrypted one, stay readable for ever: the committed vector reads as that of format 1 does, and verifies without a key. */
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { destroyKey } from '../../src/recording/encryption/session-keys.js';
import { verifyJournal } from '../../src/recording/index.js';
import { VECTOR_BOOT_ID, VECTOR_SESSION, writeVector } from './journal-vector.js';
import { collect, keyFile, withDirectory } from './session-fixture.js';

const formats = join(import.meta.dirname, '..', 'formats');
const vector = join(formats, 'journal-v2');

/** Bytes stand as base64 in the file. */
const readable = (items: unknown): unknown =>
  JSON.parse(JSON.stringify(items, (_key, value: unknown) => (isBuffer(value) ? Buffer.from(value.data).toString('base64') : value)));

function isBuffer(value: unknown): value is { readonly type: 'Buffer'; readonly data: number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer';
}

describe('journal format 2', () => {
  it('reads the committed vector as what it was when it was made', async () => {
    const expected: unknown = JSON.parse(await readFile(join(formats, 'journal-v1', 'expected.json'), 'utf8'));
    expect(readable(await collect(vector, VECTOR_BOOT_ID, VECTOR_SESSION))).toEqual(expected);
    expect((await readFile(join(vector, VECTOR_BOOT_ID, '000001.gwj'))).readUInt16BE(4)).toBe(2);
    expect(await verifyJournal(vector)).toMatchObject({ intact: true, workers: [{ sessions: 1, openSessions: 0 }] });
  });

  it('is what the writer writes, but for its random numbers', () =>
    withDirectory(async (dir) => {
      await writeVector(dir, keyFile);
      for (const name of ['000001.gwj', 'keys']) {
        const [now, then] = await Promise.all([readFile(join(dir, VECTOR_BOOT_ID, name)), readFile(join(vector, VECTOR_BOOT_ID, name))]);
        expect(now.length, name).toBe(then.length);
      }
    }));

  it('keeps its root when the key of its session is destroyed', () =>
    withDirectory(async (dir) => {
      await cp(vector, dir, { recursive: true });
      destroyKey(join(dir, VECTOR_BOOT_ID), 1);
      const whole = await verifyJournal(vector);
      const keys = ['kept', 'destroyed'];
      expect(await verifyJournal(dir)).toEqual({ ...whole, workers: whole.workers.map((worker) => ({ ...worker, keys })) });
    }));
});
