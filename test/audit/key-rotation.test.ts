/** Statements that one key hands over to another: who is followed, and every statement that is not one. */
import type { KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { NewKeys } from '../../src/audit/audit-trail.js';
import { parseCheckpoint, signCheckpoint } from '../../src/audit/checkpoint.js';
import { followRotations, keepRotation, parseRotation, readRotations, signRotation } from '../../src/audit/key-rotation.js';
import { KEY_TYPE, newSigningKey, publicKeyBytes, readSigningKey, verifierKey } from '../../src/audit/note-key.js';
import { formatNote, parseNote, signNote } from '../../src/audit/signed-note.js';
import { claims, key, openTrail, session, verify, withDirectory } from './log-world.js';

const newKey = (): KeyObject => readSigningKey(newSigningKey(), 'The key');
const [second, third, stranger] = [newKey(), newKey(), newKey()];
const TIME = '2026-03-01T12:00:00.000Z';
const state = (number: number, from: KeyObject, to: KeyObject, gateway = 'bank'): Buffer => Buffer.from(signRotation(gateway, number, from, to, TIME));
const first = state(1, key, second);
const bytes = publicKeyBytes;
const hex = (keys: readonly Buffer[]): string[] => keys.map((each) => each.toString('hex'));

describe('statements of a new key', () => {
  it('never take the place of one that is there', () =>
    withDirectory(async (dir) => {
      await keepRotation(dir, 1, first.toString());
      await expect(keepRotation(dir, 1, state(1, key, third).toString())).rejects.toMatchObject({ code: 'record.busy' });
      expect(await readRotations(dir)).toEqual([first]);
      expect(await readdir(dir)).toEqual(['rotation.1']);
    }));

  it('lead from any key that is known to the newest, and back for what was signed earlier', () => {
    const statements = [first, state(2, second, third)];
    const all = [key, second, third].map(bytes);
    for (const [at, given] of all.entries()) {
      const chain = followRotations('bank', statements, [given]);
      expect(chain.problems).toEqual([]);
      expect(hex(chain.keys)).toEqual(hex(all.slice(at)));
      expect(hex(chain.earlier).sort()).toEqual(hex(all).sort());
    }
    expect(hex(followRotations('bank', statements, [bytes(stranger)]).keys)).toEqual(hex([bytes(stranger)]));
  });

  it('are refused when either key did not sign, or they are of another gateway, place or key', () => {
    const text = parseNote(first)?.text ?? '';
    const signed = (...keys: KeyObject[]): Buffer => Buffer.from(formatNote({ text, signatures: keys.map((each) => signNote(text, 'bank', each)) }));
    expect(parseRotation(signed(key, second))).not.toBeNull();
    for (const forged of [signed(key), signed(second), signed(key, stranger), signed(stranger, second), Buffer.from('x'), Buffer.alloc(0)]) {
      const chain = followRotations('bank', [forged], [bytes(key)]);
      expect(chain.problems).toHaveLength(1);
      expect(hex(chain.keys)).toEqual(hex([bytes(key)]));
    }
    const wrong: Buffer[][] = [
      [state(1, key, second, 'other')],
      [state(2, key, second)],
      [first, first],
      [first, state(2, stranger, third)],
      // The old key cannot hand over a second time.
      [first, state(2, key, stranger)],
    ];
    for (const statements of wrong) {
      const chain = followRotations('bank', statements, [bytes(key)]);
      expect(chain.problems, String(statements)).toHaveLength(1);
      for (const refused of [stranger, third]) expect(hex(chain.keys)).not.toContain(bytes(refused).toString('hex'));
    }
  });

  it('lose their force with any changed bit', () => {
    for (let at = 0; at < first.length; at++) {
      const changed = Buffer.from(first);
      changed[at] = (first[at] as number) ^ (1 << (at % 8));
      expect(parseRotation(changed), `byte ${at}`).toBeNull();
    }
  });
});

describe('a log whose key is replaced while it is written', () => {
  /** A log that began with `key` and goes on with `second`. */
  async function build(dir: string): Promise<void> {
    const before = await openTrail(dir, 0, 'wrk_a');
    session(before, 'ses_1', 1);
    await before.close();
    let taken = false;
    const names = [verifierKey('bank/0', KEY_TYPE.log, bytes(second))];
    const newKeys = async (): Promise<NewKeys | null> => {
      if (taken) return null;
      taken = true;
      return { keys: [second], predecessors: [bytes(key)], names, rotation: 1 };
    };
    const trail = await openTrail(dir, 0, 'wrk_b', undefined, undefined, { newKeys, heartbeatMs: 5, names: [verifierKey('bank/0', KEY_TYPE.log, bytes(key))] });
    while (!taken) await new Promise((resolve) => setImmediate(resolve));
    session(trail, 'ses_2', 1);
    await trail.close();
    await keepRotation(dir, 1, first.toString());
  }
  const known = async (dir: string, given: KeyObject) => followRotations('bank', await readRotations(dir), [bytes(given)]);

  it('verifies for who knows the old key or the new one, and for nobody else', () =>
    withDirectory(async (dir) => {
      await build(dir);
      for (const given of [key, second]) expect((await verify(dir, await known(dir, given))).problems).toEqual([]);
      expect(await claims(dir, await known(dir, stranger))).toEqual(['signature']);
      expect(await claims(dir, { keys: [bytes(key)] })).toEqual(['signature']);
    }));

  it('takes nothing that the replaced key alone signs any more, nor a key that a forged statement names', () =>
    withDirectory(async (dir) => {
      await build(dir);
      const file = join(dir, '0', 'checkpoint');
      const checkpoint = parseCheckpoint(await readFile(file))?.checkpoint;
      if (checkpoint === undefined) throw new TypeError('no checkpoint');
      await writeFile(file, signCheckpoint(checkpoint, [key]));
      for (const given of [key, second]) expect(await claims(dir, await known(dir, given))).toEqual(['signature']);
      await writeFile(file, signCheckpoint(checkpoint, [key, second]));
      expect(await claims(dir, await known(dir, key))).toEqual([]);
      await writeFile(file, signCheckpoint(checkpoint, [stranger]));
      await writeFile(join(dir, 'rotation.1'), state(1, stranger, second));
      expect(await claims(dir, await known(dir, key))).toEqual(['signature']);
      await mkdir(join(dir, 'rotation.2'));
      expect((await readRotations(dir)).map(({ length }) => length > 0)).toEqual([true, false]);
    }));
});
