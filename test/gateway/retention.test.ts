/** Records end when their time is over, and not before: neither under a hold, nor by a clock that jumps; and a stranger sees it when they did. */
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AuditLeaf, decodeLeaf } from '../../src/audit/audit-leaf.js';
import { LogFiles } from '../../src/audit/log-files.js';
import { destroyKey } from '../../src/recording/encryption/session-keys.js';
import { contentState } from '../../src/recording/index.js';
import { collect, integrity } from '../recording/session-fixture.js';
import { type StateServer, startStateServer } from '../store/state-server.js';
import { verifiedByOther } from './pruned-world.js';
import { BEGIN, DAY, type Process, RetentionWorld, RULES } from './retention-world.js';

let server: StateServer;
let world: RetentionWorld;

beforeAll(async () => {
  server = await startStateServer();
});
beforeEach(async () => {
  world = await RetentionWorld.open(server);
});
afterEach(() => world?.close());
afterAll(() => server?.close());

const state = (number: number, journal = 'w1') => contentState(world.journalDir, journal, number);
const problems = async (): Promise<string[]> => (await world.verify()).problems.map(({ claim, message }) => `${claim}: ${message}`);

/** Journal w1 with a session on each of two targets; then the world is `days` older, by a process that ran all the while. */
async function twoSessions(days: number): Promise<void> {
  await world.run('w1', async (process) => {
    await world.record(process, 'ses_long');
    await world.record(process, 'ses_short', { target: 'short-db' });
    world.pass(days * DAY);
  });
}

