/** kill -9 at random points loses no operation whose commit returned, and what is left verifies after recovery (design section 7). */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { recoverJournals, verifyJournal } from '../../src/recording/index.js';
import { isWorkerAlive } from '../../src/recording/worker-lock.js';
import { type Compiled, compileRecording } from './compiled-recording.js';
import { expectNoKeystreamTwice } from './keystream-use.js';
import { collect, integrity, keys, operations, withDirectory } from './session-fixture.js';

const KILLS = 70;
let compiled: Compiled;
let program: string;

beforeAll(async () => {
  compiled = await compileRecording();
  await compiled.add('session-fixture.ts');
  program = await compiled.add('write-until-killed.ts');
});
afterAll(() => compiled[Symbol.asyncDispose]());

/** Runs the writer, kills it when it has said `bytes` bytes or more, and gives all that it said. */
function runAndKill(dir: string, bootId: string, bytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, dir, bootId], { stdio: ['ignore', 'pipe', 'inherit'] });
    const said: Buffer[] = [];
    let total = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      said.push(chunk);
      total += chunk.length;
      if (total >= bytes) child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('close', (_code, signal) => {
      if (signal === 'SIGKILL') resolve(Buffer.concat(said).toString());
      else reject(new Error('the writer ended by itself'));
    });
  });
}

describe('kill -9', () => {
  it(
    `keeps every committed operation over ${KILLS} kills under load`,
    () =>
      withDirectory(async (dir) => {
        let checked = 0;
        let unknown = 0;
        for (let kill = 0; kill < KILLS; kill++) {
          const bootId = `kill${kill}`;
          const said = await runAndKill(dir, bootId, 1 + Math.floor(Math.random() * 60_000));
          expect(await isWorkerAlive(join(dir, bootId))).toBe(false);
          const { failed, sessions } = await recoverJournals(dir, { clock: systemClock, logger: silentLogger, keys });
          expect(failed).toEqual([]);
          const committed = new Map<string, { operations: number; outcomes: number }>();
          // The last line may have been cut by the kill; all others are whole.
          for (const line of said.split('\n').slice(0, -1)) {
            const [id, count, outcomes] = line.split(' ') as [string, string, string];
            committed.set(id, { operations: Number(count), outcomes: Number(outcomes) });
          }
          // Ended sessions are checked by sample: they are many.
          const ids = [...committed.keys()];
          for (const id of [...ids.slice(0, 2), ...ids.slice(-4)]) {
            const items = await collect(dir, bootId, id);
            expect(integrity(items)).toMatchObject({ intact: true, live: false });
            const found = operations(items).sort((a, b) => a.sequence - b.sequence);
            const due = committed.get(id) as { operations: number; outcomes: number };
            expect(found.length).toBeGreaterThanOrEqual(due.operations);
            expect(found.every((operation, i) => operation.exact.toString() === `${id} select ${i + 1}`)).toBe(true);
            expect(found.every((operation, i) => operation.outcome?.status === 'ok' || (operation.outcome?.status === 'unknown' && i >= due.outcomes))).toBe(
              true,
            );
            unknown += found.filter((operation) => operation.outcome?.status === 'unknown').length;
            checked += found.length;
          }
          expect(sessions.length).toBeGreaterThan(0);
        }
        expect(await verifyJournal(dir)).toMatchObject({ intact: true });
        await expectNoKeystreamTwice(dir);
        expect(checked).toBeGreaterThan(KILLS);
        expect(unknown).toBeGreaterThan(0);
      }),
    600_000,
  );
});
