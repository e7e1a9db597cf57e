/**
 * Pruning of the audit log that is stopped between any two of its steps: what lies there verifies and is read as it is, and the next pass ends it. The states
 * are made out of what a whole pruning did: the announcement, the file `pruned`, and one deleted file after the other, in any order.
 */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newestOf, searchLogs } from '../../src/audit/index.js';
import { LogFiles } from '../../src/audit/log-files.js';
import { type StateServer, startStateServer } from '../store/state-server.js';
import { SeededRandom } from '../support/kill/seeded-random.js';
import { aged, LOG_RULES, tilesOf } from './pruned-world.js';
import { DAY, RetentionWorld } from './retention-world.js';

const SEED = Number(process.env['GW_PRUNING_SEED'] ?? 20_261_126);

let server: StateServer;
let world: RetentionWorld;
let before: string;
let done: string;
let clock: { wall: number; monotonic: number };
/** Files that went. */
let gone: string[];

const log = (): string => join(world.dir, 'log', '0');

beforeAll(async () => {
  server = await startStateServer();
  world = await RetentionWorld.open(server);
  world.rules = LOG_RULES;
  [before, done] = [join(world.dir, 'before'), join(world.dir, 'done')];
  await aged(world);
  await cp(log(), before, { recursive: true });
  await world.run('w3', async ({ engine }) => {
    world.pass(60 * DAY);
    expect((await engine.run(false)).entries).toBeGreaterThan(512);
  });
  await cp(log(), join(done, 'log'), { recursive: true });
  await cp(world.journalDir, join(done, 'journal'), { recursive: true });
  clock = { wall: world.wall, monotonic: world.monotonic };
  const left = new Set(await tilesOf(log()));
  gone = (await tilesOf(before)).filter((path) => !left.has(path) && !path.includes('.p/'));
  expect(gone.length).toBeGreaterThanOrEqual(4);
});
afterAll(async () => {
  await world?.close();
  await server?.close();
});

/** What a process leaves that dies when the file `pruned` is `mark` and those files are still there. */
async function stopped(mark: 'missing' | 'drafted' | 'there', there: readonly string[]): Promise<void> {
  await rm(log(), { recursive: true });
  await rm(world.journalDir, { recursive: true });
  await cp(join(done, 'log'), log(), { recursive: true });
  await cp(join(done, 'journal'), world.journalDir, { recursive: true });
  Object.assign(world, clock);
  world.rules = LOG_RULES;
  for (const path of there) {
    await mkdir(dirname(join(log(), path)), { recursive: true });
    await cp(join(before, path), join(log(), path));
  }
  if (mark === 'there') return;
  await rm(join(log(), 'pruned'));
  if (mark === 'drafted') await writeFile(join(log(), 'pruned.draft'), '{"v":1,"n":');
}

async function expectIntact(): Promise<void> {
  expect((await world.verify()).problems).toEqual([]);
  const filter = { kinds: [], subject: null, target: null, session: null, text: null, since: null, until: null };
  expect((await searchLogs(await world.logs(), filter, 10, null)).entries).toHaveLength(10);
  expect(await newestOf(await world.logs(), 'log.prune')).toHaveLength(1);
}

/** The next process ends it, and once more changes nothing. */
async function expectEnded(journal: string, entries: number): Promise<void> {
  await world.run(journal, async ({ engine }) => {
    expect((await engine.run(false)).entries).toBe(entries);
    expect((await engine.run(false)).entries).toBe(0);
  });
  expect((await world.verify()).problems).toEqual([]);
  const left = await tilesOf(log());
  for (const path of gone) expect(left).not.toContain(path);
  expect(await readFile(join(log(), 'pruned'))).toEqual(await readFile(join(done, 'log', 'pruned')));
  expect(await newestOf(await world.logs(), 'log.prune'), 'announced once').toMatchObject([{ n: (await new LogFiles(log()).pruning())?.leaf.n }]);
}

describe('pruning that is stopped', () => {
  it.each(['missing', 'drafted'] as const)('after the announcement, with the mark %s, loses nothing, and is done by the next pass', async (mark) => {
    await stopped(mark, gone);
    await expectIntact();
    await expectEnded(`w4-${mark}`, await new LogFiles(join(done, 'log')).first());
  });

  it('after the announcement is not done when the rule was taken back, or a hold came', async () => {
    await stopped('missing', gone);
    world.rules = { ...LOG_RULES, log: null };
    await world.run('w4-off', async ({ engine }) => expect((await engine.run(false)).entries).toBe(0));
    world.rules = LOG_RULES;
    await world.run('w4-held', async (process) => {
      await world.hold(process, 'hld_late', 'target', 'bank-db');
      expect((await process.engine.run(false)).entries).toBe(0);
    });
    await world.store.holds.release('hld_late', 'carol', 'closed');
    expect((await world.verify()).problems).toEqual([]);
    expect(await tilesOf(log())).toEqual(expect.arrayContaining(gone));
  });

  it(`between any two files that go, in any order, verifies, and is ended by the next process (GW_PRUNING_SEED=${SEED})`, async () => {
    const random = new SeededRandom(SEED);
    const order = [...gone];
    for (let round = 0; round <= order.length + 6; round++) {
      const count = round <= order.length ? round : random.int(0, order.length);
      const shuffled = [...order].map((path) => ({ path, at: random.int(0, 1e9) })).sort((a, b) => a.at - b.at);
      await stopped('there', round <= order.length ? order.slice(0, count) : shuffled.slice(0, count).map(({ path }) => path));
      await expectIntact();
      await expectEnded(`w4-${round}`, 0);
    }
  }, 120_000);
});
