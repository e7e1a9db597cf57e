/** ADR 0025: the event loop waits for a disk that shows to be quick, and for no other one. */
import { describe, expect, it } from 'vitest';
import { DiskPace } from '../../src/recording/disk-pace.js';
import { verifyJournal } from '../../src/recording/index.js';
import { systemFiles } from '../../src/recording/segment-file.js';
import { allow, bytes, collect, end, facts, integrity, notQuick, ok, open, operations, start, withDirectory } from './session-fixture.js';

describe('a pace', () => {
  /** A disk whose syncs take so long each; gives the times at which the loop waited for it. */
  const asked = (pace: DiskPace, from: number, to: number, each: (at: number) => number): number[] => {
    const times: number[] = [];
    for (let now = from; now < to; now++) {
      if (!pace.quick(now)) continue;
      times.push(now);
      const spent = each(now);
      pace.took(now, now + spent);
      now += Math.ceil(spent);
    }
    return times;
  };

  it('is quick as long as no sync is slow', () => {
    expect(asked(new DiskPace(), 0, 1_000, () => 0.1).length).toBe(500);
  });

  it('is slow after one sync that stalls, for longer each time', () => {
    expect(asked(new DiskPace(), 0, 100_000, () => 2_000)).toEqual([0, 12_000, 34_000, 76_000]);
  });

  it('never pauses for longer than ten minutes', () => {
    const times = asked(new DiskPace(), 0, 5_000_000, () => 2_000);
    expect((times.at(-1) ?? 0) - (times.at(-2) ?? 0)).toBe(602_000);
  });

  it('is slow after some syncs that take longer than quick ones do, and asks few of them again', () => {
    expect(asked(new DiskPace(), 0, 9_000, () => 2).length).toBeLessThan(10);
  });

  it('forgives one stall when many quick syncs follow', () => {
    const pace = new DiskPace();
    asked(pace, 0, 1, () => 2_000);
    asked(pace, 12_000, 15_000, () => 0.1);
    expect(asked(pace, 20_000, 20_001, () => 2_000)).toEqual([20_000]);
    expect(pace.quick(31_999)).toBe(false);
    expect(pace.quick(32_000)).toBe(true);
  });
});

describe('a journal', () => {
  it('waits for a quick disk on the loop, and beside it after a sync that was not', () =>
    withDirectory(async (dir) => {
      const calls: string[] = [];
      let slow = false;
      const stalls = notQuick(systemFiles);
      await using journal = await open(dir, {
        bootId: 'w',
        syncIntervalMs: 1_000_000,
        files: {
          ...systemFiles,
          datasync: (fd, done) => {
            calls.push('beside');
            systemFiles.datasync(fd, done);
          },
          datasyncNow: (fd) => {
            calls.push('on the loop');
            (slow ? stalls : systemFiles).datasyncNow(fd);
          },
        },
      });
      const session = journal.begin(start('ses_1'));
      const commit = async (): Promise<string[]> => {
        session.event('x', {});
        journal.commit();
        calls.length = 0;
        await journal.synced();
        return calls.slice();
      };
      // The directory and the session's key are new.
      await commit();
      expect(await commit()).toEqual(['on the loop']);
      slow = true;
      expect(await commit()).toEqual(['on the loop']);
      expect(await commit()).toEqual(['beside']);
      session.end(end);
      await journal.close();
      expect(await verifyJournal(dir)).toMatchObject({ intact: true });
    }));

  it('believes nothing of a disk that failed on the loop until it wrote it again', () =>
    withDirectory(async (dir) => {
      let broken = false;
      const fails = Object.assign(new Error('I/O error'), { code: 'EIO' });
      await using journal = await open(dir, {
        bootId: 'w',
        syncIntervalMs: 1_000_000,
        retryIntervalMs: 1_000_000,
        files: {
          ...systemFiles,
          datasync: (fd, done) => (broken ? done(fails) : systemFiles.datasync(fd, done)),
          datasyncNow: (fd) => {
            if (broken) throw fails;
            systemFiles.datasyncNow(fd);
          },
        },
      });
      const session = journal.begin(start('ses_1'));
      journal.commit();
      await journal.synced();
      session.operation(1, 'query', facts('reads'), allow, bytes('select 1'), null);
      journal.commit();
      broken = true;
      await expect(journal.synced()).rejects.toMatchObject({ code: 'recording.failed', message: expect.stringContaining('EIO') });
      expect(() => session.outcome(1, ok)).toThrow(expect.objectContaining({ code: 'recording.failed' }));
      expect(() => journal.commit()).toThrow(expect.objectContaining({ code: 'recording.failed' }));
      expect(journal.probe()).toBe(false);
      broken = false;
      journal.probe();
      while (!journal.healthy) await new Promise((resolve) => setImmediate(resolve));
      session.outcome(1, ok);
      session.end(end);
      await journal.close();
      const items = await collect(dir, 'w', 'ses_1');
      expect(operations(items)).toMatchObject([{ outcome: { status: 'ok' } }]);
      expect(integrity(items).intact).toBe(true);
    }));
});
