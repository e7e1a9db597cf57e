/** Where somebody waits for the disk, zeros are written ahead of the frames: readers, recovery and sealing know them from frames, and a disk without room for them takes frames. */
import { appendFileSync, readFileSync, statSync, writeSync } from 'node:fs';
import { readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { recoverJournals, verifyJournal } from '../../src/recording/index.js';
import { sealSegment } from '../../src/recording/seal-segment.js';
import { systemFiles } from '../../src/recording/segment-file.js';
import { SegmentReader } from '../../src/recording/segment-reader.js';
import {
  allow,
  bytes,
  collect,
  crashCopy,
  end,
  facts,
  freshDirectory,
  integrity,
  keys,
  ok,
  open,
  operations,
  start,
  steppingClock,
  withDirectory,
} from './session-fixture.js';

const FIRST = '000001.gwj';

async function reader(path: string): Promise<SegmentReader> {
  const opened = await SegmentReader.open(path);
  if (typeof opened === 'string') throw new Error(opened);
  return opened;
}

const zeros = (path: string, from: number): boolean =>
  readFileSync(path)
    .subarray(from)
    .every((byte) => byte === 0);

describe('zeros written ahead', () => {
  it('are there only where somebody waited, and are cut off from segments that are full and from the last one', () =>
    withDirectory(async (dir) => {
      await using journal = await open(dir, { bootId: 'w', syncIntervalMs: 1_000_000 });
      const path = join(dir, 'w', FIRST);
      const session = journal.begin(start('ses_1'));
      journal.commit();
      const written = statSync(path).size;
      await journal.synced();
      expect(statSync(path).size).toBeGreaterThan(written + 100_000);
      expect(zeros(path, written)).toBe(true);
      session.operation(1, 'query', facts('reads'), allow, bytes('select 1'), null);
      journal.commit();
      expect(zeros(path, written)).toBe(false);
      const size = statSync(path).size;
      journal.roll();
      expect(statSync(path).size).toBeLessThan(size - 100_000);
      session.outcome(1, ok);
      session.end(end);
      journal.commit();
      await journal.synced();
      await journal.close();
      expect(operations(await collect(dir, 'w', 'ses_1')).map(({ outcome }) => outcome?.status)).toEqual(['ok']);
      expect(await verifyJournal(dir)).toMatchObject({ intact: true, workers: [{ segments: [{ sealed: true }, { sealed: true, final: true }] }] });
      for (const name of [FIRST, '000002.gwj']) {
        const segment = await reader(join(dir, 'w', name));
        let item = await segment.next();
        while (item.kind === 'frame' || item.kind === 'seal') item = await segment.next();
        expect(item).toMatchObject({ kind: 'end', ahead: false });
        await segment[Symbol.asyncDispose]();
      }
    }));

  it('a reader that stands before them goes on when frames take their place, and never sees a part of one', () =>
    withDirectory(async (dir) => {
      let look: (() => void) | null = null;
      const path = join(dir, 'w', FIRST);
      const seen: Buffer[] = [];
      await using journal = await open(dir, {
        bootId: 'w',
        encryption: null,
        syncIntervalMs: 1_000_000,
        files: {
          ...systemFiles,
          // One byte at a time: whatever a reader could find of a write that is going on.
          write: (fd, data, offset, length, position) => {
            if (look === null) return systemFiles.write(fd, data, offset, length, position);
            const written = systemFiles.write(fd, data, offset, 1, position);
            look();
            return written;
          },
        },
      });
      const session = journal.begin(start('ses_1'));
      journal.commit();
      await journal.synced();
      await using live = await reader(path);
      expect(await live.next()).toMatchObject({ kind: 'frame' });
      expect(await live.next()).toMatchObject({ kind: 'end', ahead: true });
      look = () => seen.push(readFileSync(path));
      session.event('x', { some: 'words of some length, '.repeat(3) });
      journal.commit();
      look = null;
      expect(await live.next()).toMatchObject({ kind: 'frame', entries: 1 });
      expect(await live.next()).toMatchObject({ kind: 'end', ahead: true });
      expect(seen.length).toBeGreaterThan(100);
      const states = new Set<string>();
      await withDirectory(async (other) => {
        for (const state of seen) {
          const copy = join(other, FIRST);
          appendFileSync(copy, '');
          await truncate(copy, 0);
          appendFileSync(copy, state);
          const then = await reader(copy);
          await then.next();
          states.add((await then.next()).kind);
          await then[Symbol.asyncDispose]();
        }
      });
      // Zeros, then a head that is not whole, then the frame; at no time one whose hash does not fit.
      expect([...states]).toEqual(['end', 'partial', 'frame']);
      session.end(end);
      await journal.close();
      expect(await verifyJournal(dir)).toMatchObject({ intact: true });
    }));

  it('after a crash they are no torn bytes; what stands among them is kept', () =>
    withDirectory(async (dir) => {
      await using journal = await open(dir, { bootId: 'w' });
      const session = journal.begin(start('ses_1'));
      session.operation(1, 'query', facts('reads'), allow, bytes('select 1'), null);
      journal.commit();
      const offset = statSync(join(dir, 'w', FIRST)).size;
      await journal.synced();
      for (const tail of ['', 'a torn frame']) {
        const crash = await freshDirectory();
        await crashCopy(dir, 'w', crash);
        const path = join(crash, 'w', FIRST);
        if (tail !== '') {
          const whole = readFileSync(path);
          whole.write(tail, offset + 16);
          await truncate(path, 0);
          appendFileSync(path, whole);
        }
        expect(await verifyJournal(crash), 'before it is recovered').toMatchObject({
          intact: false,
          workers: [{ problems: [{ code: 'not-sealed' }, {}, {}] }],
        });
        expect((await recoverJournals(crash, { clock: steppingClock(), logger: silentLogger, keys })).failed).toEqual([]);
        const torn = (await readdir(join(crash, 'w'))).filter((name) => name.endsWith('.torn'));
        expect(torn.length).toBe(tail === '' ? 0 : 1);
        if (tail !== '') expect(await readFile(join(crash, 'w', torn[0] as string), 'latin1')).toBe('\0'.repeat(16) + tail);
        expect(await verifyJournal(crash)).toMatchObject({ intact: true });
        const items = await collect(crash, 'w', 'ses_1');
        expect(operations(items).map(({ outcome }) => outcome?.status)).toEqual(['unknown']);
        expect(integrity(items).intact).toBe(true);
      }
    }));

  it('are never sealed over, wherever they stand', () =>
    withDirectory(async (dir) => {
      await using journal = await open(dir, { bootId: 'w', encryption: null });
      const session = journal.begin(start('ses_1'));
      journal.commit();
      const first = statSync(join(dir, 'w', FIRST)).size;
      session.event('x', {});
      journal.commit();
      const whole = readFileSync(join(dir, 'w', FIRST));
      whole.fill(0, first, first + 16);
      const copy = join(dir, 'copy.gwj');
      appendFileSync(copy, whole);
      await expect(sealSegment(copy, { final: false, time: 1 })).rejects.toMatchObject({ code: 'recording.failed' });
      expect(readFileSync(copy).equals(whole)).toBe(true);
    }));

  it('a disk without room for them takes frames as before', () =>
    withDirectory(async (dir) => {
      const path = join(dir, 'w', FIRST);
      await using journal = await open(dir, {
        bootId: 'w',
        files: {
          ...systemFiles,
          write: (fd, data, offset, length, position) => {
            if (length < 100_000) return systemFiles.write(fd, data, offset, length, position);
            // Some of it fits.
            if (length === 256 * 1024) return writeSync(fd, data, offset, 5_000, position);
            throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
          },
        },
      });
      const session = journal.begin(start('ses_1'));
      for (let sequence = 1; sequence <= 3; sequence++) {
        session.operation(sequence, 'query', facts('reads'), allow, bytes('select 1'), null);
        journal.commit();
        await journal.synced();
        expect(journal.healthy).toBe(true);
      }
      expect(statSync(path).size).toBeLessThan(5_000);
      session.end(end);
      await journal.close();
      expect(operations(await collect(dir, 'w', 'ses_1')).length).toBe(3);
      expect(await verifyJournal(dir)).toMatchObject({ intact: true });
    }));

  it('are cut off after a sync that failed: nobody knows what became of them', () =>
    withDirectory(async (dir) => {
      const path = join(dir, 'w', FIRST);
      let error: NodeJS.ErrnoException | null = null;
      let ahead = 0;
      await using journal = await open(dir, {
        bootId: 'w',
        encryption: null,
        syncIntervalMs: 1_000_000,
        retryIntervalMs: 1_000_000,
        files: {
          ...systemFiles,
          datasync: (fd, done) => {
            ahead = statSync(path).size;
            if (error === null) systemFiles.datasync(fd, done);
            else setImmediate(done, error);
          },
        },
      });
      const session = journal.begin(start('ses_1'));
      journal.commit();
      const written = statSync(path).size;
      error = Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
      await expect(journal.synced()).rejects.toMatchObject({ code: 'recording.failed' });
      expect(ahead).toBeGreaterThan(written);
      error = null;
      expect(journal.probe()).toBe(false);
      while (!journal.healthy) await new Promise((resolve) => setImmediate(resolve));
      expect(ahead).toBe(written);
      session.end(end);
      await journal.close();
      expect(await verifyJournal(dir)).toMatchObject({ intact: true });
    }));
});