describe('retention', () => {
  it('tells its rules when they change, and once a day, so that the log of any period says them', async () => {
    await world.run('w1', async ({ engine }) => {
      for (const days of [0, 0, 1, 0, 2]) {
        world.pass(days * DAY);
        await engine.run(false);
      }
    });
    const told: number[] = [];
    const files = new LogFiles(join(world.dir, 'log', '0'));
    const size = Number((await files.checkpoint())?.toString('utf8').split('\n')[1]);
    for await (const { leaf } of files.leaves(size)) {
      const { kind, time } = decodeLeaf(leaf) as AuditLeaf;
      if (kind === 'retention.rules') told.push((Date.parse(time) - BEGIN) / DAY);
    }
    expect(told).toEqual([0, 1, 3]);
  });

  it('ends each recording after the period of its target, and the segments when nothing in them is left', async () => {
    await twoSessions(11);
    await world.run('w2', async ({ engine }) => {
      const dry = await engine.run(true);
      expect(dry).toMatchObject({ dryRun: true, recordings: 1, held: 0, segments: 0, expired: [{ session: 'ses_short', target: 'short-db' }] });
      expect(await state(2)).toBe('kept');
      expect(await engine.run(false)).toMatchObject({ ...dry, dryRun: false });
      expect([await state(1), await state(2)]).toEqual(['kept', 'ended']);
      expect(await world.store.sessions.find('ses_short')).toMatchObject({ content: 'expired' });
      expect(await engine.run(false), 'once').toMatchObject({ recordings: 0, segments: 0 });
      world.pass(20 * DAY);
      expect(await engine.run(false)).toMatchObject({ recordings: 1, segments: 0 });
      expect([await state(1), await state(2)]).toEqual(['ended', 'ended']);
      // What the gateway itself wrote there is as old as the segment.
      world.pass(10 * DAY);
      expect(await engine.run(true)).toMatchObject({ recordings: 0, segments: 1 });
      expect(await engine.run(false)).toMatchObject({ recordings: 0, segments: 1 });
      expect(await readdir(world.journalDir)).toEqual(['w2']);
    });
    const { problems: found, ended } = await world.verify();
    expect(found).toEqual([]);
    expect(ended).toEqual({ erased: 0, expired: 2, segments: 1 });
  });

  it('ends the oldest segments of a journal whose later sessions are younger, and the rest reads and verifies', async () => {
    await world.run('w1', async (process) => {
      for (let at = 0; at < 12; at++) await world.record(process, `ses_old${at}`);
      world.pass(20 * DAY);
      for (let at = 0; at < 12; at++) await world.record(process, `ses_new${at}`);
      world.pass(15 * DAY);
    });
    const before = (await readdir(join(world.journalDir, 'w1'))).filter((name) => name.endsWith('.gwj')).length;
    await world.run('w2', async ({ engine }) => {
      const { recordings, segments } = await engine.run(false);
      expect(recordings).toBe(12);
      expect(segments).toBeGreaterThan(0);
      expect(segments).toBeLessThan(before);
    });
    expect(await problems()).toEqual([]);
    expect(await verifiedByOther(world)).toMatch(/^1 logs, 24 sessions, \d+ segments, 2 journals\n$/);
    for (let at = 0; at < 12; at++) expect(integrity(await collect(world.journalDir, 'w1', `ses_new${at}`))).toMatchObject({ intact: true });
    // A start after that finds nothing to repair, and the rest ends in its time.
    world.pass(20 * DAY);
    await world.run('w3', async ({ engine }) => {
      world.pass(30 * DAY);
      await engine.run(false);
      expect((await readdir(world.journalDir)).sort()).toEqual(['w3']);
    });
    expect(await problems()).toEqual([]);
  });

  it('keeps what is held, by the state and by the log alone, and ends it after the release', async () => {
    await world.run('w1', async (process) => {
      await world.record(process, 'ses_1');
      await world.record(process, 'ses_2', { target: 'held-db' });
      await world.record(process, 'ses_3', { subject: 'mallory' });
      await world.record(process, 'ses_4');
      await world.hold(process, 'hld_1', 'session', 'ses_1');
      await world.hold(process, 'hld_2', 'target', 'held-db');
      await world.hold(process, 'hld_3', 'subject', 'mallory');
      world.pass(40 * DAY);
    });
    // The state database was lost, and knows of no hold.
    const lost = { covering: () => Promise.resolve([]), unlessHeld: <T>(_record: unknown, act: () => Promise<T>) => act() };
    for (const holds of [{}, lost]) {
      await world.run(
        'w2'.concat(String(Object.keys(holds).length)),
        async ({ engine }) => {
          expect(await engine.run(false)).toMatchObject({ held: 3, segments: 0 });
          expect([await state(1), await state(2), await state(3), await state(4)]).toEqual(['kept', 'kept', 'kept', 'ended']);
        },
        0,
        holds,
      );
    }
    await world.run('w4', async ({ engine, audit }) => {
      for (const hold of ['hld_1', 'hld_2', 'hld_3']) {
        await audit.record('hold.release', { hold });
        await world.store.holds.release(hold, 'carol', 'closed');
      }
      expect(await engine.run(false), 'the release is not signed yet').toMatchObject({ held: 3 });
    });
    await world.run('w5', async ({ engine }) => {
      expect(await engine.run(false)).toMatchObject({ recordings: 3, held: 0 });
    });
    expect(await problems()).toEqual([]);
  });

  it('does not end anything early by a clock that jumps ahead, or was behind when a session was recorded', async () => {
    world.wall = 0; // 1970: the battery was empty
    await world.run('w0', async (process) => {
      world.wall = BEGIN;
      await world.record(process, 'ses_first', {}, 'w0');
      world.wall = 0;
      await world.record(process, 'ses_behind', {}, 'w0');
      world.wall = BEGIN;
    });
    await world.run('w1', async ({ engine }) => {
      world.pass(DAY);
      world.wall = BEGIN + 3_650 * DAY; // ten years ahead
      expect(await engine.run(false)).toMatchObject({ recordings: 0 });
      world.wall = BEGIN + DAY;
      expect(await engine.run(false)).toMatchObject({ recordings: 0 });
    });
    // A restart with the wrong clock knows no more than the log says.
    world.wall = BEGIN + 3_650 * DAY;
    await world.run('w2', async ({ engine }) => {
      expect(await engine.run(false)).toMatchObject({ recordings: 0 });
    });
    for (const number of [1, 2]) expect(await state(number, 'w0')).toBe('kept');
  });

  it('counts the time of all processes together, and none in which no process ran', async () => {
    await twoSessions(5);
    world.wall += 100 * DAY; // the machine was off
    for (let at = 0; at < 3; at++) {
      await world.run(`x${at}`, async ({ engine }) => {
        world.pass(4 * DAY);
        expect(await engine.run(false), `after ${5 + 4 * (at + 1)} days of work`).toMatchObject({ recordings: at === 1 ? 1 : 0 });
      });
    }
    expect(await problems()).toEqual([]);
  });

  it('goes on where it was stopped', async () => {
    await twoSessions(31);
    await world.run('w2', async ({ engine, trail }) => {
      const { recordings, approvals, index, targets } = RULES;
      // Dead between the entry and the destruction of the key.
      trail.append('retention.rules', { recordings, approvals, index, targets });
      const said = { session: 'ses_long', journalOfSession: 'w1', target: 'bank-db', issuer: 'https://issuer.example', subject: 'alice' };
      trail.append('session.expire', { ...said, endedAt: new Date(BEGIN).toISOString(), keepMs: recordings, knownTime: new Date(world.wall).toISOString() });
      expect(await engine.run(false)).toMatchObject({ recordings: 2, segments: 0 });
      // Dead between the mark and the deletion of the files.
      world.pass(31 * DAY);
      trail.append('journal.prune', { journalOfSegment: 'w1', through: 1, knownTime: new Date(world.wall).toISOString() });
      await writeFile(join(world.journalDir, 'w1', 'pruned'), '{"through":1}\n');
      await engine.run(false);
      expect(await readdir(world.journalDir)).toEqual(['w2']);
    });
    expect(await problems()).toEqual([]);
  });

  it('says again what is gone of a journal whose mark a former version left empty, by what the log told', async () => {
    await world.run('w1', async (process) => {
      for (let at = 0; at < 12; at++) await world.record(process, `ses_old${at}`);
      world.pass(20 * DAY);
      for (let at = 0; at < 12; at++) await world.record(process, `ses_new${at}`);
      world.pass(15 * DAY);
    });
    const mark = join(world.journalDir, 'w1', 'pruned');
    const through = await world.run('w2', async ({ engine }) => {
      expect((await engine.run(false)).segments).toBeGreaterThan(0);
      return readFile(mark, 'utf8');
    });
    await writeFile(mark, '');
    expect((await problems()).join('\n')).toContain('missing');
    await world.run('w3', async ({ engine }) => {
      expect(await engine.run(false)).toMatchObject({ segments: 0 });
      expect(await readFile(mark, 'utf8')).toBe(through);
    });
    expect(await problems()).toEqual([]);
  });

  it('takes away the texts that a pass left which was killed after it destroyed the key', async () => {
    await twoSessions(31);
    const texts = () => server.query(world.url, 'select id, content, client, client_address from gw.sessions order by id');
    await world.run('w2', async ({ engine, trail }) => {
      const { recordings, approvals, index, targets } = RULES;
      trail.append('retention.rules', { recordings, approvals, index, targets });
      const said = { session: 'ses_long', journalOfSession: 'w1', target: 'bank-db', issuer: 'https://issuer.example', subject: 'alice' };
      trail.append('session.expire', { ...said, endedAt: new Date(BEGIN).toISOString(), keepMs: recordings, knownTime: new Date(world.wall).toISOString() });
      destroyKey(join(world.journalDir, 'w1'), 1);
      await engine.run(true);
      expect(await texts(), 'a look changes nothing').toMatchObject([
        { content: 'kept', client: 'psql' },
        { content: 'kept', client: 'psql' },
      ]);
      await engine.run(false);
    });
    expect(await texts()).toEqual([
      { id: 'ses_long', content: 'expired', client: null, client_address: '' },
      { id: 'ses_short', content: 'expired', client: null, client_address: '' },
    ]);
    expect(await problems()).toEqual([]);
  });

  it('of texts that a hold covers, though their key is gone, takes nothing away', async () => {
    await twoSessions(31);
    await world.run('w2', async (process) => {
      destroyKey(join(world.journalDir, 'w1'), 1);
      await world.hold(process, 'hld_1', 'session', 'ses_long');
      expect(await process.engine.run(false)).toMatchObject({ held: 1, recordings: 1 });
      expect(await world.store.sessions.find('ses_long')).toMatchObject({ content: 'kept', client: 'psql' });
    });
  });

  it('ends everything that was due when the database failed in the middle of a pass, without a restart', async () => {
    await world.run('w1', async (process) => {
      for (const id of ['ses_1', 'ses_2', 'ses_3']) await world.record(process, id);
    });
    await world.run('w2', async ({ engine }) => {
      await engine.run(false);
      world.pass(31 * DAY);
      await server.query(world.url, 'alter table gw.operations rename to operations_away');
      await expect(engine.run(false)).rejects.toMatchObject({ code: 'store.unavailable' });
      expect(await Promise.all([1, 2, 3].map((number) => state(number)))).toEqual(['ended', 'kept', 'kept']);
      await server.query(world.url, 'alter table gw.operations_away rename to operations');
      expect(await engine.run(false)).toMatchObject({ recordings: 2 });
      for (const id of ['ses_1', 'ses_2', 'ses_3']) expect(await world.store.sessions.find(id)).toMatchObject({ content: 'expired', client: null });
      expect(await engine.run(false), 'once').toMatchObject({ recordings: 0 });
    });
    expect(await problems()).toEqual([]);
  });

  it('ends everything that was due when a log could not be read for a while, without a restart', async () => {
    await world.run('w1', (process) => world.record(process, 'ses_1'));
    await world.run('w2', (process) => world.record(process, 'ses_2', { refused: 300 }, 'w2'), 1);
    await world.run('w3', async ({ engine }) => {
      for (let at = 0; at < 2; at++) await engine.run(false);
      world.pass(31 * DAY);
      // The session of the first log was found when the second one fails.
      const bundle = join(world.dir, 'log', '1', 'tile', 'entries', '000');
      await rename(bundle, `${bundle}.away`);
      await expect(engine.run(false)).rejects.toMatchObject({ code: 'audit.invalid' });
      await rename(`${bundle}.away`, bundle);
      expect(await engine.run(false)).toMatchObject({ recordings: 2 });
    });
    expect(await problems()).toEqual([]);
  });

  it('does not end by former rules what waits for the release of a hold', async () => {
    await world.run('w1', (process) => world.record(process, 'ses_1', { target: 'short-db' }));
    const hold = { id: 'hld_1', scope: 'session', value: 'ses_1', issuer: null, reason: 'case', addedBy: 'carol' } as const;
    await world.store.holds.add(hold, () => Promise.resolve());
    await world.run('w2', async ({ engine }) => {
      world.pass(11 * DAY);
      for (let at = 0; at < 2; at++) expect(await engine.run(false)).toMatchObject({ held: 1 });
      await world.store.holds.release('hld_1', 'carol', 'closed');
      world.rules = { ...RULES, targets: [] };
      expect(await engine.run(false)).toMatchObject({ recordings: 0, held: 0 });
      expect(await state(1)).toBe('kept');
    });
    expect(await problems()).toEqual([]);
  });

  it('runs once at a time', async () => {
    await twoSessions(31);
    await world.run('w2', async ({ engine }) => {
      const both = await Promise.allSettled([engine.run(true), engine.run(true)]);
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'record.busy' } });
    });
  });
});

