/** The audit log gives up its oldest entries when their time is over and nothing needs them; what is left verifies, proves, and shows what was given up. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { entriesFrom } from '../../src/audit/follow-logs.js';
import { cosignLogs, logState, nativeRecord, parseCheckpoint, publicKeyBytes, readSigningKey, SinkRunner, searchLogs } from '../../src/audit/index.js';
import { LogFiles } from '../../src/audit/log-files.js';
import { markBegun, writePlace } from '../../src/audit/sinks/sink-place.js';
import { silentLogger } from '../../src/base/logger.js';
import type { AuditFilter } from '../../src/contract/audit-entry.js';
import { createAuditReader } from '../../src/gateway/audit-reader.js';
import { verifyAudit } from '../../src/gateway/audit-workbench.js';
import { mirrorLogs } from '../../src/gateway/mirror-logs.js';
import { checkSessionProof, proveSession } from '../../src/gateway/session-proof.js';
import { record } from '../approval/fixture.js';
import { sinkSettings } from '../audit/sink-world.js';
import { eventually, type StateServer, startStateServer } from '../store/state-server.js';
import { aged, LOG_RULES, tilesOf, verifiedByOther } from './pruned-world.js';
import { BEGIN, DAY, RetentionWorld, RULES } from './retention-world.js';

let server: StateServer;
let world: RetentionWorld;

beforeAll(async () => {
  server = await startStateServer();
});
beforeEach(async () => {
  world = await RetentionWorld.open(server);
  world.rules = LOG_RULES;
});
afterEach(() => world?.close());
afterAll(() => server?.close());

const problems = async (): Promise<string[]> => (await world.verify()).problems.map(({ claim, message }) => `${claim}: ${message}`);
const log = (): string => join(world.dir, 'log', '0');
const firstKept = (): Promise<number> => new LogFiles(log()).first();

async function prune(): Promise<void> {
  await world.run('w3', async ({ engine }) => {
    world.pass(60 * DAY);
    expect((await engine.run(false)).entries).toBeGreaterThan(512);
  });
}

async function pruned(): Promise<void> {
  await aged(world);
  await prune();
}

describe('the audit log', () => {
  it('gives up whole bundles of a process of which nothing is left, up to the beginning of the next one', async () => {
    await aged(world);
    const before = await tilesOf(log());
    await world.run('w3', async ({ engine }) => {
      world.pass(60 * DAY);
      const dry = await engine.run(true);
      expect(dry.entries).toBeGreaterThan(512);
      expect(await tilesOf(log()), 'nothing went').toEqual(before);
      expect(await engine.run(false)).toMatchObject({ entries: dry.entries });
      expect(await firstKept()).toBe(dry.entries);
      expect((await engine.run(false)).entries, 'once').toBe(0);
    });
    expect(await problems()).toEqual([]);
    const first = await firstKept();
    const gone = Math.floor(first / 256);
    const names = Array.from({ length: gone }, (_, at) => String(at).padStart(3, '0'));
    for (const level of ['entries', '0']) for (const name of names) expect(await readdir(join(log(), 'tile', level))).not.toContain(name);
    const pruning = await new LogFiles(log()).pruning();
    expect(pruning?.leaf).toMatchObject({ kind: 'log.prune', data: { first, keepMs: 90 * DAY, holds: [] } });
    expect(await readFile(join(log(), 'pruned'))).toEqual(pruning?.bytes);
  });

  it('keeps everything without a period, and before the period is over', async () => {
    world.rules = RULES;
    await aged(world);
    await world.run('w3', async ({ engine }) => {
      world.pass(60 * DAY);
      expect((await engine.run(false)).entries, 'no period').toBe(0);
      world.rules = { ...LOG_RULES, log: 140 * DAY };
      expect((await engine.run(false)).entries, 'not over').toBe(0);
      world.pass(15 * DAY);
      expect((await engine.run(false)).entries).toBeGreaterThan(512);
    });
    expect(await problems()).toEqual([]);
  });

  it('keeps what a recording needs that has not ended, and a journal that is still there', async () => {
    await aged(world, { during: ({ audit }) => audit.record('hold.add', { hold: 'hld_1', scope: 'session', value: 'ses_old', holdIssuer: null }) });
    await world.run('w3', async ({ engine, audit }) => {
      world.pass(60 * DAY);
      expect((await engine.run(false)).entries, 'held: its journal is there').toBe(0);
      await audit.record('hold.release', { hold: 'hld_1' });
      await world.store.holds.release('hld_1', 'carol', 'over');
      world.pass(DAY);
    });
    await world.run('w4', async ({ engine }) => {
      await engine.run(false);
      expect(await readdir(world.journalDir)).not.toContain('w1');
      expect((await engine.run(false)).entries, 'the end of the journal is not signed yet').toBe(0);
    });
    await world.run('w5', async ({ engine }) => {
      expect((await engine.run(false)).entries).toBeGreaterThan(512);
    });
    expect((await new LogFiles(log()).pruning())?.leaf.data, 'told again: the recording ended after the hold, and stays to be judged').toMatchObject({
      holds: [{ hold: 'hld_1', scope: 'session', value: 'ses_old' }],
    });
    expect(await problems()).toEqual([]);
  });

  it('keeps what a hold covers that comes later, by the state or by the log alone', async () => {
    await aged(world);
    const lost = { list: () => Promise.resolve([]), unlessHeld: <T>(_record: unknown, act: () => Promise<T>) => act() };
    await world.run('w3', async (process) => {
      world.pass(60 * DAY);
      await world.hold(process, 'hld_1', 'target', 'bank-db');
      expect((await process.engine.run(false)).entries, 'the entry is not signed, and the state knows it').toBe(0);
    });
    await world.run('w4', async ({ engine }) => expect((await engine.run(false)).entries, 'the state was lost').toBe(0), 0, lost);
    await world.run('w5', async ({ audit }) => {
      await audit.record('hold.release', { hold: 'hld_1' });
      await world.store.holds.release('hld_1', 'carol', 'over');
      await world.store.holds.release('hld_1', 'carol', 'closed');
    });
    await world.run('w6', async ({ engine }) => expect((await engine.run(false)).entries).toBeGreaterThan(512));
    expect(await problems()).toEqual([]);
  });

  it('keeps what is told of a request that is open', async () => {
    await aged(world, { during: ({ audit }) => audit.record('approval.request', { approval: 'apr_open', target: 'bank-db' }) });
    await world.store.approvals.insert({ ...record(), id: 'apr_open', state: 'approved', session: null, waiter: null });
    await world.run('w3', async ({ engine }) => {
      world.pass(60 * DAY);
      expect((await engine.run(false)).entries).toBe(0);
    });
  });

  it('keeps what a sink has not taken, and what is not covered by the checkpoints that others saw', async () => {
    await aged(world);
    const seen = join(world.dir, 'seen');
    const copy = join(world.dir, 'copy');
    await mirrorLogs(createAuditReader(world.dir), copy);
    await cp(join(copy, 'log', '0', 'checkpoint'), join(seen, 'bank%2F0.checkpoint'));
    const place = (next: number) => writePlace(join(world.dir, 'sinks'), 'siem', { v: 1, next: { '0': next }, failing: null });
    world.sinks = [sinkSettings({ kind: 'file', path: 'x', rotate: null } as never)];
    await world.run('w3', async ({ engine }) => {
      world.pass(60 * DAY);
      const entries = async (): Promise<number> => (await engine.run(true)).entries;
      expect(await entries(), 'a sink that was never served').toBe(0);
      await place(300);
      expect(await entries(), 'a sink that is behind').toBe(0);
      await place(100_000);
      expect(await entries()).toBeGreaterThan(512);
      const newest = world.sinks.map((each) => ({ ...each, begin: 'newest' as const }));
      await rm(join(world.dir, 'sinks', 'siem.json'));
      world.sinks = newest;
      expect(await entries(), 'one that was never seen and begins at the end').toBeGreaterThan(512);
      await markBegun(join(world.dir, 'sinks'), 'siem');
      expect(await entries(), 'one that lost its place and gets everything anew').toBe(0);
      await place(100_000);
      for (const [directory, pruned] of [
        [join(world.dir, 'nowhere'), false],
        [seen, true],
        [copy, true],
      ] as const) {
        world.seenBy = [directory];
        expect((await entries()) > 0, directory).toBe(pruned);
      }
      await writeFile(join(seen, 'bank%2F0.checkpoint'), (await readFile(join(seen, 'bank%2F0.checkpoint'), 'utf8')).replace(/\n\d+\n/, '\n600\n'));
      world.seenBy = [seen];
      expect(await entries(), 'a checkpoint of another log').toBe(0);
    });
  });

  it('says what a sink would have to take that is gone, and begins one that is new at what is kept', async () => {
    await pruned();
    await expect(entriesFrom(log(), 300)).rejects.toThrow(/pruned up to entry \d+: entries 300 to \d+ are gone/);
    const first = await firstKept();
    const taken: string[] = [];
    const receiver = {
      most: 100,
      deliver: (records: readonly { readonly json: string }[]) => Promise.resolve(void taken.push(...records.map(({ json }) => json))),
    };
    const sink = new SinkRunner({
      settings: sinkSettings({ kind: 'file', path: 'x', rotate: null } as never),
      receiver: receiver as never,
      directory: await mkdtemp(join(world.dir, 'sinks-')),
      logs: () => world.logs(),
      render: (entry) => Promise.resolve(nativeRecord(entry, null)),
      changed: () => undefined,
      clock: world.clock,
      logger: silentLogger,
    });
    const { size } = (await logState(log())) ?? { size: 0 };
    await eventually('the sink has what is kept', () => Promise.resolve(taken.length === size - first));
    await sink.close();
    expect(JSON.parse(taken[0] ?? '')).toMatchObject({ n: first, kind: 'log.open' });
  });

  it('is searched and followed from its first entry that is kept, and the search says what is gone', async () => {
    await pruned();
    const first = await firstKept();
    const filter: AuditFilter = { kinds: ['log.*'], subject: null, target: null, session: null, text: null, since: null, until: null };
    const page = await searchLogs(await world.logs(), filter, 1000, null);
    expect(page.entries.at(-1)).toMatchObject({ n: first, kind: 'log.open' });
    expect(page).toMatchObject({ next: null, missing: [`bank/0: the entries before ${first} were pruned`] });
    const late = await searchLogs(await world.logs(), { ...filter, until: new Date(BEGIN).toISOString() }, 10, null);
    expect(late.entries).toEqual([]);
  });

  it('proves sessions that are kept, says of others that they may be pruned, and old proofs still hold', async () => {
    let old = '';
    await aged(world, {
      between: async () => {
        old = JSON.stringify(await proveSession(world.dir, 'ses_old', 1));
      },
    });
    await world.run('w3', async (process) => {
      world.pass(60 * DAY);
      await world.record(process, 'ses_new', {}, 'w3');
      await process.engine.run(false);
    });
    const keys = [publicKeyBytes(world.key)];
    expect(checkSessionProof(JSON.stringify(await proveSession(world.dir, 'ses_new', 1)), keys)).toMatchObject({ session: 'ses_new', operation: 1 });
    await expect(proveSession(world.dir, 'ses_old', null)).rejects.toMatchObject({ code: 'audit.unknown', hint: expect.stringContaining('pruned') as string });
    expect(checkSessionProof(old, keys)).toMatchObject({ session: 'ses_old', operation: 1 });
  });

  it('is cosigned on by a witness that came by, refused by one that did not, and verifies with checkpoints that it still explains', async () => {
    const [early, late] = [join(world.dir, 'early'), join(world.dir, 'late')];
    const witness = async (state: string) =>
      cosignLogs(await world.logs(), { state, name: 'witness', key: readSigningKey('33'.repeat(32), 'x'), logKeys: [publicKeyBytes(world.key)] }, 1);
    await world.run('w1', async (process) => {
      await world.record(process, 'ses_old', { refused: 560 });
      world.pass(DAY);
    });
    await cp(join(log(), 'checkpoint'), join(world.dir, 'old.checkpoint'));
    const cut = parseCheckpoint(await readFile(join(world.dir, 'old.checkpoint')))?.checkpoint.size ?? 0;
    expect(await witness(early)).toMatchObject([{ refused: null }]);
    await world.run('w1b', () => Promise.resolve());
    await world.run('w2', async ({ engine }) => {
      world.pass(72 * DAY);
      await engine.run(false);
    });
    await world.run('w3', async ({ engine }) => {
      world.pass(60 * DAY);
      await engine.run(false);
    });
    await cp(join(log(), 'checkpoint'), join(world.dir, 'new.checkpoint'));
    expect(await witness(late)).toMatchObject([{ refused: null }]);
    await world.run('w4', async ({ engine }) => {
      world.pass(90 * DAY);
      await engine.run(false);
    });
    expect(await firstKept()).toBeGreaterThan(cut);
    expect(await witness(late)).toMatchObject([{ refused: null }]);
    expect(await witness(early)).toMatchObject([{ refused: expect.stringContaining('was pruned up to entry') as string }]);
    const verified = async (file: string) =>
      (await verifyAudit({ from: world.dir, keyFiles: [], checkpointFiles: [join(world.dir, file)], at: world.wall })).problems;
    expect(await verified('new.checkpoint')).toEqual([]);
    expect(await verified('old.checkpoint')).toMatchObject([{ claim: 'fork', message: expect.stringContaining('was pruned up to entry') as string }]);
  });

  it('is copied as it is; a copy that has all keeps it, and one that is behind says so', async () => {
    await aged(world);
    const [whole, behind, fresh] = ['whole', 'behind', 'fresh'].map((name) => join(world.dir, name)) as [string, string, string];
    const remote = createAuditReader(world.dir);
    await mirrorLogs(remote, whole);
    await world.run('w2b', () => Promise.resolve());
    await prune();
    await mirrorLogs(remote, fresh);
    await mirrorLogs(remote, whole);
    const problemsOf = async (from: string) =>
      (await verifyAudit({ from, keyFiles: [join(world.dir, 'audit.pub')], checkpointFiles: [], at: world.wall })).problems;
    await world.writeKey();
    expect(await problemsOf(fresh)).toEqual([]);
    expect(await problemsOf(whole)).toEqual([]);
    expect(await readdir(join(whole, 'log', '0'))).not.toContain('pruned');
    expect(await readdir(join(whole, 'log', '0', 'tile', 'entries'))).toContain('000');
    // A copy of a time before the first entry that is kept.
    await cp(whole, behind, { recursive: true });
    const short = await readFile(join(behind, 'log', '0', 'checkpoint'), 'utf8');
    await writeFile(join(behind, 'log', '0', 'checkpoint'), short.replace(/\n\d+\n/, '\n100\n'));
    await expect(mirrorLogs(remote, behind)).rejects.toThrow(/was pruned up to entry \d+; the copy has 100 entries/);
  });

  it('of a worker that is no more is pruned by another, and says again how far the others are', async () => {
    await world.run(
      'w1',
      async (process) => {
        await world.record(process, 'ses_old', { refused: 560 });
        world.pass(DAY);
      },
      1,
    );
    await world.run('w1c', () => Promise.resolve(world.pass(DAY)), 1);
    await world.run('w2', async ({ engine }) => {
      world.pass(71 * DAY);
      await engine.run(false);
      world.pass(31 * DAY);
      await engine.run(false);
    });
    await world.run('w3', async ({ engine }) => {
      world.pass(90 * DAY);
      expect((await engine.run(false)).entries).toBeGreaterThan(512);
      expect((await engine.run(false)).entries).toBe(0);
    });
    expect(await new LogFiles(join(world.dir, 'log', '1')).first()).toBeGreaterThan(512);
    expect(await problems()).toEqual([]);
    // Log 1 would hold log 0 up for ever by what it saw of it last; it is opened when it is silent for as long as entries are kept.
    await world.run('w4', async (process) => {
      await world.record(process, 'ses_next', { refused: 560 }, 'w4');
      world.pass(DAY);
    });
    await world.run('w5', async ({ engine }) => {
      world.pass(72 * DAY);
      await engine.run(false);
      world.pass(31 * DAY);
      await engine.run(false);
    });
    await world.run('w6', async ({ engine }) => {
      world.pass(91 * DAY);
      await engine.run(false);
      world.pass(DAY);
      await engine.run(false);
    });
    expect(await firstKept()).toBeGreaterThan(512);
    expect(await problems()).toEqual([]);
  });

  it('is pruned by each worker that writes one', async () => {
    await world.run('w1', async (process) => {
      await world.run('w1b', (other) => world.record(other, 'ses_b', { refused: 560 }, 'w1b'), 1);
      await world.record(process, 'ses_a', { refused: 560 });
      world.pass(DAY);
    });
    await world.run('w2', async ({ engine }) => {
      await world.run('w2b', () => Promise.resolve(), 1);
      world.pass(40 * DAY);
      await engine.run(false);
      world.pass(31 * DAY);
      await engine.run(false);
    });
    await world.run('w3', async (one) => {
      await world.run(
        'w3b',
        async (other) => {
          world.pass(90 * DAY);
          expect(await one.engine.pruneOwnLog()).toBeGreaterThan(512);
          expect(await other.engine.pruneOwnLog()).toBeGreaterThan(512);
          expect([await one.engine.pruneOwnLog(), await other.engine.pruneOwnLog()]).toEqual([0, 0]);
        },
        1,
      );
    });
    expect(await problems()).toEqual([]);
    expect(await verifiedByOther(world)).toMatch(/^2 logs, /);
  });

  it('says again which holds there were, for what was ended in another log', async () => {
    await world.run('w1', async (process) => {
      await world.record(process, 'ses_old', { refused: 560 });
      await process.audit.record('hold.add', { hold: 'hld_1', scope: 'subject', value: 'mallory', holdIssuer: 'https://issuer.test' });
      world.pass(DAY);
    });
    await world.run('w2', async ({ engine, audit }) => {
      world.pass(40 * DAY);
      await engine.run(false);
      await audit.record('hold.release', { hold: 'hld_1' });
      await world.store.holds.release('hld_1', 'carol', 'over');
      world.pass(31 * DAY);
      await engine.run(false);
    });
    await world.run('w3', async ({ engine }) => {
      world.pass(60 * DAY);
      expect((await engine.run(false)).entries).toBeGreaterThan(512);
    });
    expect(await problems()).toEqual([]);
    // It is told as the entry said it, as long as something is kept of the time in which it was in force.
    const { leaf } = (await new LogFiles(log()).pruning()) ?? {};
    expect(leaf?.data['holds']).toEqual([
      expect.objectContaining({ hold: 'hld_1', scope: 'subject', value: 'mallory', holdIssuer: 'https://issuer.test', from: new Date(BEGIN).toISOString() }),
    ]);
    await world.run('w4', () => Promise.resolve(world.pass(DAY)));
    await world.run('w5', async (process) => {
      await world.record(process, 'ses_mid', { refused: 560 }, 'w5');
      world.pass(DAY);
    });
    await world.run('w6', async ({ engine }) => {
      world.pass(72 * DAY);
      await engine.run(false);
    });
    await world.run('w7', async ({ engine }) => {
      world.pass(91 * DAY);
      await engine.run(false);
    });
    const later = (await new LogFiles(log()).pruning())?.leaf;
    expect(later?.n).toBeGreaterThan(leaf?.n ?? 0);
    expect(later?.data['holds'], 'nothing is left that it could judge').toEqual([]);
    expect(await problems()).toEqual([]);
  });
});
