/** The lock across processes: one at a time, and no dead holder keeps others out. */
import { fork } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nameProcess } from '../../src/base/process-name.js';
import { withFileLock } from '../../src/client/file-lock.js';
import { type Bundled, bundled } from '../support/bundled.js';

let folder: string;
let modules: Bundled;

beforeAll(async () => {
  modules = await bundled('client/file-lock');
  folder = await mkdtemp(join(tmpdir(), 'gw-lock-'));
});
afterAll(() => Promise.all([rm(folder, { recursive: true, force: true }), modules[Symbol.asyncDispose]()]));

describe('a file lock', () => {
  it('lets one in at a time, in one process', async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, () =>
        withFileLock(join(folder, 'one.lock'), async () => {
          most = Math.max(most, ++inside);
          await new Promise((resolve) => setImmediate(resolve));
          inside--;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(await readdir(folder)).not.toContain('one.lock');
  });

  it('loses no update of several processes', async () => {
    const counter = join(folder, 'counter');
    await writeFile(counter, '0');
    const script = join(folder, 'count.mjs');
    await writeFile(
      script,
      `import { readFile, writeFile } from 'node:fs/promises';
import { withFileLock } from ${JSON.stringify(modules.url('client/file-lock'))};
for (let i = 0; i < 20; i++) await withFileLock(${JSON.stringify(join(folder, 'many.lock'))}, async () => {
  const value = Number(await readFile(${JSON.stringify(counter)}, 'utf8'));
  await new Promise((resolve) => setImmediate(resolve));
  await writeFile(${JSON.stringify(counter)}, String(value + 1));
});`,
    );
    const codes = await Promise.all([1, 2, 3].map(() => new Promise((resolve) => fork(script, { execArgv: [] }).once('exit', resolve))));
    expect(codes).toEqual([0, 0, 0]);
    expect(await readFile(counter, 'utf8')).toBe('60');
  });

  it('takes over from a holder that died, one at a time, however many try at once', async () => {
    // Our process id with another start time: it was used again.
    const dead = { ...(await nameProcess()), start: '0' };
    for (let round = 0; round < 30; round++) {
      const path = join(folder, `dead-${round}.lock`);
      await writeFile(path, JSON.stringify({ ...dead, nonce: `${round}` }));
      let inside = 0;
      let most = 0;
      await Promise.all(
        Array.from({ length: 4 }, () =>
          withFileLock(path, async () => {
            most = Math.max(most, ++inside);
            await stat(folder);
            inside--;
          }),
        ),
      );
      expect(most).toBe(1);
    }
    expect((await readdir(folder)).filter((name) => name.startsWith('dead-'))).toEqual([]);
  });

  it('waits for a holder that it cannot judge, and takes over only when no renewal takes so long', async () => {
    const path = join(folder, 'elsewhere.lock');
    // The home directory is shared with another machine.
    await writeFile(path, JSON.stringify({ ...(await nameProcess()), boot: 'another', nonce: '1' }));
    let inside = false;
    const work = withFileLock(path, async () => {
      inside = true;
      return readFile(path, 'utf8');
    });
    for (let turn = 0; turn < 20; turn++) await stat(folder);
    expect(inside).toBe(false);
    const old = new Date(Date.now() - 121_000);
    await utimes(path, old, old);
    expect(JSON.parse(await work)).toMatchObject({ pid: process.pid });
  });

  it('is free again after a failure', async () => {
    const path = join(folder, 'fail.lock');
    await expect(withFileLock(path, () => Promise.reject(new RangeError('x')))).rejects.toThrow('x');
    expect(await withFileLock(path, () => Promise.resolve('in'))).toBe('in');
  });
});
