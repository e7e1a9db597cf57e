/** A journal that was changed by anyone is found out, and one that was torn by a crash is a prefix of what was written. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { recoverJournals, verifyJournal } from '../../src/recording/index.js';
import { fc } from '../support/fast-check.js';
import {
  allow,
  bytes,
  collect,
  crashCopy,
  end,
  facts,
  integrity,
  keys,
  leaveDeadLock,
  ok,
  open,
  operations,
  start,
  steppingClock,
  withDirectory,
} from './session-fixture.js';

const recovery = { clock: steppingClock(1_800_000_000_000), logger: silentLogger, keys };

/** Two sessions, three operations of one, in a journal that is still open; gives the copy that a crash would leave. */
async function crashed(to: string): Promise<string> {
  return withDirectory(async (dir) => {
    await using journal = await open(dir, { bootId: 'w' });
    const one = journal.begin(start('ses_1'));
    journal.commit();
    for (let i = 1; i <= 3; i++) {
      one.operation(i, 'query', facts('reads'), allow, bytes(`select ${i}`), null);
      journal.commit();
      one.delivered(i, bytes(`row ${i}`));
      one.outcome(i, ok);
      journal.commit();
    }
    await crashCopy(dir, 'w', to);
    return journal.bootId;
  });
}

describe('damage', () => {
  it(
    'recovers every truncation of an open journal to a prefix of it',
    () =>
      withDirectory(async (origin) => {
        await crashed(origin);
        const whole = await readFile(join(origin, 'w', '000001.gwj'));
        let seen = 0;
        const recoverCut = async (length: number): Promise<void> => {
          const dir = join(origin, `cut-${length}`);
          await mkdir(join(dir, 'w'), { recursive: true });
          for (const name of ['keys', 'keys.json']) await cp(join(origin, 'w', name), join(dir, 'w', name));
          await writeFile(join(dir, 'w', '000001.gwj'), whole.subarray(0, length));
          await leaveDeadLock(dir, 'w');
          const { sessions, failed } = await recoverJournals(dir, recovery);
          expect(failed).toEqual([]);
          const report = await verifyJournal(dir);
          expect(report, `cut at ${length}`).toMatchObject({ intact: true });
          const items = await collect(dir, 'w', 'ses_1');
          const found = operations(items);
          expect(found.map((operation) => operation.exact.toString())).toEqual(['select 1', 'select 2', 'select 3'].slice(0, found.length));
          for (const [i, operation] of found.entries()) {
            const told = i < found.length - 1 || operation.outcome?.status === 'ok';
            expect(operation.outcome?.status).toBe(told ? 'ok' : 'unknown');
          }
          if (length === whole.length) expect(found.length).toBe(3);
          expect(sessions.map((session) => [session.id, session.end?.reason, session.end?.operations])).toEqual(
            items.length > 1 ? [['ses_1', 'interrupted', found.length]] : [],
          );
          seen = Math.max(seen, found.length);
          await rm(dir, { recursive: true });
        };
        // A recovery is many small reads, each a turn of the thread pool: some at once, so that on a busy machine one does not wait for each.
        let next = whole.length;
        const several = Array.from({ length: 16 }, async () => {
          while (next >= 0) await recoverCut(next--);
        });
        await Promise.all(several);
        expect(seen).toBe(3);
      }),
    600_000,
  );

  it(
    'finds a flipped bit in every byte of a sealed journal',
    () =>
      withDirectory(async (dir) => {
        const journal = await open(dir, { bootId: 'w', segmentBytes: 1200, resultCap: 4 });
        const one = journal.begin(start('ses_1'));
        journal.commit();
        one.operation(1, 'query', facts('reads'), allow, bytes('select 1'), null);
        one.delivered(1, bytes('long result'));
        one.outcome(1, ok);
        journal.commit();
        one.end(end);
        await journal.close();
        expect((await verifyJournal(dir)).intact).toBe(true);
        const segments = (await readdir(join(dir, 'w'))).filter((name) => name.endsWith('.gwj'));
        expect(segments.length).toBeGreaterThan(1);
        for (const name of segments) {
          const path = join(dir, 'w', name);
          const original = await readFile(path);
          for (let i = 0; i < original.length; i++) {
            const changed = Buffer.from(original);
            changed[i] = (changed[i] as number) ^ (1 << (i % 8));
            await writeFile(path, changed);
            expect((await verifyJournal(dir)).intact, `${name} byte ${i}`).toBe(false);
          }
          await writeFile(path, original);
        }
      }),
    300_000,
  );

  it('finds a missing tail, a missing segment, bytes after the seal, and a journal that was never sealed', () =>
    withDirectory(async (dir) => {
      const journal = await open(dir, { bootId: 'w', segmentBytes: 1000 });
      const session = journal.begin(start('ses_1'));
      for (let i = 1; i <= 30; i++) {
        session.operation(i, 'query', facts('reads'), allow, bytes(`select ${i}`), null);
        session.outcome(i, ok);
        journal.commit();
      }
      session.end(end);
      await journal.close();
      const names = (await readdir(join(dir, 'w'))).filter((name) => name.endsWith('.gwj')).sort();
      const codes = async (): Promise<string[]> => (await verifyJournal(dir)).workers.flatMap((worker) => worker.problems.map((problem) => problem.code));
      const last = join(dir, 'w', names.at(-1) as string);
      const content = await readFile(last);
      await rm(last);
      expect(await codes()).toEqual(expect.arrayContaining(['not-sealed', 'end-missing']));
      await writeFile(last, Buffer.concat([content, Buffer.of(0)]));
      expect(await codes()).toContain('chain-broken');
      await writeFile(last, content);
      expect(await codes()).toEqual([]);
      const middle = join(dir, 'w', names[1] as string);
      const kept = await readFile(middle);
      await rm(middle);
      expect(await codes()).toEqual(expect.arrayContaining(['segment-missing', 'counter-gap']));
      await writeFile(middle, kept);
      expect(await codes()).toEqual([]);
    }));

  it('gives a session from a damaged journal as far as it goes and says that it is not intact', () =>
    withDirectory(async (dir) => {
      await crashed(dir);
      const path = join(dir, 'w', '000001.gwj');
      const content = await readFile(path);
      content[content.length - 5] = (content[content.length - 5] as number) ^ 1;
      await writeFile(path, content);
      const items = await collect(dir, 'w', 'ses_1');
      expect(operations(items).length).toBe(3);
      expect(operations(items).at(-1)?.outcome).toBe(null);
      expect(integrity(items)).toMatchObject({ intact: false });
      expect(integrity(items).problems.map((problem) => problem.code)).toEqual(expect.arrayContaining(['chain-broken', 'end-missing']));
    }));

  it('refuses to touch a journal that is damaged before its end, and keeps every byte of it', () =>
    withDirectory(async (dir) => {
      const journal = await open(dir, { bootId: 'w', segmentBytes: 1000, retryIntervalMs: 1_000_000 });
      const session = journal.begin(start('ses_1'));
      for (let i = 1; i <= 30; i++) {
        session.operation(i, 'query', facts('reads'), allow, bytes(`select ${i}`), null);
        journal.commit();
      }
      session.end(end);
      await journal.close();
      await leaveDeadLock(dir, 'w');
      const path = join(dir, 'w', '000001.gwj');
      const content = await readFile(path);
      content[600] = (content[600] as number) ^ 1;
      await writeFile(path, content);
      const before = await readdir(join(dir, 'w'));
      const { failed, sessions } = await recoverJournals(dir, recovery);
      expect(sessions).toEqual([]);
      expect(failed).toMatchObject([{ bootId: 'w', problem: expect.stringContaining('Segment 2') }]);
      expect(await readdir(join(dir, 'w'))).toEqual(before);
      expect((await readFile(path)).equals(content)).toBe(true);
    }));

  it(
    'survives any bytes in place of a segment: verification, reading and listing end with a report',
    () =>
      withDirectory(async (dir) => {
        await crashed(dir);
        const path = join(dir, 'w', '000001.gwj');
        const content = await readFile(path);
        await fc.assert(
          fc.asyncProperty(fc.nat(content.length - 1), fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.boolean(), async (at, noise, grow) => {
            const changed = grow ? Buffer.concat([content.subarray(0, at), noise, content.subarray(at)]) : Buffer.from(content);
            if (!grow) changed.set(noise.subarray(0, changed.length - at), at);
            await writeFile(path, changed);
            const report = await verifyJournal(dir);
            expect(report.workers.length).toBe(1);
            expect(integrity(await collect(dir, 'w', 'ses_1')).intact).toBe(false);
          }),
          { numRuns: 300 },
        );
      }),
    120_000,
  );
});
