/**
 * Pruning that should not have been, by somebody with the disk, or with the key as well: not announced, beyond what was announced, of what is held, is not
 * over or has not ended. The log is written anew around the change; each is found, for the right reason.
 */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuditLeaf, encodeLeaf } from '../../src/audit/audit-leaf.js';
import { pruneLog, removePruned } from '../../src/audit/index.js';
import { LogFiles } from '../../src/audit/log-files.js';
import { forge, leavesOf } from '../audit/log-world.js';
import { type StateServer, startStateServer } from '../store/state-server.js';
import { aged, LOG_RULES, tilesOf, verifiedByOther } from './pruned-world.js';
import { DAY, RetentionWorld } from './retention-world.js';

let server: StateServer;
let world: RetentionWorld;
let journal: string;
let leaves: AuditLeaf[];
/** The announcement, and the beginnings of processes. */
let prune: AuditLeaf;
let begins: number[];

const log = (): string => join(world.dir, 'log', '0');

beforeAll(async () => {
  server = await startStateServer();
  world = await RetentionWorld.open(server);
  world.rules = LOG_RULES;
  journal = join(world.dir, 'kept-journal');
  await aged(world, { between: () => cp(join(world.journalDir, 'w1'), journal, { recursive: true }) });
  await world.run('w2b', () => Promise.resolve(world.pass(DAY)));
  const whole = join(world.dir, 'whole');
  await cp(log(), whole, { recursive: true });
  await world.run('w3', async ({ engine }) => {
    world.pass(60 * DAY);
    expect((await engine.run(false)).entries).toBeGreaterThan(512);
  });
  const files = new LogFiles(log());
  const size = Number((await readFile(join(log(), 'checkpoint'), 'utf8')).split('\n')[1]);
  const old = Number((await readFile(join(whole, 'checkpoint'), 'utf8')).split('\n')[1]);
  leaves = await leavesOf(whole, old);
  for await (const { leaf } of files.leaves(size, old)) leaves.push(JSON.parse(leaf.toString()) as AuditLeaf);
  prune = leaves.find(({ kind }) => kind === 'log.prune') as AuditLeaf;
  begins = leaves.filter(({ kind }) => kind === 'log.open').map(({ n }) => n);
});
afterAll(async () => {
  await world?.close();
  await server?.close();
});

/** Puts `change`d entries in the place of the log, signed by the right key, and prunes it by them unless it `stays`. */
async function forged(change: (leaves: AuditLeaf[]) => AuditLeaf[], stays = false): Promise<void> {
  const changed = change(structuredClone(leaves)).map((leaf, n) => ({ ...leaf, n }));
  // Indices move when entries are added: what is announced moves with them.
  const moved = changed.findIndex(({ kind, journal: by }) => kind === 'log.open' && by === 'w2');
  const settled = changed.map((leaf) => (leaf.kind === 'log.prune' && leaf.data['first'] === prune.data['first'] ? withData(leaf, { first: moved }) : leaf));
  await forge(log(), settled, world.key);
  const n = settled.findIndex(({ kind }) => kind === 'log.prune');
  if (!stays && n >= 0) await pruneLog(log(), n);
}

const withData = (leaf: AuditLeaf, data: object): AuditLeaf => ({ ...leaf, data: { ...leaf.data, ...data } });
const onPrune = (data: object) => (all: AuditLeaf[]) => all.map((leaf) => (leaf.kind === 'log.prune' ? withData(leaf, data) : leaf));
const onRules = (data: object) => (all: AuditLeaf[]) => all.map((leaf) => (leaf.kind === 'retention.rules' ? withData(leaf, data) : leaf));

/** An entry behind the last one of a kind, of the same time. */
const after = (kind: string, added: string, data: object) => (all: AuditLeaf[]) => {
  const at = all.findLastIndex((leaf) => leaf.kind === kind);
  const before = all[at] as AuditLeaf;
  return [...all.slice(0, at + 1), { ...before, kind: added, data: { ...data } }, ...all.slice(at + 1)];
};
const held = (data: object) => after('journal.prune', 'hold.add', { hold: 'hld_9', holdIssuer: '', ...data });

async function found(): Promise<string[]> {
  const { problems } = await world.verify();
  return problems.map(({ claim, message }) => `${claim}: ${message}`);
}

