/** Who may repair a dead worker's journal: one process at a time, however many start together. */
import { once } from 'node:events';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { claimRecovery, isWorkerAlive, takeLock } from '../../src/recording/worker-lock.js';
import { withDirectory } from './session-fixture.js';

/** Looks at each file as soon as it is there, and says how long it was. */
const WATCH = `
  const { readFileSync } = require('node:fs');
  const { parentPort, workerData } = require('node:worker_threads');
  parentPort.postMessage(workerData.map((path) => {
    for (;;) try { return readFileSync(path).length; } catch {}
  }));`;

const DEAD = JSON.stringify({ pid: 1, start: 'never', boot: 'another', namespace: null });

describe('the claim to a recovery', () => {
  it('is taken over from a process that died by one of many that start together', () =>
    withDirectory(async (dir) => {
      for (let round = 0; round < 100; round++) {
        const worker = join(dir, String(round));
        await mkdir(worker);
        await writeFile(join(worker, 'recovery'), DEAD);
        let inside = 0;
        let most = 0;
        await Promise.all(
          Array.from({ length: 6 }, async () => {
            const release = await claimRecovery(worker);
            if (release === null) return;
            most = Math.max(most, ++inside);
            for (let i = 0; i < 20; i++) await stat(dir);
            inside--;
            await release();
          }),
        );
        expect(most, `round ${round}`).toBe(1);
        expect(await readdir(worker)).toEqual([]);
      }
    }));
});

describe('the lock of a worker', () => {
  it('is whole from the moment it can be seen, so that nobody takes a worker that starts for a dead one', () =>
    withDirectory(async (dir) => {
      const workers = Array.from({ length: 300 }, (_, round) => join(dir, String(round)));
      for (const worker of workers) await mkdir(worker);
      const thread = new Worker(WATCH, { eval: true, workerData: workers.map((worker) => join(worker, 'lock')) });
      const sizes = once(thread, 'message') as Promise<[number[]]>;
      await once(thread, 'online');
      for (const worker of workers) await takeLock(worker);
      const [seen] = await sizes;
      expect(seen.length).toBe(300);
      expect(seen).not.toContain(0);
      expect(await isWorkerAlive(workers[0] as string)).toBe(true);
      await expect(takeLock(workers[0] as string)).rejects.toMatchObject({ code: 'recording.failed' });
    }));
});
