/** Results beyond the cap: the cut is written, count and digest follow, computed elsewhere, in order, and the session's end waits for them. */
import { createHash, randomBytes } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import * as fromSource from '../../src/recording/index.js';
import { verifyJournal } from '../../src/recording/index.js';
import { type Compiled, compileRecording } from './compiled-recording.js';
import { allow, bytes, collect, end, facts, integrity, ok, operations, start, steppingClock, withDirectory } from './session-fixture.js';

const MIB = 1 << 20;

/** The definition, word for word: SHA-256 over the SHA-256 digests of consecutive chunks of 1 MiB. */
function digestOf(data: Buffer): string {
  const digests: Buffer[] = [];
  for (let at = 0; at < data.length; at += MIB)
    digests.push(
      createHash('sha256')
        .update(data.subarray(at, Math.min(at + MIB, data.length)))
        .digest(),
    );
  return createHash('sha256').update(Buffer.concat(digests)).digest('hex');
}

let compiled: Compiled;
beforeAll(async () => {
  compiled = await compileRecording();
});
afterAll(() => compiled[Symbol.asyncDispose]());

// From sources there is no worker thread, and chunks are hashed where they are; compiled as shipped, the worker hashes and seals.
const variants = [
  ['without a worker thread', async () => fromSource],
  ['with the worker thread', async () => (await import(pathToFileURL(compiled.recording).href)) as typeof fromSource],
] as const;

