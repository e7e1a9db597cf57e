/** The lock of a directory: one holder at a time, also when many take it over from a process that died. */
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockDirectory } from '../../src/store/directory-lock.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gw-lock-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the lock of a directory', () => {
  it('goes to one of many that start together where its holder died', async () => {
    for (let round = 0; round < 100; round++) {
      const path = join(folder, `${round}.lock`);
      await writeFile(path, JSON.stringify({ pid: 1, start: 'never', startedAt: 'never', boot: 'another', namespace: null }));
      let inside = 0;
      let most = 0;
      const results = await Promise.allSettled(
        Array.from({ length: 6 }, async () => {
          const lock = await lockDirectory(path, 'The directory');
          most = Math.max(most, ++inside);
          for (let i = 0; i < 20; i++) await stat(folder);
          inside--;
          await lock.release();
        }),
      );
      expect(most, `round ${round}`).toBe(1);
      for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'store.in_use' });
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it('names the process that has it, and is free again after its release', async () => {
    const path = join(folder, 'named.lock');
    const lock = await lockDirectory(path, 'The directory');
    await expect(lockDirectory(path, 'The directory')).rejects.toMatchObject({
      code: 'store.in_use',
      message: `The directory is in use by process ${process.pid}.`,
    });
    await lock.release();
    const next = await lockDirectory(path, 'The directory');
    // A second release is nothing: above all it does not take the lock of the next holder away.
    await lock.release();
    await expect(lockDirectory(path, 'The directory')).rejects.toMatchObject({ code: 'store.in_use' });
    await next.release();
    expect(await readdir(folder)).toEqual([]);
  });
});