describe('what was not ended in order', () => {
  const expire = (process: Process, session: string, change: Record<string, unknown> = {}): void => {
    const { recordings, approvals, index, targets } = RULES;
    process.trail.append('retention.rules', { recordings, approvals, index, targets });
    process.trail.append('session.expire', {
      session,
      journalOfSession: 'w1',
      target: 'bank-db',
      issuer: 'https://issuer.example',
      subject: 'alice',
      endedAt: new Date(BEGIN).toISOString(),
      keepMs: recordings,
      knownTime: new Date(world.wall).toISOString(),
      ...change,
    });
  };

  it.each([
    [
      'a key that nobody ended',
      async () => void destroyKey(join(world.journalDir, 'w1'), 1),
      'retention: the key of session 1 of the journal w1 was destroyed',
    ],
    [
      'segments that are gone, and a mark that says so',
      async () => {
        await writeFile(join(world.journalDir, 'w1', 'pruned'), '{"through":1}\n');
        await rm(join(world.journalDir, 'w1', '000001.gwj'));
      },
      'retention: 1 segments of the journal w1 are gone; the log says so of 0',
    ],
    ['a journal that is gone', () => rm(join(world.journalDir, 'w1'), { recursive: true }), 'segment: segment 1 of the journal w1 is in the log'],
  ])('is found: %s', async (_what, damage, message) => {
    await twoSessions(40);
    expect(await problems()).toEqual([]);
    await damage();
    expect((await problems()).join('\n')).toContain(message);
  });

  it.each([
    ['before its time', { knownTime: new Date(BEGIN + 29 * DAY).toISOString() }, 'expired before its time'],
    ['by a time that had not come', { knownTime: new Date(BEGIN + 4_000 * DAY).toISOString() }, 'expired before its time'],
    ['by a shorter period than the rules', { keepMs: DAY }, 'expired by a shorter period than the rules in force say'],
    ['by an earlier end than it had', { endedAt: new Date(BEGIN - 100 * DAY).toISOString() }, 'expired by another end than it had'],
    ['with nonsense', { endedAt: 'x', keepMs: 'y' }, 'expired before its time'],
  ])('is found: an expiry %s', async (_what, change, message) => {
    await twoSessions(40);
    await world.run('w2', async (process) => {
      expire(process, 'ses_long', change);
      destroyKey(join(world.journalDir, 'w1'), 1);
    });
    expect((await problems()).join('\n')).toContain(message);
  });

  it.each(['session.expire', 'session.erase'] as const)('is found: a %s under a hold, whichever log tells it', async (kind) => {
    await twoSessions(40);
    await world.run('w2', (process) => world.hold(process, 'hld_1', 'session', 'ses_long'));
    world.pass(1);
    await world.run(
      'w3',
      async (process) => {
        if (kind === 'session.expire') expire(process, 'ses_long');
        else
          await process.audit.record('session.erase', {
            session: 'ses_long',
            target: 'bank-db',
            sessionIssuer: 'https://issuer.example',
            sessionSubject: 'alice',
          });
        destroyKey(join(world.journalDir, 'w1'), 1);
      },
      1,
    );
    expect((await problems()).join('\n')).toMatch(/retention: the content of the session ses_long (expired|was erased) while the hold hld_1 covered it/);
  });

  it.each([
    ['under a hold of its target', { target: 'other-db' }, 'target', 'expired while the hold hld_1 covered it'],
    ['under a hold of who had it', { subject: 'nobody' }, 'subject', 'expired while the hold hld_1 covered it'],
    ['by the period of another target', { target: 'short-db', keepMs: 10 * DAY }, null, 'expired by a shorter period than the rules in force say'],
  ] as const)('is found: an expiry %s, whatever the entry says that the session was about', async (_what, change, scope, message) => {
    await twoSessions(40);
    await world.run('w2', async (process) => {
      if (scope !== null) await world.hold(process, 'hld_1', scope, scope === 'target' ? 'bank-db' : 'alice');
      expire(process, 'ses_long', change);
      destroyKey(join(world.journalDir, 'w1'), 1);
    });
    expect((await problems()).join('\n')).toContain(`retention: the content of the session ses_long ${message}`);
    expect(await verifiedByOther(world)).toContain('retention: the content of ses_long');
  });

  it('is found: segments pruned with a session in them that had not ended', async () => {
    await twoSessions(40);
    await world.run('w2', async (process) => {
      expire(process, 'ses_short', { target: 'short-db' });
      process.trail.append('journal.prune', { journalOfSegment: 'w1', through: 1, knownTime: new Date(world.wall).toISOString() });
      await rm(join(world.journalDir, 'w1'), { recursive: true });
    });
    expect(await problems()).toEqual(['retention: the session ses_long was in segments of the journal w1 that are pruned, and its content had not ended']);
  });
});
