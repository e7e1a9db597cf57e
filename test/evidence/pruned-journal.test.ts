/**
 * Packs of a period of which retention deleted journals, made by the real engine: they say what is gone, when and by which rule, and verify in both ways. What
 * is gone without the word of the log, or by a false word, fails in both.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { logState, signCheckpoint } from '../../src/audit/index.js';
import type { EvidenceExport } from '../../src/contract/evidence-types.js';
import { GrowingLogFiles, SlicedLog } from '../../src/evidence/sliced-log.js';
import { eraseNumbered } from '../../src/recording/index.js';
import { BEGIN, DAY, type Process, RetentionWorld } from '../gateway/retention-world.js';
import { end, start } from '../recording/session-fixture.js';
import { type StateServer, startStateServer } from '../store/state-server.js';
import { edit, exportData, filesOf, lines, signAgain, verifyBoth, withCopy } from './pack-tools.js';

let server: StateServer;
let world: RetentionWorld;
let packs = 0;

beforeAll(async () => {
  server = await startStateServer();
});
beforeEach(async () => {
  world = await RetentionWorld.open(server);
  await writeFile(join(world.dir, 'journal-key'), `${'07'.repeat(32)}\n`, { mode: 0o600 });
});
afterEach(() => world?.close());
afterAll(() => server?.close());

/** The text of the policy is not to be had without a gateway; of what was deleted nothing says so. */
const OFFLINE = ['E02.traced', 'E08.versions'];
/** The segments with it are sealed after it. */
const PERIOD = { from: BEGIN, to: BEGIN + 5 * DAY };
/** The segments are sealed in it. */
const SEALED = { from: BEGIN, to: BEGIN + 15 * DAY };

async function exported(scope: Parameters<typeof exportData>[2] = PERIOD): Promise<{ readonly pack: string; readonly made: EvidenceExport }> {
  return exportData(world.dir, join(world.dir, `pack${packs++}`), scope);
}

/** Both verifiers take it, and nothing in it fails. */
async function holds(scope?: Parameters<typeof exportData>[2]): Promise<string> {
  const { pack, made } = await exported(scope);
  expect(made.failed.filter(({ id }) => !OFFLINE.includes(id))).toEqual([]);
  const { gw, script } = await verifyBoth(pack, await world.writeKey());
  expect(gw).toEqual([]);
  expect(script.code, script.text).toBe(0);
  return pack;
}

/** Neither verifier takes it. @returns checks that fail */
async function fails(scope?: Parameters<typeof exportData>[2]): Promise<string[]> {
  const { pack, made } = await exported(scope);
  const { gw, script } = await verifyBoth(pack, await world.writeKey());
  expect(gw).toContain('complete');
  expect(script.code, script.text).toBe(1);
  expect(script.text).not.toContain('cannot be read');
  return made.failed.map(({ id }) => id).filter((id) => !OFFLINE.includes(id));
}

const rows = async (pack: string, file: string): Promise<string[]> => lines(await readFile(join(pack, file), 'utf8'));
const iso = (time: number): string => new Date(time).toISOString();
const segments = async (journal: string): Promise<string[]> => (await readdir(join(world.journalDir, journal))).filter((name) => name.endsWith('.gwj')).sort();

/** Journal w1 with two sessions, and what refused operations tell of in the log. */
async function recorded(during: (process: Process) => Promise<unknown> = () => Promise.resolve()): Promise<void> {
  await world.run('w1', async (process) => {
    await during(process);
    await world.record(process, 'ses_1', { refused: 2 });
    await world.record(process, 'ses_2', { subject: 'bob' });
    await process.audit.record('login.refused', { via: 'pg', code: 'auth.refused', message: 'wrong token', address: '192.0.2.9' });
    world.pass(10 * DAY);
  });
}

