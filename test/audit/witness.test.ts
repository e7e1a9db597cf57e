/** A witness cosigns logs that grow, and no other; what it keeps shows a fork to whoever verifies. */
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCheckpoint } from '../../src/audit/checkpoint.js';
import { type Cosigned, cosignLogs } from '../../src/audit/cosign-logs.js';
import { KEY_TYPE, newSigningKey, publicKeyBytes, readSigningKey } from '../../src/audit/note-key.js';
import { verifyNote } from '../../src/audit/signed-note.js';
import { buildLogs, claims, forge, key, leavesOf, openTrail, session, withDirectory } from './log-world.js';

const witnessKey = readSigningKey(newSigningKey(), 'The key');
const NOW = 1_790_000_000;

function run(dir: string, more: Partial<Parameters<typeof cosignLogs>[1]> = {}): Promise<Cosigned[]> {
  const logs = ['0', '1'].map((name) => join(dir, name));
  return cosignLogs(logs, { state: join(dir, 'state'), name: 'audit.example', key: witnessKey, logKeys: [publicKeyBytes(key)], ...more }, NOW);
}

const refusals = async (...args: Parameters<typeof run>): Promise<(string | null)[]> => (await run(...args)).map(({ refused }) => refused);
const kept = async (dir: string) => parseCheckpoint(await readFile(join(dir, 'state', 'bank%2F0.checkpoint')));

describe('a witness', () => {
  it('cosigns a log, and again when it has grown', () =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      expect(await refusals(dir)).toEqual([null, null]);
      const trail = await openTrail(dir, 0, 'wrk_c');
      session(trail, 'ses_c', 1, 400);
      await trail.close();
      expect(await refusals(dir)).toEqual([null, null]);
      expect(await refusals(dir)).toEqual([null, null]);
      const note = (await kept(dir))?.note;
      expect(note !== undefined && verifyNote(note, { name: 'audit.example', type: KEY_TYPE.witness, key: publicKeyBytes(witnessKey) })).toEqual({ time: NOW });
      expect((await kept(dir))?.checkpoint.size).toBe(285 + 404);
    }));

  it('refuses a log that was put back, forked or taken away, or is signed by another key, and keeps what it had', () =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      const old = join(dir, 'old');
      await cp(join(dir, '0'), old, { recursive: true });
      const trail = await openTrail(dir, 0, 'wrk_c');
      session(trail, 'ses_c', 1);
      await trail.close();
      await run(dir);
      const before = await kept(dir);
      expect(await refusals(dir, { logKeys: [] })).toEqual([expect.stringContaining('signed'), expect.stringContaining('signed')]);
      const grown = await leavesOf(join(dir, '0'), before?.checkpoint.size ?? 0);
      await rm(join(dir, '0'), { recursive: true });
      await cp(old, join(dir, '0'), { recursive: true });
      expect(await refusals(dir)).toEqual([expect.stringContaining('has 285 now'), null]);
      await forge(join(dir, '0'), [...grown.slice(1), ...grown.slice(-3)]);
      expect(await refusals(dir)).toEqual([expect.stringContaining('not those that were cosigned'), null]);
      expect(await claims(dir, { known: before === null ? [] : [before.checkpoint] })).toContain('fork');
      await rm(join(dir, '0'), { recursive: true });
      expect(await refusals(dir)).toEqual([expect.stringContaining('no checkpoint'), null, expect.stringContaining('not there')]);
      expect(await kept(dir)).toEqual(before);
    }));

  it('does not go on from a state that somebody changed', () =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      await run(dir);
      for (const name of await readdir(join(dir, 'state'))) {
        const file = join(dir, 'state', name);
        const text = await readFile(file, 'utf8');
        await writeFile(file, text.slice(0, text.lastIndexOf('— ')));
        await expect(run(dir)).rejects.toMatchObject({ code: 'audit.invalid' });
        await writeFile(file, text);
      }
    }));
});