describe.each(variants)('long results %s', (_name, load) => {
  it.each([
    ['one byte over the cap', 64 * 1024 + 1],
    ['just below a chunk', MIB - 1],
    ['exactly a chunk', MIB],
    ['just over a chunk', MIB + 1],
    ['many chunks', 37 * MIB + 12_345],
  ])('records the beginning, the cut, the total and the digest: %s', (_what, size) =>
    withDirectory(async (dir) => {
      const { openJournal } = await load();
      const journal = await openJournal({ dir, gateway: 'g', clock: steppingClock(), logger: silentLogger });
      const session = journal.begin(start('ses_1'));
      const data = randomBytes(size);
      session.operation(1, 'query', facts('reads'), allow, bytes('copy t to stdout'), null);
      session.operation(2, 'query', facts('writes'), allow, bytes('copy t from stdin'), null);
      // Pieces of all sizes, as sockets give them.
      for (let at = 0, step = 1; at < size; at += step, step = Math.min(step * 3, 300_001)) {
        session.delivered(1, data.subarray(at, at + step));
        session.received(2, data.subarray(at, at + step));
      }
      session.outcome(1, ok);
      session.outcome(2, ok);
      session.end(end);
      await journal.close();
      const items = await collect(dir, journal.bootId, 'ses_1');
      // In the order in which they became complete: whose digest is ready first is open.
      const [down, up] = operations(items).sort((a, b) => a.sequence - b.sequence);
      for (const stream of [down?.delivered, up?.received]) {
        expect(stream).toMatchObject({ cut: true, total: size, digest: digestOf(data) });
        expect(stream?.bytes.equals(data.subarray(0, 64 * 1024))).toBe(true);
      }
      expect(integrity(items)).toMatchObject({ intact: true, problems: [] });
      expect(items.at(-2)?.kind).toBe('end');
      expect(await verifyJournal(dir)).toMatchObject({ intact: true });
    }),
  );

  it('hashes a stream as it is for who asks before its first byte, and the record has the same digest', () =>
    withDirectory(async (dir) => {
      const { openJournal } = await load();
      const journal = await openJournal({ dir, gateway: 'g', clock: steppingClock(), logger: silentLogger });
      const session = journal.begin(start('ses_1'));
      const data = randomBytes(3 * MIB + 7);
      const sha256 = (part: Buffer): string => createHash('sha256').update(part).digest('hex');
      session.operation(1, 'sftp', facts('writes'), allow, bytes('writes /f'), null);
      const digests = session.digests(1);
      for (let at = 0; at < data.length; at += 32_768) session.received(1, data.subarray(at, at + 32_768));
      session.delivered(1, data.subarray(0, 10));
      expect(digests.received().toString('hex')).toBe(sha256(data));
      expect(digests.delivered().toString('hex')).toBe(sha256(data.subarray(0, 10)));
      session.outcome(1, ok);
      session.operation(2, 'sftp', facts('reads'), allow, bytes('reads /f'), null);
      session.delivered(2, data.subarray(0, 10));
      expect(() => session.digests(2)).toThrow(/after its first bytes/);
      session.outcome(2, ok);
      session.end(end);
      await journal.close();
      const [first] = operations(await collect(dir, journal.bootId, 'ses_1'));
      expect(first?.received).toMatchObject({ cut: true, total: data.length, digest: sha256(data), plain: true });
      expect(first?.delivered).toMatchObject({ cut: false, total: 10, digest: null });
      expect(await verifyJournal(dir)).toMatchObject({ intact: true });
    }));

  it('writes no digest for a result that fits the cap exactly, and counts a session that ends in mid-result', () =>
    withDirectory(async (dir) => {
      const { openJournal } = await load();
      const journal = await openJournal({ dir, gateway: 'g', clock: steppingClock(), logger: silentLogger, resultCap: 100 });
      const session = journal.begin(start('ses_1'));
      session.operation(1, 'query', facts('reads'), allow, bytes('a'), null);
      session.delivered(1, Buffer.alloc(100, 1));
      session.delivered(1, Buffer.alloc(0));
      session.outcome(1, ok);
      session.operation(2, 'query', facts('reads'), allow, bytes('b'), null);
      session.delivered(2, Buffer.alloc(5000, 2));
      session.end(end);
      await journal.close();
      const [fits, lost] = operations(await collect(dir, journal.bootId, 'ses_1'));
      expect(fits?.delivered).toMatchObject({ cut: false, total: 100, digest: null });
      expect(lost).toMatchObject({ outcome: null, delivered: { cut: true, total: 5000, digest: digestOf(Buffer.alloc(5000, 2)) } });
    }));

  it('keeps many long results of many sessions apart, more than there are buffers', () =>
    withDirectory(async (dir) => {
      const { openJournal } = await load();
      const journal = await openJournal({ dir, gateway: 'g', clock: steppingClock(), logger: silentLogger, segmentBytes: 2 * MIB });
      const streams = Array.from({ length: 40 }, (_, i) => ({ data: Buffer.alloc(2 * MIB + i, i + 1), session: journal.begin(start(`ses_${i}`)) }));
      for (const { session } of streams) session.operation(1, 'query', facts('reads'), allow, bytes('copy'), null);
      for (let at = 0; at < 3 * MIB; at += 300_000) {
        for (const { session, data } of streams) if (at < data.length) session.delivered(1, data.subarray(at, at + 300_000));
        journal.commit();
      }
      for (const { session } of streams) {
        session.outcome(1, ok);
        session.end(end);
      }
      await journal.close();
      for (const [i, { data }] of streams.entries()) {
        const [operation] = operations(await collect(dir, journal.bootId, `ses_${i}`));
        expect(operation?.delivered).toMatchObject({ total: data.length, digest: digestOf(data) });
      }
      expect(await verifyJournal(dir)).toMatchObject({ intact: true, workers: [{ sessions: 40 }] });
    }));

  it('seals full segments beside the loop while sessions go on', () =>
    withDirectory(async (dir) => {
      const { openJournal } = await load();
      const journal = await openJournal({ dir, gateway: 'g', clock: steppingClock(), logger: silentLogger, segmentBytes: 3 * MIB, syncIntervalMs: 1 });
      const session = journal.begin(start('ses_1'));
      const read = facts('reads');
      for (let i = 1; i <= 30_000; i++) {
        session.operation(i, 'query', read, allow, bytes(`select ${i}`), null);
        session.delivered(i, Buffer.alloc(120, i % 256));
        session.outcome(i, ok);
        if (i % 100 === 0) {
          journal.commit();
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      session.end(end);
      await journal.close();
      const report = await verifyJournal(dir);
      expect(report).toMatchObject({ intact: true });
      expect(report.workers[0]?.segments.length).toBeGreaterThan(2);
      expect(report.workers[0]?.segments.every((segment) => segment.sealed)).toBe(true);
    }));
});
