/** Redteam 6h: a recorder that is down or full stops operations, loses nothing that it accepted, and goes on by itself when it can write again. */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Logger, silentLogger } from '../../src/base/logger.js';
import type { GwError } from '../../src/contract/gw-error.js';
import { verifyJournal } from '../../src/recording/index.js';
import { sealSegment } from '../../src/recording/seal-segment.js';
import { systemFiles } from '../../src/recording/segment-file.js';
import { eventually } from '../store/state-server.js';
import { allow, bytes, collect, end, facts, integrity, ok, open, operations, start, withDirectory } from './session-fixture.js';

/** The kernel refuses to let any file of this process grow beyond this: writes come back short, then fail with EFBIG. */
function limitFiles(size: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${size}:`]);
}

afterEach(() => limitFiles('unlimited'));

const failed = expect.objectContaining({ code: 'recording.failed' });

describe('a segment that cannot be sealed', () => {
  it('is tried again, and none behind it is given before it', () =>
    withDirectory(async (dir) => {
      const sealed: number[] = [];
      const errors: string[] = [];
      const logger: Logger = { ...silentLogger, error: (_fields, message) => errors.push(message) };
      await using journal = await open(dir, { bootId: 'w', logger, retryIntervalMs: 20, onSealed: ({ segment }) => sealed.push(segment) });
      const session = journal.begin(start('ses_1'));
      session.operation(1, 'query', facts('reads'), allow, Buffer.alloc(5_000, 'x'), null);
      journal.commit();
      await journal.synced();
      // The segment is as long as its frames once it is full.
      journal.roll();
      limitFiles(statSync(join(dir, 'w', '000001.gwj')).size);
      session.event('x', {});
      journal.commit();
      await journal.synced();
      for (let segment = 3; segment <= 3; segment++) {
        journal.roll();
        session.event('x', {});
        journal.commit();
        await journal.synced();
      }
      await eventually('an attempt failed', () => errors.length > 0);
      limitFiles('unlimited');
      await eventually('both are sealed', () => sealed.length === 2);
      session.end(end);
      await journal.close();
      expect(sealed).toEqual([1, 2, 3]);
      expect(await verifyJournal(dir)).toMatchObject({ intact: true });
    }));
});

describe('a seal that was written in part and could not be cut off', () => {
  it('is written again as a whole; a frame that is torn is not', () =>
    withDirectory(async (dir) => {
      await using journal = await open(dir, { bootId: 'w', retryIntervalMs: 20 });
      journal.begin(start('ses_1')).end(end);
      journal.commit();
      journal.roll();
      await journal.synced();
      const path = join(dir, 'w', '000001.gwj');
      const frames = statSync(path).size;
      await eventually('it is sealed', () => statSync(path).size > frames);
      const whole = readFileSync(path);
      const copy = join(dir, 'copy.gwj');
      for (let size = frames; size < whole.length; size++) {
        writeFileSync(copy, whole.subarray(0, size));
        // Of another time, so with another hash.
        await sealSegment(copy, { final: false, time: 1_800_000_000_000 });
        const sealed = readFileSync(copy);
        expect([sealed.length, sealed.subarray(0, frames).equals(whole.subarray(0, frames))], `${size - frames} bytes of the seal`).toEqual([
          whole.length,
          true,
        ]);
      }
      writeFileSync(copy, whole.subarray(0, frames - 1));
      await expect(sealSegment(copy, { final: false, time: 1_800_000_000_000 })).rejects.toThrow('its last frame is torn');
      expect(readFileSync(copy).equals(whole.subarray(0, frames - 1))).toBe(true);
    }));
});

describe('a journal that cannot be written', () => {
  it('makes the next segment also where the one that failed could not be taken away at once', () =>
    withDirectory(async (dir) => {
      const path = join(dir, 'w', '000002.gwj');
      let broken = false;
      await using journal = await open(dir, {
        bootId: 'w',
        retryIntervalMs: 1_000_000,
        files: {
          ...systemFiles,
          write: (fd, data, offset, length, position) => {
            if (broken && existsSync(path)) {
              // A directory in its place cannot be taken away, as no file can where the disk has become read-only.
              rmSync(path);
              mkdirSync(path);
              throw Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' });
            }
            return systemFiles.write(fd, data, offset, length, position);
          },
        },
      });
      const session = journal.begin(start('ses_1'));
      journal.commit();
      broken = true;
      journal.roll();
      expect(journal.healthy).toBe(false);
      broken = false;
      rmdirSync(path);
      writeFileSync(path, 'GWJ1');
      expect(journal.probe()).toBe(true);
      journal.roll();
      expect(journal.healthy).toBe(true);
      session.end(end);
      await journal.close();
      expect(await verifyJournal(dir)).toMatchObject({ intact: true, workers: [{ segments: [{ segment: 1 }, { segment: 2 }] }] });
    }));

  it('refuses everything, keeps what it accepted, cuts the torn frame off and goes on', () =>
    withDirectory(async (dir) => {
      const failures: GwError[] = [];
      await using journal = await open(dir, { bootId: 'w', retryIntervalMs: 1_000_000, onFailure: (error) => failures.push(error) });
      const session = journal.begin(start('ses_1'));
      const read = facts('reads');
      session.operation(1, 'query', read, allow, bytes('select 1'), null);
      journal.commit();
      const path = join(dir, 'w', '000001.gwj');
      const good = statSync(path).size;
      limitFiles(good + 100);
      session.operation(2, 'query', read, allow, Buffer.alloc(500, 'x'), null);
      expect(() => journal.commit()).toThrow(failed);
      expect(statSync(path).size, 'a part of the frame was written').toBe(good + 100);
      expect(journal.healthy).toBe(false);
      expect(failures).toEqual([failed]);
      expect(() => session.operation(3, 'query', read, allow, bytes('select 3'), null)).toThrow(failed);
      expect(() => session.delivered(1, bytes('row'))).toThrow(failed);
      expect(() => session.outcome(1, ok)).toThrow(failed);
      expect(() => session.event('x', {})).toThrow(failed);
      expect(() => journal.begin(start('ses_2'))).toThrow(failed);
      expect(() => journal.event('x', {})).toThrow(failed);
      expect(() => journal.commit()).toThrow(failed);
      await expect(journal.synced()).rejects.toThrow(failed);
      expect(journal.probe()).toBe(false);
      expect(failures.length).toBe(1);
      session.end({ ...end, reason: 'recording' });
      limitFiles('unlimited');
      expect(journal.probe()).toBe(true);
      expect(journal.healthy).toBe(true);
      const next = journal.begin(start('ses_2'));
      next.end(end);
      journal.commit();
      await journal.close();
      const items = await collect(dir, 'w', 'ses_1');
      expect(operations(items).map((operation) => operation.exactBytes)).toEqual([8, 500]);
      expect(items.at(-2)).toMatchObject({ kind: 'end', end: { reason: 'recording' } });
      expect(integrity(items).intact).toBe(true);
      expect(await verifyJournal(dir)).toMatchObject({ intact: true, workers: [{ sessions: 2 }] });
    }));

  it('tries again by itself', () =>
    withDirectory(async (dir) => {
      const { promise, resolve } = deferred();
      await using journal = await open(dir, { bootId: 'w', retryIntervalMs: 1, logger: { ...silent, info: () => resolve() } });
      const session = journal.begin(start('ses_1'));
      journal.commit();
      limitFiles(statSync(join(dir, 'w', '000001.gwj')).size);
      session.event('x', {});
      expect(() => journal.commit()).toThrow(failed);
      limitFiles('unlimited');
      await promise;
      expect(journal.healthy).toBe(true);
      session.end(end);
      await journal.close();
      expect(integrity(await collect(dir, 'w', 'ses_1')).intact).toBe(true);
    }));

  it('fails when the next segment cannot be made, and makes it later (ENOSPC of a full device)', () =>
    withDirectory(async (dir) => {
      const full = openSync('/dev/full', 'w');
      let device = false;
      await using journal = await open(dir, {
        bootId: 'w',
        segmentBytes: 600,
        retryIntervalMs: 1_000_000,
        files: {
          ...systemFiles,
          write: (fd, data, offset, length, position) =>
            device ? writeSync(full, data, offset, length) : systemFiles.write(fd, data, offset, length, position),
        },
      });
      const session = journal.begin(start('ses_1'));
      journal.commit();
      device = true;
      session.event('x', {});
      let thrown: unknown;
      try {
        journal.commit();
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ code: 'recording.failed', message: expect.stringContaining('ENOSPC') });
      device = false;
      journal.commit();
      session.end(end);
      await journal.close();
      closeSync(full);
      expect(await verifyJournal(dir)).toMatchObject({ intact: true, workers: [{ segments: [{ segment: 1 }, { segment: 2 }] }] });
    }));

  it('does not believe a later sync after one failed, but writes again first (fsync reports an error once)', () =>
    withDirectory(async (dir) => {
      let error: NodeJS.ErrnoException | null = null;
      const written: number[] = [];
      await using journal = await open(dir, {
        bootId: 'w',
        encryption: null,
        syncIntervalMs: 1_000_000,
        retryIntervalMs: 1_000_000,
        files: {
          ...systemFiles,
          datasync: (fd, done) => (error === null ? systemFiles.datasync(fd, done) : setImmediate(done, error)),
          write: (fd, data, offset, length, position) => {
            written.push(position);
            return systemFiles.write(fd, data, offset, length, position);
          },
        },
      });
      await journal.synced();
      written.length = 0;
      const session = journal.begin(start('ses_1'));
      journal.commit();
      const begin = Math.min(...written);
      error = Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
      await expect(journal.synced()).rejects.toThrow(failed);
      expect(journal.healthy).toBe(false);
      expect(() => journal.commit()).toThrow(failed);
      error = null;
      written.length = 0;
      expect(journal.probe()).toBe(false);
      while (!journal.healthy) await new Promise((resolve) => setImmediate(resolve));
      expect(written, 'what was not known to be on disk is written again').toContain(begin);
      session.end(end);
      await journal.close();
      expect(await verifyJournal(dir)).toMatchObject({ intact: true });
    }));

  it('cannot be opened where it cannot write', () =>
    withDirectory(async (dir) => {
      await expect(open(join('/dev/null', dir))).rejects.toThrow(failed);
      await expect(open(dir, { bootId: '../escape' })).rejects.toThrow(expect.objectContaining({ code: 'config.invalid' }));
      await expect(open(dir, { gateway: 'n'.repeat(300) })).rejects.toThrow(expect.objectContaining({ code: 'config.invalid' }));
      await using journal = await open(dir, { bootId: 'w' });
      await expect(open(dir, { bootId: journal.bootId })).rejects.toThrow(failed);
    }));
});

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent };

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
