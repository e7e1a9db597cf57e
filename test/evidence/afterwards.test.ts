/** Packs of what came later: the signing key was replaced, and a session was erased. What could be proved before still is. */
import type { KeyObject } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readSigningKey } from '../../src/audit/index.js';
import { exportOffline } from '../../src/gateway/evidence-workbench.js';
import { eraseNumbered, sessionNumber } from '../../src/recording/erase-session.js';
import { copyLive } from '../support/copy-live.js';
import { type EvidenceWorld, startEvidenceWorld } from './evidence-world.js';
import { digestsOf, edit, exportData, filesOf, lines, signAgain, verifyBoth, withCopy } from './pack-tools.js';

let world: EvidenceWorld;
beforeAll(async () => {
  world = await startEvidenceWorld(1);
}, 120_000);
afterAll(async () => {
  await world?.close();
});

async function exported(name: string, to?: string): Promise<string> {
  const pack = join(world.world.dir, name);
  const done = await world.gw('evidence', 'export', '--from', '2026-01-01', ...(to === undefined ? [] : ['--to', to]), '-o', pack);
  expect(done.code, done.stderr).toBe(0);
  return pack;
}

it('after the signing key was replaced, a pack verifies by the key of before, along the statement of both keys', async () => {
  const rotated = await world.home.run(['audit', 'key', 'rotate', '--config', world.world.configFile]);
  expect(rotated.code, rotated.stderr).toBe(0);
  const pack = await exported('rotated');
  expect(await filesOf(pack)).toContain('keys/rotation.1');
  const { gw, script } = await verifyBoth(pack, world.keyFile);
  expect(gw).toEqual([]);
  expect(script.code, script.text).toBe(0);
  await withCopy(pack, async (copy) => {
    await edit(copy, 'keys/rotation.1', (text) => text.replace(/\n— \S+ \S+\n$/, '\n'));
    const changed = await verifyBoth(copy, world.keyFile);
    expect(changed.gw).toContain('signature');
    expect(changed.script.code).toBe(1);
  });
});

it('of a time in which records were looked at for what is over, a pack says so and verifies', async () => {
  const root = { ...world.auditor, GW_ID_TOKEN: await world.world.token('root', ['admins']) };
  const run = await world.home.run(['retention', 'run'], { env: root });
  expect(run.code, run.stderr).toBe(0);
  const pack = await exported('looked-at');
  const { gw, script } = await verifyBoth(pack, world.keyFile);
  expect(gw).toEqual([]);
  expect(script.code, script.text).toBe(0);
  const told = await readFile(join(pack, 'E11', 'events.csv'), 'utf8');
  for (const kind of ['retention.request', 'retention.rules', 'retention.run']) expect(told).toContain(kind);
  // The defaults are in force, and said.
  expect(await readFile(join(pack, 'E11', 'rules.csv'), 'utf8')).toMatch(/\n\d{4}-[^,]*,400,2557,400,,\[\],true,[^,]+,\d+\n$/);
  expect(JSON.parse(await readFile(join(pack, 'E11', 'section.json'), 'utf8'))).toMatchObject({ state: 'supported', absence: null });
  const { checks } = JSON.parse(await readFile(join(pack, 'E01', 'section.json'), 'utf8')) as { checks: { passed: boolean | null }[] };
  expect(checks.filter(({ passed }) => passed === false)).toEqual([]);
});

it('an erased session stays listed and proved, nothing of it can be read, and the pack says so and verifies', async () => {
  const alice = world.sessions.get('alice') ?? '';
  const root = { ...world.auditor, GW_ID_TOKEN: await world.world.token('root', ['admins']) };
  const erased = await world.home.run(['sessions', 'erase', alice, '--reason', 'asked for'], { env: root });
  expect(erased.code, erased.stderr).toBe(0);
  const pack = await exported('erased');
  const { gw, script } = await verifyBoth(pack, world.keyFile);
  expect(gw).toEqual([]);
  expect(script.code, script.text).toBe(0);
  expect(lines(await readFile(join(pack, 'E09', 'sessions.csv'), 'utf8')).some((line) => line.startsWith(alice))).toBe(true);
  expect(lines(await readFile(join(pack, 'E11', 'hidden.csv'), 'utf8'))[1]).toMatch(new RegExp(`^${alice},`));
  const { checks } = JSON.parse(await readFile(join(pack, 'E04', 'section.json'), 'utf8')) as { checks: { id: string; passed: boolean; detail: string }[] };
  const hidden = 'the operations of 1 session are counted and cannot be read';
  const complete = checks.find(({ id }) => id === 'E04.complete');
  expect(complete).toMatchObject({ passed: true, detail: expect.stringMatching(new RegExp(`^\\d+ checked; ${hidden}`)) as string });
  for (const file of ['00-scope.md', 'report.html']) expect(await readFile(join(pack, file), 'utf8'), file).toMatch(new RegExp(hidden, 'i'));
  expect(await readFile(join(pack, 'E11', 'events.csv'), 'utf8')).toContain('session.erase');
  expect(await readFile(join(pack, 'sessions', alice, 'record.ndjson'), 'utf8')).toMatch(/"intact":false/);
  for (const file of await filesOf(pack)) expect((await readFile(join(pack, file))).includes('drop table'), file).toBe(false);
  expect(await checkOf(pack, 'E11.unreadable')).toMatchObject({ passed: true, detail: '1 checked' });
  await withCopy(pack, async (copy) => {
    await edit(copy, 'E11/hidden.csv', (text) => text.replace(/,\d+\n$/, ',1\n'));
    await signAgain(copy, await signingKey());
    const changed = await verifyBoth(copy, world.keyFile);
    expect(changed.gw).toEqual(['derived']);
    expect(changed.script.text).toContain('derived: E11/hidden.csv');
  });
});