describe('a log that was pruned', () => {
  it('verifies as it is, and as it is announced and not done yet; by the verifier too that was written from the specification', async () => {
    for (const stays of [false, true]) {
      await forged((all) => all, stays);
      expect(await found()).toEqual([]);
      expect(await verifiedByOther(world)).toMatch(/^1 logs, /);
    }
  });

  it.each<[string, (all: AuditLeaf[]) => AuditLeaf[], boolean, RegExp]>([
    [
      'a session under a hold, which is gone',
      held({ scope: 'session', value: 'ses_old' }),
      false,
      /^retention: the session ses_old was pruned while the hold hld_9 covered it/,
    ],
    [
      'a session under a hold, which is to go',
      held({ scope: 'session', value: 'ses_old' }),
      true,
      /^retention: the session ses_old was pruned while the hold hld_9 covered it/,
    ],
    [
      'a session on a target under a hold',
      held({ scope: 'target', value: 'bank-db' }),
      true,
      /^retention: the session ses_old was pruned while the hold hld_9 covered it/,
    ],
    [
      'the hold itself',
      (all) => [
        ...all.slice(0, 3),
        { ...(all[3] as AuditLeaf), kind: 'hold.add', data: { hold: 'hld_9', scope: 'target', value: 'other-db' } },
        ...all.slice(3),
      ],
      true,
      /^retention: the hold hld_9 was in force/,
    ],
    [
      'a hold that was released later',
      after('journal.prune', 'hold.release', { hold: 'hld_9' }),
      false,
      /^retention: the hold hld_9 was released, and the entry that placed it was pruned/,
    ],
    [
      'a session that had not ended',
      (all) => all.map((leaf) => (leaf.kind === 'session.expire' ? { ...leaf, kind: 'retention.run' } : leaf)),
      true,
      /^retention: the session ses_old was pruned, and its content had not ended/,
    ],
    [
      'by a period below the least',
      (all) => onRules({ log: DAY })(onPrune({ keepMs: DAY })(all)),
      false,
      /^retention: the entries before \d+ were pruned by a period of less than 90 days/,
    ],
    [
      'by a shorter period than the rules say',
      onRules({ log: 100 * DAY }),
      false,
      /^retention: the entries before \d+ were pruned by a shorter period than the rules/,
    ],
    ['without a rule', onRules({ log: null }), false, /^retention: the entries before \d+ were pruned by a shorter period than the rules/],
    ['before its time', onPrune({ keepMs: 400 * DAY }), false, /^retention: the entries before \d+ were pruned before their time/],
    [
      'by a time that had not come',
      onPrune({ knownTime: '2030-01-01T00:00:00.000Z' }),
      false,
      /^retention: the entries before \d+ were pruned before their time/,
    ],
    [
      'in the midst of a process',
      onPrune({ first: 300 }),
      false,
      /^retention: the entries before this one were pruned, and it is not the beginning of a process/,
    ],
  ])('shows what was pruned: %s', async (_what, change, stays, reason) => {
    await forged(change, stays);
    const all = await found();
    expect(
      all.filter((each) => reason.test(each)),
      all.join('\n'),
    ).not.toEqual([]);
    expect(await verifiedByOther(world)).toMatch(/^retention: /m);
  });

  it('shows that files are gone of which it does not say so, or not yet', async () => {
    await forged((all) => all);
    await rm(join(log(), 'pruned'));
    expect(await found()).toEqual(expect.arrayContaining([expect.stringMatching(/^entry: the bundle of entries 0 to 255 is missing/)]));
    expect(await verifiedByOther(world)).toMatch(/^entry: /m);
    await forged((all) => all);
    await rm(join(log(), 'tile', 'entries', '002'), { force: true });
    await rm(join(log(), 'tile', 'entries', '002.p'), { force: true, recursive: true });
    expect(await found()).toEqual(expect.arrayContaining([expect.stringMatching(/^entry: /)]));
  });

  it('does not believe a file that the log does not have', async () => {
    const later = begins.at(-2) as number;
    const made = (data: object, n = prune.n): Buffer => encodeLeaf({ ...withData(prune, data), n });
    for (const [bytes, reason] of [
      [made({ first: later }), /^retention: the entries before \d+ are said to be pruned, and the log does not say so here/],
      [made({}, 100_000), /^retention: the log is said to be pruned by an entry that is under no checkpoint/],
    ] as const) {
      await forged((all) => all);
      await writeFile(join(log(), 'pruned'), bytes);
      const all = await found();
      expect(
        all.filter((each) => reason.test(each)),
        all.join('\n'),
      ).toHaveLength(1);
      expect(await verifiedByOther(world)).toMatch(/^retention: /m);
      // Nothing is deleted by it, and no gateway starts on it.
      const tiles = await tilesOf(log());
      await expect(removePruned(log())).rejects.toMatchObject({ code: 'audit.invalid' });
      expect(await tilesOf(log())).toEqual(tiles);
      await expect(world.run('w9', () => Promise.resolve())).rejects.toMatchObject({ code: 'audit.invalid' });
    }
    await forged((all) => all);
    await writeFile(join(log(), 'pruned'), 'rubbish');
    await expect(world.run('w9', () => Promise.resolve())).rejects.toMatchObject({ code: 'audit.invalid' });
    expect(await found()).toEqual(expect.arrayContaining([expect.stringMatching(/^entry: the bundle of entries 0 to 255 is missing/)]));
  });

  it('shows a journal that is still there and of which the log has nothing any more', async () => {
    // The entry that all of it may go is taken out: then it has to be vouched for.
    await forged((all) => all.filter(({ kind }) => kind !== 'journal.prune'));
    await cp(journal, join(world.journalDir, 'w1'), { recursive: true });
    expect(await found()).toEqual(
      expect.arrayContaining([expect.stringMatching(/^retention: the log was pruned, and has nothing of the sessions of the journal w1/)]),
    );
    await rm(join(world.journalDir, 'w1'), { recursive: true });
  });
});
