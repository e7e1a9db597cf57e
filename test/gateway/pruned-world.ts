/** A world of retention that is old enough for its log to be pruned, and what lies in a log. */
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { RetentionRules } from '../../src/contract/retention.js';
import { otherVerifier } from '../audit/other-verifier.js';
import { DAY, type Process, type RetentionWorld, RULES } from './retention-world.js';

export const LOG_RULES: RetentionRules = { ...RULES, log: 90 * DAY };

const nothing = (): Promise<void> => Promise.resolve();

/** Journal w1 with sessions of which the log tells in more than two bundles; all that w1 recorded has ended, and its journal is gone. 72 days. */
export async function aged(
  world: RetentionWorld,
  { during = nothing, between = nothing }: { readonly during?: (process: Process) => Promise<unknown>; readonly between?: () => Promise<unknown> } = {},
): Promise<void> {
  await world.run('w1', async (process) => {
    await world.record(process, 'ses_old', { refused: 560 });
    await during(process);
    world.pass(DAY);
  });
  await between();
  await world.run('w2', async ({ engine }) => {
    world.pass(40 * DAY);
    await engine.run(false);
    world.pass(31 * DAY);
    await engine.run(false);
  });
}

/** Files of the tiles of a log, sorted. */
export async function tilesOf(log: string): Promise<string[]> {
  const entries = await readdir(join(log, 'tile'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(log, join(entry.parentPath, entry.name)))
    .sort();
}

/** What the verifier says that was written from the specifications. */
export async function verifiedByOther(world: RetentionWorld): Promise<string> {
  return (await otherVerifier(world.dir, await world.writeKey())).text;
}
