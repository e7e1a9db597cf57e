/** The lock file between real processes that are killed while they hold it. Who takes over what is tested where locks are used. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockHolder, takeLockFile } from '../../src/base/lock-file.js';
import { nameProcess } from '../../src/base/process-name.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gw-lock-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function lockOf(change: object): Promise<string> {
  return JSON.stringify({ ...(await nameProcess()), nonce: 'abc', ...change });
}

describe('a lock file', () => {
  it('lets one process in at a time, also when holders are killed', async () => {
    const path = join(folder, 'killed.lock');
    const run = async (seed: number): Promise<{ readonly words: readonly string[]; readonly killed: boolean }> => {
      const child = spawn(process.execPath, ['--import', './scripts/load-typescript.mjs', 'test/base/hold-lock.ts', path, String(seed)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [output, [, signal]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number | null, string | null]>]);
      return { words: output.trim().split('\n'), killed: signal === 'SIGKILL' };
    };
    const runs = await Promise.all(
      [11, 22, 33].map(async (first) => {
        const found = [];
        for (let seed = first; seed < first + 4; seed++) found.push(await run(seed));
        return found;
      }),
    );
    const all = runs.flat();
    expect(all.filter(({ killed }) => killed).length).toBeGreaterThan(3);
    expect(new Set(all.flatMap(({ words }) => words))).toEqual(new Set(['in']));
  });

  it('knows a holder that runs, one whose process id was used again, and one that it cannot judge', async () => {
    const path = join(folder, 'known.lock');
    expect(await lockHolder(path)).toBeNull();
    for (const [content, pid, state] of [
      [await lockOf({}), process.pid, 'running'],
      [await lockOf({ start: '0' }), process.pid, 'gone'],
      [await lockOf({ pid: 2 ** 22 + 1, start: '1' }), 2 ** 22 + 1, 'gone'],
      [await lockOf({ boot: 'another' }), process.pid, 'elsewhere'],
      [await lockOf({ namespace: 'pid:[1]' }), process.pid, 'elsewhere'],
      [await lockOf({ pid: -1 }), null, 'elsewhere'],
      ['{"pid":', null, 'elsewhere'],
      ['', null, 'elsewhere'],
      ['['.repeat(5000), null, 'elsewhere'],
    ] as const) {
      await writeFile(path, content);
      expect(await lockHolder(path), content.slice(0, 80)).toMatchObject({ pid, state });
    }
    await rm(path);
  });

  it('is taken over although who removed it before died in the middle', async () => {
    const path = join(folder, 'claimed.lock');
    const dead = await lockOf({ start: '0' });
    await writeFile(path, dead);
    // The claim is named for the content of the lock.
    const claim = `${path}.${createHash('sha256').update(dead).digest('hex').slice(0, 16)}`;
    await writeFile(claim, await lockOf({}));
    expect(await takeLockFile(path), 'a claim whose owner runs').toMatchObject({ kind: 'held', holder: { state: 'gone' } });
    await writeFile(claim, await lockOf({ start: '0', nonce: 'def' }));
    const attempt = await takeLockFile(path);
    expect(attempt.kind).toBe('taken');
    if (attempt.kind === 'taken') await attempt.release();
    expect((await readdir(folder)).filter((name) => name.startsWith('claimed'))).toEqual([]);
  });

  it('is not taken away from the next holder by a release that comes late', async () => {
    const path = join(folder, 'late.lock');
    const first = await takeLockFile(path);
    // Judged dead by somebody, rightly or not.
    const second = await takeLockFile(path, () => true);
    if (first.kind !== 'taken' || second.kind !== 'taken') throw new TypeError('both were to get it');
    const content = await readFile(path, 'utf8');
    await first.release();
    expect(await readFile(path, 'utf8')).toBe(content);
    await second.release();
    await second.release();
    expect(await lockHolder(path)).toBeNull();
  });

  it('of a living process is never judged dead by one that has no file descriptor left', async () => {
    const path = join(folder, 'exhausted.lock');
    const attempt = await takeLockFile(path);
    const child = spawn(process.execPath, ['--import', './scripts/load-typescript.mjs', 'test/base/look-without-files.ts', path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    if (attempt.kind === 'taken') await attempt.release();
    const words = output.trim().split('\n');
    expect(words.at(-1)).toBe('running');
    expect(words).toContain('EMFILE');
    expect(new Set(words)).toEqual(new Set(['EMFILE', 'running']));
  });

  it('that cannot be written leaves nothing behind', async () => {
    const path = join(folder, 'full.lock');
    const limit = (size: number | 'unlimited'): Buffer => execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${size}:`]);
    limit(0);
    try {
      await expect(takeLockFile(path)).rejects.toThrow('EFBIG');
    } finally {
      limit('unlimited');
    }
    expect((await readdir(folder)).filter((name) => name.startsWith('full.lock'))).toEqual([]);
  });
});