describe('what retention deleted', () => {
  it('is told with when and by which rule, and the pack verifies, as does that of one session', async () => {
    await recorded();
    const before = await holds();
    expect(await filesOf(before)).not.toContain('E01/deleted.csv');
    let [expired, pruned] = [0, 0];
    await world.run('w2', async ({ engine }) => {
      world.pass(25 * DAY);
      await engine.run(false);
      expired = world.wall;
      // So long the gateway's own entries in the segments are kept.
      world.pass(11 * DAY);
      expect(await engine.run(false)).toMatchObject({ segments: await lengthOf(before) });
      pruned = world.wall;
      expect(await readdir(world.journalDir)).toEqual(['w2']);
      world.pass(DAY);
    });
    const pack = await holds();
    const [head, first] = await rows(pack, 'E01/deleted.csv');
    expect(head).toBe('journal,segment,entries,root,sealed,log,log_index,deleted,prune_log,prune_index,known_time,keep_days');
    expect(first).toMatch(new RegExp(`^w1,1,\\d+,[0-9a-f]{64},${iso(BEGIN + 10 * DAY)},bank/0,\\d+,${iso(pruned)},bank/0,\\d+,`));
    const sessions = await rows(pack, 'E11/deleted.csv');
    expect(sessions[0]).toBe('session,subject,target,started,ended,content_ended,how,keep_days,known_time,log,log_index,deleted,prune_log,prune_index');
    expect(sessions.slice(1).map((line) => line.split(',').slice(0, 8))).toEqual(
      ['ses_1,alice', 'ses_2,bob'].map((who) => [...who.split(','), 'bank-db', iso(BEGIN), iso(BEGIN), iso(expired), 'expired', '30']),
    );
    // They stay listed, as the log has them.
    expect((await rows(pack, 'E09/sessions.csv')).slice(1).map((line) => line.split(',')[0])).toEqual(['ses_1', 'ses_2']);
    for (const file of ['report.html', '00-scope.md']) expect(await readFile(join(pack, file), 'utf8'), file).toContain('deleted by retention');
    const again = await holds();
    for (const file of await filesOf(pack)) expect(await readFile(join(again, file)), file).toEqual(await readFile(join(pack, file)));
    const one = await holds({ from: null, session: 'ses_2' });
    expect((await rows(one, 'E11/deleted.csv')).slice(1).map((line) => line.split(',')[0])).toEqual(['ses_2']);
  });

  it('is told of a journal of which a part is left, for sessions that began in what is gone as well', async () => {
    await world.run('w1', async (process) => {
      const open = process.journal.begin(start('ses_long'));
      for (let at = 0; at < 12; at++) await world.record(process, `ses_old${at}`, { refused: 1 });
      world.pass(DAY);
      open.end({ ...end, operations: 0, refused: 0, endedAt: world.wall });
      world.pass(19 * DAY);
      for (let at = 0; at < 12; at++) await world.record(process, `ses_new${at}`);
      world.pass(15 * DAY);
    });
    const before = await segments('w1');
    await world.run('w2', async ({ engine }) => {
      await engine.run(false);
      world.pass(DAY);
    });
    const left = await segments('w1');
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(before.length);
    const pack = await holds({ from: BEGIN, to: BEGIN + 36 * DAY });
    expect((await rows(pack, 'E01/deleted.csv')).length - 1).toBe(before.length - left.length);
    expect((await rows(pack, 'E01/segments.csv')).filter((line) => line.startsWith('w1,'))).toHaveLength(left.length);
    const gone = (await rows(pack, 'E11/deleted.csv')).slice(1).map((line) => line.split(',')[0]);
    expect(gone).toContain('ses_long');
    expect(gone.some((id) => id?.startsWith('ses_new'))).toBe(false);
    // Before the period nothing of it went.
    expect(await filesOf(await holds({ from: BEGIN + 20 * DAY, to: BEGIN + 21 * DAY }))).not.toContain('E11/deleted.csv');
  });

  it('is told of what was erased before it went, and of what was held and released', async () => {
    await recorded(async (process) => {
      await world.record(process, 'ses_0', { subject: 'erin' });
      await world.hold(process, 'hld_1', 'subject', 'bob');
    });
    await world.run('w2', async ({ audit, engine, trail }) => {
      await audit.record('session.erase', { session: 'ses_0', target: 'bank-db', sessionIssuer: 'x', sessionSubject: 'erin', reason: 'asked for' });
      trail.commit();
      await trail.synced();
      eraseNumbered(world.journalDir, 'w1', 1);
      expect(await engine.run(false)).toMatchObject({ segments: 0 });
      await audit.record('hold.release', { hold: 'hld_1' });
      await world.store.holds.release('hld_1', 'carol', 'closed');
    });
    await world.run('w3', async ({ engine }) => {
      world.pass(60 * DAY);
      expect(await engine.run(false)).toMatchObject({ recordings: 2 });
      world.pass(DAY);
    });
    expect(await segments('w1').catch(() => [])).toEqual([]);
    const pack = await holds();
    expect((await rows(pack, 'E11/deleted.csv')).slice(1).map((line) => [line.split(',')[0], line.split(',')[6]])).toEqual([
      ['ses_0', 'erased'],
      ['ses_1', 'expired'],
      ['ses_2', 'expired'],
    ]);
  });

  it('cannot be told while another log may still tell of a hold', async () => {
    await recorded();
    await world.run('v0', () => Promise.resolve(world.pass(DAY)), 1);
    await world.run('w2', async ({ engine }) => {
      world.pass(60 * DAY);
      await engine.run(false);
      world.pass(DAY);
    });
    const directory = join(world.dir, 'log', '1');
    const ended = await readFile(join(directory, 'checkpoint'));
    const { size } = (await logState(directory)) ?? { size: 0 };
    // As it was before it ended.
    const log = new SlicedLog(new GrowingLogFiles(directory), size, 'bank/1', { first: 0, size: size - 1 });
    await writeFile(join(directory, 'checkpoint'), signCheckpoint({ origin: 'bank/1', size: size - 1, root: await log.root() }, [world.key]));
    await expect(exported()).rejects.toMatchObject({ code: 'evidence.open', message: expect.stringContaining('bank/1') as string });
    await writeFile(join(directory, 'checkpoint'), ended);
    await holds();
  });
});

