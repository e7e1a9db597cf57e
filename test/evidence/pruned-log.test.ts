/** Packs of a gateway whose audit log was pruned: a period that begins in what is gone is refused, one after it verifies in both ways, and is the same each time. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LogFiles, logState, signCheckpoint } from '../../src/audit/index.js';
import type { EvidenceScope } from '../../src/contract/evidence-types.js';
import { SlicedLog } from '../../src/evidence/sliced-log.js';
import { aged, LOG_RULES } from '../gateway/pruned-world.js';
import { BEGIN, DAY, RetentionWorld } from '../gateway/retention-world.js';
import { type StateServer, startStateServer } from '../store/state-server.js';
import { exportData, filesOf, verifyBoth } from './pack-tools.js';

let server: StateServer;
let world: RetentionWorld;
let early: string;
let late: string;

beforeAll(async () => {
  server = await startStateServer();
  world = await RetentionWorld.open(server);
  world.rules = LOG_RULES;
  await writeFile(join(world.dir, 'journal-key'), `${'07'.repeat(32)}\n`, { mode: 0o600 });
  [early, late] = [join(world.dir, 'early.checkpoint'), join(world.dir, 'late.checkpoint')];
  const checkpoint = join(world.dir, 'log', '0', 'checkpoint');
  await aged(world, {
    between: async () => {
      const { size } = (await logState(join(world.dir, 'log', '0'))) ?? { size: 0 };
      const begin = new SlicedLog(new LogFiles(join(world.dir, 'log', '0')), size, 'bank/0', { first: 0, size: 300 });
      await writeFile(early, signCheckpoint({ origin: 'bank/0', size: 300, root: await begin.root() }, [world.key]));
    },
  });
  await world.run('w3', async (process) => {
    world.pass(60 * DAY);
    await process.engine.run(false);
    await world.record(process, 'ses_new', { refused: 20 }, 'w3');
    world.pass(DAY);
  });
  await cp(checkpoint, late);
  await world.run('w4', () => Promise.resolve(world.pass(DAY)));
  expect(await new LogFiles(join(world.dir, 'log', '0')).first()).toBeGreaterThan(512);
});
afterAll(async () => {
  await world?.close();
  await server?.close();
});

function exported(name: string, scope: Partial<EvidenceScope>): ReturnType<typeof exportData> {
  return exportData(world.dir, join(world.dir, name), scope);
}

it('refuses a period that begins in what is gone, and says from when on there is one', async () => {
  for (const from of [BEGIN, BEGIN + DAY]) {
    await expect(exported('refused', { from, to: world.wall - DAY })).rejects.toMatchObject({
      code: 'usage.invalid',
      message: expect.stringMatching(/the log bank\/0 was pruned: its entries before \d+/) as string,
      hint: expect.stringContaining(`--from ${new Date(BEGIN + DAY + 1).toISOString()}`) as string,
    });
  }
  await expect(exported('gone', { session: 'ses_old' })).rejects.toMatchObject({ code: 'audit.unknown', hint: expect.stringContaining('pruned') as string });
});

it('makes the same pack of a later period each time, which verifies in both ways, with a checkpoint that it still explains', async () => {
  const key = await world.writeKey();
  for (const [name, scope] of [
    ['period', { from: BEGIN + 72 * DAY + 1, to: world.wall - DAY }],
    ['session', { session: 'ses_new' }],
  ] as const) {
    const { pack, made } = await exported(name, scope);
    // The text of the policy is not to be had without a gateway; of the log nothing fails.
    expect(made.failed.map(({ id }) => id)).toEqual(['E02.traced', 'E08.versions']);
    const again = await exported(`${name}-again`, scope);
    const files = await filesOf(pack);
    expect(await filesOf(again.pack)).toEqual(files);
    // The envelope is signed anew; Ed25519 gives the same signature.
    for (const file of files) expect(await readFile(join(again.pack, file)), file).toEqual(await readFile(join(pack, file)));
    expect(files).not.toContain('log/0/tile/0/000');
    if (name === 'period') expect(await readFile(join(pack, 'E11', 'events.csv'), 'utf8')).toContain('log.prune');
    const { gw, script } = await verifyBoth(pack, key);
    expect(gw).toEqual([]);
    expect(script.code, script.text).toBe(0);
    const known = await verifyBoth(pack, key, [late]);
    expect(known.gw).toEqual([]);
    expect(known.script.code, known.script.text).toBe(0);
  }
});

it('does not take a checkpoint for shown of which the hashes are gone', async () => {
  const { pack } = await exported('kept', { from: BEGIN + 72 * DAY + 1, to: world.wall - 2 * DAY });
  const { gw, script } = await verifyBoth(pack, await world.writeKey(), [early]);
  expect(gw).toEqual(['fork']);
  expect(script.code).toBe(1);
});
