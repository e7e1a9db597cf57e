/** The oldest segments of a journal go, and a kill or a power cut on the way leaves a journal that verifies, or one that the next call ends. */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Prunable, prunableSegments, pruneSegments, verifyJournal } from '../../src/recording/index.js';
import { SyncedNames } from '../support/synced-names.js';
import { allow, bytes, end, facts, ok, open, start, withDirectory } from './session-fixture.js';

/** The kernel refuses to let any file of this process grow beyond this. */
function limitFiles(size: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${size}:`]);
}

afterEach(() => limitFiles('unlimited'));

/** A closed journal `w` of several segments, each with sessions of its own. */
async function recorded(dir: string): Promise<string> {
  const journal = await open(dir, { bootId: 'w' });
  for (let segment = 1; segment <= 5; segment++) {
    const session = journal.begin(start(`ses_${segment}`));
    session.operation(1, 'query', facts('reads'), allow, bytes('select 1'), null);
    session.outcome(1, ok);
    session.end(end);
    journal.commit();
    await journal.synced();
    if (segment < 5) journal.roll();
  }
  await journal.close();
  return join(dir, 'w');
}

const nothingTold = (): Promise<number> => Promise.resolve(0);

async function prunable(journal: string, limit: number, told = nothingTold): Promise<Prunable> {
  const found = await prunableSegments(journal, () => true, { limit, told });
  if (found === null) throw new Error('nothing can go');
  return found;
}

const segmentsOf = async (journal: string): Promise<string[]> => (await readdir(journal)).filter((name) => name.endsWith('.gwj')).sort();

describe('pruning of a journal', () => {
  it('that cannot write its mark leaves the one that was there, and the journal verifies', () =>
    withDirectory(async (dir) => {
      const journal = await recorded(dir);
      await pruneSegments(journal, await prunable(journal, 2));
      const next = await prunable(journal, 4);
      limitFiles(0);
      await expect(pruneSegments(journal, next)).rejects.toThrow('EFBIG');
      limitFiles('unlimited');
      expect(await readFile(join(journal, 'pruned'), 'utf8')).toBe('{"through":2}\n');
      expect(await verifyJournal(dir)).toMatchObject({ intact: true });
      await pruneSegments(journal, await prunable(journal, 4));
      expect(await segmentsOf(journal)).toEqual(['000005.gwj']);
      expect(await verifyJournal(dir)).toMatchObject({ intact: true });
    }));

  it('has the mark on disk before a segment goes, and every segment gone before the mark does', () =>
    withDirectory(async (dir) => {
      const journal = await recorded(dir);
      using synced = await SyncedNames.watch();
      await pruneSegments(journal, await prunable(journal, 2));
      const [first] = await synced.of(journal);
      expect(first).toEqual(expect.arrayContaining(['000001.gwj', '000002.gwj', 'pruned']));
      const all = await prunable(journal, 5);
      expect(all.whole).toBe(true);
      const before = synced.syncs.length;
      await pruneSegments(journal, all);
      const names = synced.syncs.slice(before).map((each) => each.names.filter((name) => name === 'pruned' || name.endsWith('.gwj')).sort());
      expect(names).toEqual([['000003.gwj', '000004.gwj', '000005.gwj', 'pruned'], ['pruned']]);
      expect(await readdir(dir)).toEqual([]);
    }));

  it('that died before it removed the empty directory is ended', () =>
    withDirectory(async (dir) => {
      const journal = join(dir, 'w');
      await mkdir(journal);
      await pruneSegments(journal, await prunable(journal, 5));
      expect(await readdir(dir)).toEqual([]);
    }));

  it('takes what processes left that died while they took or claimed its lock, and with it the directory', () =>
    withDirectory(async (dir) => {
      const journal = await recorded(dir);
      for (const name of ['lock.mS1v0fQ2', 'recovery.mS1v0fQ2', 'recovery', 'recovery.0123456789abcdef', 'pruned.draft'])
        await writeFile(join(journal, name), '{"pid":');
      await pruneSegments(journal, await prunable(journal, 5));
      expect(await readdir(dir)).toEqual([]);
    }));

  it.each([
    ['as far as the log says', 2, 2, 3],
    ['not beyond what is gone, whatever the log says', 4, 2, 3],
  ])('goes on behind a mark that a former version left empty, %s', (_what, told, gone, limit) =>
    withDirectory(async (dir) => {
      const journal = await recorded(dir);
      for (let segment = 1; segment <= gone; segment++) await rm(join(journal, `00000${segment}.gwj`));
      await writeFile(join(journal, 'pruned'), '');
      expect(await verifyJournal(dir)).toMatchObject({ intact: false });
      // Nothing more can go, and what is gone is said again.
      const found = await prunableSegments(journal, () => false, { limit, told: () => Promise.resolve(told) });
      expect(found).toEqual({ through: gone, segments: 0, whole: false });
      await pruneSegments(journal, await prunable(journal, limit, () => Promise.resolve(told)));
      expect(await segmentsOf(journal)).toEqual(['000004.gwj', '000005.gwj']);
      expect(await verifyJournal(dir)).toMatchObject({ intact: true });
    }),
  );

  it('refuses a journal whose beginning is gone where the log does not say so', () =>
    withDirectory(async (dir) => {
      const journal = await recorded(dir);
      for (const segment of [1, 2]) await rm(join(journal, `00000${segment}.gwj`));
      for (const told of [0, 1]) {
        await writeFile(join(journal, 'pruned'), '');
        await expect(prunableSegments(journal, () => true, { limit: 5, told: () => Promise.resolve(told) })).rejects.toThrow(
          expect.objectContaining({ code: 'recording.failed' }),
        );
      }
      expect(await segmentsOf(journal)).toEqual(['000003.gwj', '000004.gwj', '000005.gwj']);
    }));
});