describe('what is gone without the word of the log', () => {
  /** Deletes all of w1 by hand, with what somebody with the key of the gateway writes about it. */
  async function deleteByHand(say: (process: Process) => Promise<unknown> | undefined = () => undefined): Promise<void> {
    await world.run('w2', async (process) => {
      world.pass(40 * DAY);
      await say(process);
      await rm(join(world.journalDir, 'w1'), { recursive: true });
      world.pass(DAY);
    });
  }

  async function append({ trail }: Process, kind: 'journal.prune' | 'session.expire', data: Record<string, unknown>): Promise<void> {
    trail.append(kind, { knownTime: iso(world.wall), ...data });
    trail.commit();
    await trail.synced();
  }

  const prune = (process: Process, data: Record<string, unknown> = {}): Promise<void> =>
    append(process, 'journal.prune', { journalOfSegment: 'w1', through: 1, ...data });

  const expire = (process: Process, session: string, data: Record<string, unknown> = {}): Promise<void> => {
    const { issuer } = start(session).identity;
    const subject = session === 'ses_2' ? 'bob' : 'alice';
    const record = { session, target: 'bank-db', issuer, subject, journalOfSession: 'w1', endedAt: iso(BEGIN), keepMs: 30 * DAY };
    return append(process, 'session.expire', { ...record, ...data });
  };

  async function expireBoth(process: Process, data: Record<string, unknown> = {}): Promise<void> {
    for (const session of ['ses_1', 'ses_2']) await expire(process, session, data);
  }

  it('is missing', async () => {
    await recorded();
    await deleteByHand();
    expect(await fails(SEALED)).toEqual(['E01.no-segment-missing', 'E01.counted', 'E01.journalled', 'E06.matched', 'E09.recorded']);
    expect(await fails(PERIOD)).toContain('E09.recorded');
  });

  it('is missing when the word is about another journal, fewer segments, or came before', async () => {
    await recorded((process) => prune(process, { through: 9 }));
    await deleteByHand(async (process) => {
      await expireBoth(process);
      await prune(process, { journalOfSegment: 'other', through: 9 });
      await prune(process, { through: 0 });
    });
    expect(await fails(SEALED)).toEqual(['E01.no-segment-missing', 'E01.counted', 'E01.journalled', 'E06.matched', 'E09.recorded']);
  });

  it('is missing when the content of its sessions did not end, or ended in another journal, or after that', async () => {
    await recorded();
    await deleteByHand(async (process) => {
      await expire(process, 'ses_1', { journalOfSession: 'other' });
      await prune(process);
      await expire(process, 'ses_2');
    });
    for (const period of [SEALED, PERIOD]) {
      const found = await fails(period);
      expect(found).toContain('E09.recorded');
      expect(found).not.toContain('E01.no-segment-missing');
    }
  });

  it('is no deletion in order before its time, by whatever is said of the time', async () => {
    await recorded();
    await deleteByHand(async (process) => {
      await expire(process, 'ses_1', { keepMs: DAY, knownTime: iso(world.wall + DAY) });
      await expire(process, 'ses_2', { endedAt: iso(BEGIN - DAY) });
      await prune(process);
    });
    const { made } = await exported(SEALED);
    expect(made.failed.find(({ id }) => id === 'E01.deleted-in-order')?.detail).toMatch(/^2 of 3: .*ses_1 expired before its time; .*ses_2 expired before/);
    expect(await fails(SEALED)).toEqual(['E01.deleted-in-order']);
  });

  it('is no deletion in order by a shorter period than the rules say, nor of segments that are younger', async () => {
    await recorded();
    await deleteByHand(async (process) => {
      await process.engine.run(true);
      process.trail.append('retention.rules', { recordings: 60 * DAY, approvals: DAY, index: DAY, log: null, targets: [] });
      await expireBoth(process);
      await prune(process);
    });
    const { made } = await exported(SEALED);
    expect(made.failed.map(({ id, detail }) => [id, detail]).filter(([id]) => id === 'E01.deleted-in-order')).toEqual([
      [
        'E01.deleted-in-order',
        '3 of 3: segment 1 of w1 was deleted before its time; the content of ses_1 expired before its time; the content of ses_2 expired before its time',
      ],
    ]);
    expect(await fails(SEALED)).toEqual(['E01.deleted-in-order']);
  });

  it.each([
    ['of the session', 'session', 'ses_2'],
    ['of its target', 'target', 'bank-db'],
    ['of who had it', 'subject', 'bob'],
  ] as const)('is no deletion in order under a hold %s, whatever the entry about it says', async (_what, scope, value) => {
    await recorded((process) => world.hold(process, 'hld_1', scope, value));
    await deleteByHand(async (process) => {
      await expireBoth(process, { target: 'other-db', subject: 'nobody' });
      await prune(process);
    });
    const { made } = await exported(SEALED);
    expect(made.failed.find(({ id }) => id === 'E01.deleted-in-order')?.detail).toContain('the content of ses_2 ended (bank/0 entry');
    expect(await fails(SEALED)).toEqual(['E01.deleted-in-order']);
  });

  it.each([false, true])('is no deletion in order under a hold of another log from before the period, unless released there (%s)', async (released) => {
    const other = (journal: string, act: (process: Process) => Promise<unknown>): Promise<unknown> => world.run(journal, act, 1);
    await world.run('w0', () => Promise.resolve(world.pass(DAY)));
    await other('v0', (process) => world.hold(process, 'hld_1', 'target', 'bank-db'));
    world.pass(5 * DAY);
    const begin = world.wall;
    await recorded();
    if (released) await other('v1', ({ audit }) => audit.record('hold.release', { hold: 'hld_1' }));
    await deleteByHand(async (process) => {
      await expireBoth(process, { endedAt: iso(begin) });
      await prune(process);
    });
    const period = { from: begin, to: begin + 15 * DAY };
    if (released) await holds(period);
    else expect(await fails(period)).toEqual(['E01.deleted-in-order']);
  });

  it('cannot be hidden by whoever takes it out of the tables and signs again', async () => {
    await recorded();
    await world.run('w2', async ({ engine }) => {
      world.pass(60 * DAY);
      await engine.run(false);
      world.pass(DAY);
    });
    const pack = await holds(SEALED);
    for (const file of ['E01/deleted.csv', 'E11/deleted.csv']) {
      for (const change of [
        (copy: string) =>
          edit(copy, file, (text) =>
            lines(text)
              .slice(0, 2)
              .join('\n')
              .replace(/2026-05/, '2026-04'),
          ),
        (copy: string) => rm(join(copy, file)),
      ]) {
        await withCopy(pack, async (copy) => {
          await change(copy);
          await signAgain(copy, world.key);
          const { gw, script } = await verifyBoth(copy, await world.writeKey());
          expect(gw, file).toEqual(['derived']);
          expect(script.code, script.text).toBe(1);
        });
      }
    }
  });
});

/** How many segments of w1 a pack has. */
const lengthOf = async (pack: string): Promise<number> => (await filesOf(pack)).filter((file) => file.startsWith('journal/w1/')).length;
