/** The audit log gives up its oldest entries when their time is over and nothing needs them; what is left verifies, proves, and shows what was given up. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LogFiles } from '../../src/audit/log-files.js';
import { type StateServer, startStateServer } from '../store/state-server.js';
import { aged, LOG_RULES, tilesOf } from './pruned-world.js';
import { DAY, RetentionWorld } from './retention-world.js';

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
});
