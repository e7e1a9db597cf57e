/** A pack is made for who waits for it: Ctrl-C of `gw evidence export` stops the making, and the gateway makes the next one at once. */
import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../store/state-server.js';
import { type EvidenceWorld, startEvidenceWorld } from './evidence-world.js';

let world: EvidenceWorld;
/** A period that is closed; one that is not has the gateway wait for 15 seconds. */
let closed: readonly string[];

beforeAll(async () => {
  world = await startEvidenceWorld(1);
  closed = ['--from', '2026-01-01', '--to', new Date().toISOString()];
  expect(await exported('first', ...closed)).toMatchObject({ code: 0 });
  // A journal beside that of the worker, whose end nobody ever signs.
  const journals = join(world.data, 'journal');
  const [journal = ''] = await readdir(journals);
  const segments = (await readdir(join(journals, journal))).filter((name) => name.endsWith('.gwj')).sort();
  expect(segments.length).toBeGreaterThan(1);
  await mkdir(join(journals, 'left-1'));
  await cp(join(journals, journal, segments.at(-1) ?? ''), join(journals, 'left-1', segments.at(-1) ?? ''));
}, 180_000);
afterAll(() => world?.close());

const exported = (out: string, ...argv: readonly string[]) => world.gw('evidence', 'export', '-o', join(world.world.dir, out), ...argv);

it('after Ctrl-C the same command runs again', async () => {
  const waiting = world.home.start(['evidence', 'export', '--from', '2026-01-01', '-o', join(world.world.dir, 'left')], { env: world.auditor });
  await eventually('the gateway makes a pack', async () => {
    const { stdout } = await world.gw('audit', 'search', '--kind', 'evidence.export', '--output', 'ndjson');
    return stdout.trim().split('\n').length === 2;
  });
  const meanwhile = await exported('meanwhile', ...closed);
  expect([meanwhile.code, meanwhile.stderr]).toEqual([75, expect.stringContaining('another evidence pack')]);
  waiting.child.kill('SIGINT');
  await waiting.done;
  expect(await exported('again', ...closed)).toMatchObject({ code: 0 });
  expect(world.gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
});