it('of a period before the erasure, a pack has the word about it, and the same bytes each time', async () => {
  const sessions = lines(await readFile(join(world.world.dir, 'erased', 'E09', 'sessions.csv'), 'utf8')).slice(1);
  const ended =
    sessions
      .map((line) => line.split(',')[2] ?? '')
      .sort()
      .at(-1) ?? '';
  const to = new Date(Date.parse(ended) + 1).toISOString();
  const [one, other] = [await exported('before', to), await exported('before-again', to)];
  expect(await checkOf(one, 'E11.unreadable')).toMatchObject({ passed: true, detail: '1 checked' });
  expect(await digestsOf(one)).toEqual(await digestsOf(other));
  const { gw, script } = await verifyBoth(one, world.keyFile);
  expect(gw).toEqual([]);
  expect(script.code, script.text).toBe(0);
  expect(script.text).not.toContain('nothing in the log says');
});

it('content that cannot be read without a word in the log is a finding of both verifiers', async () => {
  const bob = world.sessions.get('bob') ?? '';
  const data = join(world.world.dir, 'lost');
  await copyLive(world.data, data, /lock$|\/state/);
  for (const journal of await readdir(join(data, 'journal'))) {
    const number = await sessionNumber(join(data, 'journal'), journal, bob);
    if (number !== null) eraseNumbered(join(data, 'journal'), journal, number);
  }
  const { pack, made } = await exportData(data, join(world.world.dir, 'lost-pack'), { from: Date.parse('2026-01-01') });
  expect(made.failed).toContainEqual(expect.objectContaining({ id: 'E11.unreadable', detail: `1 of 2: ${bob}` }));
  const { gw, script } = await verifyBoth(pack, world.keyFile);
  expect(gw).toEqual([]);
  expect(script.code, script.text).toBe(0);
  expect(script.text).toContain(`The content of ${bob} cannot be read, and nothing in the log says that it was erased or had expired.`);
});

it('a segment that is deleted while a pack is made ends that with words about it', async () => {
  // It seals the segments.
  await exported('sealed');
  const data = join(world.world.dir, 'meanwhile');
  await copyLive(world.data, data, /lock$|\/state/);
  const removeSegments = (what: string): void => {
    if (what !== 'reading the journals') return;
    const journals = join(data, 'journal');
    for (const name of readdirSync(journals, { recursive: true, encoding: 'utf8' })) if (name.endsWith('.gwj')) rmSync(join(journals, name), { force: true });
  };
  const scope = { framework: 'soc2', from: Date.parse('2026-01-01'), to: null, session: null, nonce: '', sample: 1 } as const;
  const exporting = exportOffline({ data, keyFile: null, scope }, { write: () => Promise.resolve() }, removeSegments);
  await expect(exporting).rejects.toMatchObject({
    code: 'evidence.busy',
    message: expect.stringMatching(/^Segment \d+ of the journal \S+ went while/) as string,
  });
});

async function checkOf(pack: string, id: string): Promise<object | undefined> {
  const { checks } = JSON.parse(await readFile(join(pack, id.slice(0, 3), 'section.json'), 'utf8')) as { checks: readonly { readonly id: string }[] };
  return checks.find((each) => each.id === id);
}

async function signingKey(): Promise<KeyObject> {
  return readSigningKey((await readFile(join(world.data, 'audit-key'), 'utf8')).trim(), 'The key');
}
