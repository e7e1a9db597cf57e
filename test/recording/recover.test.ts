/** Recovery ends what a dead process left open, keeps what was torn, leaves the living alone, and can itself be interrupted. */
import { execFileSync } from 'node:child_process';
import { appendFile, cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { recoverJournals, verifyJournal } from '../../src/recording/index.js';
import { SyncedNames } from '../support/synced-names.js';
import {
  allow,
  bytes,
  collect,
  crashCopy,
  DEAD_LOCK,
  deny,
  end,
  facts,
  freshDirectory,
  keys,
  leaveDeadLock,
  ok,
  open,
  operations,
  start,
  steppingClock,
  withDirectory,
} from './session-fixture.js';

/** The kernel refuses to let any file of this process grow beyond this: writes come back short, then fail with EFBIG. */
function limitFiles(size: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${size}:`]);
}

/** What a crash left of the journal `w`: a session that was open, then `tail`. */
async function openJournalWithTail(dir: string, tail: string): Promise<string> {
  const crash = join(dir, 'crash');
  await using journal = await open(dir, { bootId: 'w' });
  journal.begin(start('ses_1'));
  journal.commit();
  await crashCopy(dir, 'w', crash);
  await appendFile(join(crash, 'w', '000001.gwj'), tail);
  return crash;
}

const recovery = { clock: steppingClock(1_800_000_000_000), logger: silentLogger, keys };

describe('recovery', () => {
  it('ends open sessions as interrupted, operations without outcome as unknown, and leaves ended ones alone', () =>
    withDirectory(async (dir) => {
      const crash = await freshDirectory();
      await using journal = await open(dir, { bootId: 'w' });
      const one = journal.begin(start('ses_1'));
      const two = journal.begin(start('ses_2'));
      journal.begin(start('ses_3'));
      one.operation(1, 'query', facts('reads'), allow, bytes('12345678'), null);
      one.delivered(1, bytes('abcde'));
      one.outcome(1, ok);
      one.operation(2, 'query', facts('drops'), deny, bytes('drop'), null);
      one.operation(3, 'query', facts('writes'), allow, bytes('123'), null);
      one.received(3, bytes('xy'));
      one.operation(4, 'query', facts('writes'), allow, bytes('4'), null);
      two.end(end);
      journal.commit();
      await crashCopy(dir, 'w', crash);
      await appendFile(join(crash, 'w', '000001.gwj'), 'torn tail');

      const recovered = await recoverJournals(crash, recovery);
      expect(recovered.failed).toEqual([]);
      expect(recovered.sessions.map((session) => session.id)).toEqual(['ses_1', 'ses_3']);
      expect(recovered.sessions[0]).toMatchObject({
        bootId: 'w',
        start: start('ses_1'),
        end: { reason: 'interrupted', operations: 4, refused: 1, rows: 1, bytesUp: 8 + 4 + 3 + 2 + 1, bytesDown: 5, message: null },
      });
      const items = await collect(crash, 'w', 'ses_1');
      expect(operations(items).map((operation) => [operation.sequence, operation.outcome?.status ?? null])).toEqual([
        [1, 'ok'],
        [2, null],
        [3, 'unknown'],
        [4, 'unknown'],
      ]);
      expect(items.at(-2)).toMatchObject({ kind: 'end', end: recovered.sessions[0]?.end });
      expect(await verifyJournal(crash)).toMatchObject({ intact: true });
      const torn = (await readdir(join(crash, 'w'))).filter((name) => name.endsWith('.torn'));
      expect(torn.length).toBe(1);
      expect(await readFile(join(crash, 'w', torn[0] as string), 'utf8')).toBe('torn tail');

      // A second run has nothing to do.
      expect(await recoverJournals(crash, recovery)).toEqual({ sessions: [], failed: [] });
      await rm(crash, { recursive: true });
    }));

  it('leaves alone a worker whose process lives or that the caller knows to live', () =>
    withDirectory(async (dir) => {
      const crash = await freshDirectory();
      await using journal = await open(dir, { bootId: 'w' });
      journal.begin(start('ses_1'));
      journal.commit();
      await crashCopy(dir, 'w', crash);
      expect(await recoverJournals(dir, recovery)).toEqual({ sessions: [], failed: [] });
      expect(await recoverJournals(crash, { ...recovery, alive: (bootId) => bootId === 'w' })).toEqual({ sessions: [], failed: [] });
      expect((await recoverJournals(crash, { ...recovery, alive: () => false })).sessions.length).toBe(1);
      expect((await verifyJournal(dir)).workers[0]).toMatchObject({ live: true, openSessions: 1, problems: [] });
      await rm(crash, { recursive: true });
    }));

  it('does not take a reused process id for the writer', () =>
    withDirectory(async (dir) => {
      const crash = await freshDirectory();
      await using journal = await open(dir, { bootId: 'w' });
      journal.begin(start('ses_1'));
      journal.commit();
      await cp(join(dir, 'w'), join(crash, 'w'), { recursive: true });
      const lock = JSON.parse(await readFile(join(crash, 'w', 'lock'), 'utf8')) as { start: string };
      expect((await verifyJournal(crash)).workers[0]?.live).toBe(true);
      await writeFile(join(crash, 'w', 'lock'), JSON.stringify({ ...lock, start: `${Number(lock.start) - 1}` }));
      expect((await recoverJournals(crash, recovery)).sessions.length).toBe(1);
      await rm(crash, { recursive: true });
    }));

  it('recovers workers that died before their first segment was whole', () =>
    withDirectory(async (dir) => {
      await mkdir(join(dir, 'half'));
      await leaveDeadLock(dir, 'half');
      await writeFile(join(dir, 'half', '000001.gwj'), 'GWJ1');
      await mkdir(join(dir, 'torn-lock'));
      await writeFile(join(dir, 'torn-lock', 'lock'), '{"pid":');
      await writeFile(join(dir, 'torn-lock', '000001.gwj'), '');
      expect((await recoverJournals(dir, recovery)).failed).toEqual([]);
      expect(await verifyJournal(dir)).toMatchObject({ intact: true });
    }));

  it('removes what workers left that died before they had recorded anything, and verifies before that, too', () =>
    withDirectory(async (dir) => {
      const leftovers: Readonly<Record<string, Readonly<Record<string, string>>>> = {
        'nothing-yet': {},
        'no-lock': { 'lock.mS1v0fQ2': '{"pid":' },
        'torn-key': { lock: DEAD_LOCK, 'keys.json': '' },
        'half-key': { lock: DEAD_LOCK, 'keys.json.draft': '{"ver' },
        'no-segment': { lock: DEAD_LOCK, 'keys.json': '{}', keys: '', recovery: DEAD_LOCK },
      };
      for (const [journal, files] of Object.entries(leftovers)) {
        await mkdir(join(dir, journal));
        for (const [name, text] of Object.entries(files)) await writeFile(join(dir, journal, name), text);
      }
      expect(await verifyJournal(dir)).toMatchObject({ intact: true });
      expect(await recoverJournals(dir, { ...recovery, alive: () => true })).toEqual({ sessions: [], failed: [] });
      expect((await readdir(dir)).sort()).toEqual(Object.keys(leftovers).sort());
      expect(await recoverJournals(dir, recovery)).toEqual({ sessions: [], failed: [] });
      expect(await readdir(dir)).toEqual([]);
    }));

  it('keeps a directory whose segments somebody took away, and verification says that they are missing', () =>
    withDirectory(async (dir) => {
      for (const [journal, name, text] of [
        ['keys-left', 'keys', 'x'.repeat(96)],
        ['torn-left', '000001.gwj.0.1.torn', 'GWJ1'],
        ['mark-left', 'pruned', '{"through":1}\n'],
      ] as const) {
        await mkdir(join(dir, journal));
        await writeFile(join(dir, journal, name), text);
      }
      expect(await recoverJournals(dir, recovery)).toEqual({ sessions: [], failed: [] });
      expect((await verifyJournal(dir)).workers.map(({ problems }) => problems.map(({ code }) => code))).toEqual([
        ['segment-missing'],
        ['segment-missing'],
        ['segment-missing'],
      ]);
    }));

  it('cuts nothing off that it could not keep as a whole', () =>
    withDirectory(async (dir) => {
      const crash = await openJournalWithTail(dir, 'torn tail '.repeat(500));
      const path = join(crash, 'w', '000001.gwj');
      const before = await readFile(path);
      limitFiles(2_000);
      expect((await recoverJournals(crash, recovery).finally(() => limitFiles('unlimited'))).failed).toHaveLength(1);
      expect((await readFile(path)).equals(before)).toBe(true);
      expect((await recoverJournals(crash, recovery)).failed).toEqual([]);
      const torn = (await readdir(join(crash, 'w'))).filter((name) => name.endsWith('.torn'));
      expect(await Promise.all(torn.map((name) => readFile(join(crash, 'w', name), 'utf8')))).toEqual(['torn tail '.repeat(500)]);
    }));

  it('has what it cuts off on disk before it is cut off', () =>
    withDirectory(async (dir) => {
      const crash = await openJournalWithTail(dir, 'torn tail');
      const { length } = await readFile(join(crash, 'w', '000001.gwj'));
      using synced = await SyncedNames.watch();
      // Nothing can be written behind what was cut off: there recovery stops.
      limitFiles(500);
      expect((await recoverJournals(crash, recovery).finally(() => limitFiles('unlimited'))).failed).toHaveLength(1);
      expect((await readFile(join(crash, 'w', '000001.gwj'))).length).toBe(length - 9);
      const torn = (await readdir(join(crash, 'w'))).find((name) => name.endsWith('.torn'));
      expect((await synced.of(join(crash, 'w'))).at(-1)).toContain(torn);
    }));

  it('finishes segments that were full but not sealed yet, and a recovery that was cut at any byte', () =>
    withDirectory(async (dir) => {
      const crash = await freshDirectory();
      await using journal = await open(dir, { bootId: 'w', segmentBytes: 900, syncIntervalMs: 1_000_000 });
      const session = journal.begin(start('ses_1'));
      for (let i = 1; i <= 12; i++) {
        session.operation(i, 'query', facts('reads'), allow, bytes(`select ${i}`), null);
        journal.commit();
      }
      await crashCopy(dir, 'w', crash);
      const names = (await readdir(join(crash, 'w'))).filter((name) => name.endsWith('.gwj'));
      expect(names.length).toBeGreaterThan(2);
      const first = await freshDirectory();
      await cp(crash, first, { recursive: true });
      expect((await recoverJournals(first, recovery)).sessions.length).toBe(1);
      expect(await verifyJournal(first)).toMatchObject({ intact: true });
      // The recovery itself dies: its own frame or seal is torn, and the lock is still there.
      const last = join(first, 'w', names.at(-1) as string);
      const whole = (await readFile(last)).length;
      const before = (await readFile(join(crash, 'w', names.at(-1) as string))).length;
      for (let length = before; length < whole; length += 7) {
        const again = await freshDirectory();
        await cp(first, again, { recursive: true });
        await truncate(join(again, 'w', names.at(-1) as string), length);
        await leaveDeadLock(again, 'w');
        expect((await recoverJournals(again, recovery)).failed).toEqual([]);
        expect(await verifyJournal(again), `cut at ${length}`).toMatchObject({ intact: true });
        expect(operations(await collect(again, 'w', 'ses_1')).map((operation) => operation.outcome?.status)).toEqual(
          Array.from({ length: 12 }, () => 'unknown'),
        );
        await rm(again, { recursive: true });
      }
      await rm(first, { recursive: true });
      await rm(crash, { recursive: true });
    }));
});
