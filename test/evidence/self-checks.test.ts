/**
 * Each self-check of a pack can fail: of a small history in which all of them hold, one thing is done as it should not be, and just the check that is
 * about it fails. Checks about what is missing or forged have their own tests (mutations, pruned journals and logs).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noSink, PackWriter } from '../../src/evidence/pack-writer.js';
import { Draw } from '../../src/evidence/sampling.js';
import { Section } from '../../src/evidence/sections/section.js';
import type { Closing } from '../../src/evidence/sections/section-maker.js';
import { SummarySections } from '../../src/evidence/sections/summary-sections.js';
import { CARD, history, MASKED, ok, type Wrong } from './pack-history.js';
import { lines, verifyBoth } from './pack-tools.js';
import { ALLOW, BEGIN, by, DAY, ISSUER, MINUTE, operate, type PackProcess, PackWorld, type Tamper } from './pack-world.js';

let world: PackWorld;
beforeEach(async () => {
  world = await PackWorld.create();
});
afterEach(async () => {
  await world.remove();
});

const failing = (checks: ReadonlyMap<string, { passed: boolean | null }>): string[] =>
  [...checks].filter(([, { passed }]) => passed === false).map(([id]) => id);

const twice = (kind: string, change: (data: Readonly<Record<string, unknown>>) => Record<string, unknown>): Tamper => {
  return (told, data) => (told === kind ? change(data) : data);
};

const ACCESS_KEY = 'AKIAIOSFODNN7EXAMPLE';
const TOKEN = ['{"alg":"none"}', '{"sub":"alice"}', 'signature'].map((part) => Buffer.from(part).toString('base64url')).join('.');
const PEM = '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAA\n-----END PRIVATE KEY-----';

/** Eve is locked and works on, in a session from before or in one from after that; she had one in between that was hers to have. */
async function locked({ session, audit }: PackProcess, at: PackWorld, isOpen: boolean): Promise<void> {
  const identity = { issuer: ISSUER, subject: 'eve', kind: 'person', name: 'eve', email: null, groups: [], onBehalfOf: null };
  const change = (kind: 'subject.lock' | 'subject.unlock') => audit.record(kind, { ...by('root'), issuer: ISSUER, subject: 'eve', reason: 'left' });
  await change('subject.lock');
  await change('subject.unlock');
  at.pass(MINUTE);
  await session('ses_between', (recorder) => operate(recorder, 1, 'select 1', ALLOW), { start: { identity }, operations: 1 });
  if (!isOpen) {
    await change('subject.lock');
    at.pass(MINUTE);
    return session('ses_eve', () => undefined, { start: { identity } });
  }
  const work = async (recorder: Parameters<typeof operate>[0]): Promise<void> => {
    await change('subject.lock');
    operate(recorder, 1, 'select 1', ALLOW);
    at.pass(MINUTE);
    operate(recorder, 2, 'select 2', ALLOW);
  };
  return session('ses_eve', work, { start: { identity }, operations: 2 });
}

async function erased({ audit }: PackProcess, at: PackWorld, held: string): Promise<void> {
  await audit.record('hold.add', { ...by('root'), hold: 'hld_1', scope: 'target', value: held, reason: 'case 7' });
  at.pass(MINUTE);
  await audit.record('session.erase', {
    ...by('root'),
    session: 'ses_fay',
    target: 'bank-db',
    sessionIssuer: ISSUER,
    sessionSubject: 'alice',
    reason: 'asked for',
  });
}

/** Days after the sessions, all records were looked at for what is thirty days old. */
async function lookedAt({ trail }: PackProcess, at: PackWorld, days: number): Promise<void> {
  at.pass(days * DAY);
  trail.append('retention.rules', { recordings: 30 * DAY, approvals: DAY, index: DAY, log: null, targets: [] });
  trail.append('retention.run', { knownTime: new Date(at.wall).toISOString(), recordings: 0, held: 0, segments: 0, index: 0, approvals: 0, entries: 0 });
}

/** Each with the one check that fails of it. */
const WRONGS: readonly (readonly [string, string, Wrong])[] = [
  ['E04.readable', 'nobody can read what was decided', { decision: { ...ALLOW, policy: null as unknown as string } }],
  ['E04.approved', 'an operation that needs approval ran with no answer', { answered: false }],
  ['E05.separation', 'who asked approved it', { approver: 'alice' }],
  ['E05.same', 'something else was used than was approved', { usedDigest: 'd2' }],
  ['E05.same', 'it was used before it was approved', { usedBeforeApproval: true }],
  ['E05.spent', 'it ran by an approval of which the log does not say that it was used', { unused: true }],
  ['E06.not-reached', 'what was denied has a result of the target', { denied: ok, long: true }],
  ['E07.sums', 'the log tells of other counts than the journal', { tamper: twice('data.masked', (data) => ({ ...data, values: [{ ...MASKED, values: 3 }] })) }],
  ['E07.scan', 'a card number stands in a result that no rule permits', { result: `card ${CARD}` }],
  ['E12.owned', 'an agent acted for nobody', { agentOf: null }],
  ['E03.locked', 'who is locked begins a session', { more: (process, at) => locked(process, at, false) }],
  ['E03.locked', 'a session of who is locked goes on', { more: (process, at) => locked(process, at, true) }],
  ['E11.held', 'what is held is erased', { more: (process, at) => erased(process, at, 'bank-db') }],
  ['E11.kept-no-longer', 'what is over is still there after it was looked at', { more: (process, at) => lookedAt(process, at, 32) }],
  ['E13.canary', 'an access key stands in a statement', { statement: `select '${ACCESS_KEY}'` }],
  ['E13.canary', 'a token stands in a result', { result: TOKEN }],
  ['E13.canary', 'a private key stands in the reason of a session', { reason: `it is ${PEM}` }],
  ['E15.reviewed', 'nobody reviewed break-glass', { reviewer: null }],
  ['E15.reviewed', 'who broke the glass reviewed it', { reviewer: 'alice' }],
];

it('all checks hold, and have something to check, where all is right', async () => {
  await history(world, {});
  const { pack, checks } = await world.export('pack');
  expect(failing(checks)).toEqual([]);
  const ids = new Set(WRONGS.map(([id]) => id).filter((id) => !id.startsWith('E11.')));
  for (const id of ids) expect([id, checks.get(id)?.passed]).toEqual([id, true]);
  const { gw, script } = await verifyBoth(pack, world.keyFile);
  expect(gw).toEqual([]);
  expect(script.code, script.text).toBe(0);
});

it('retention is told with its rules, holds and oldest records, and holds where nothing is over or held', async () => {
  const more = async (process: PackProcess, at: PackWorld): Promise<void> => {
    await erased(process, at, 'another-db');
    await lookedAt(process, at, 30);
  };
  await history(world, { more });
  const { pack, made, checks } = await world.export('pack');
  expect(failing(checks)).toEqual([]);
  for (const id of ['E11.held', 'E11.kept-no-longer']) expect([id, checks.get(id)?.passed]).toEqual([id, true]);
  expect(made.sections.find(({ section }) => section === 'E11')).toMatchObject({ state: 'supported' });
  const table = async (name: string): Promise<string[]> => lines(await readFile(join(pack, 'E11', `${name}.csv`), 'utf8')).slice(1);
  expect(await table('rules')).toEqual([expect.stringMatching(/^2026-04-01T[^,]*,30,1,1,,\[\],true,bank\/0,\d+$/)]);
  expect(await table('holds')).toEqual([expect.stringMatching(/^hld_1,target,another-db,,2026-03-02T[^,]*,root,root,case 7,,true,bank\/0,\d+$/)]);
  // What was erased is no record any more.
  expect((await table('oldest')).map((line) => line.split(',').filter((_cell, at) => [0, 4, 5].includes(at)))).toEqual([
    ['ses_alice', '30', ''],
    ['ses_robot', '30', ''],
  ]);
  const { gw, script } = await verifyBoth(pack, world.keyFile);
  expect(gw).toEqual([]);
  expect(script.code, script.text).toBe(0);
});

it('a hold keeps what is over, and what is over for less than a day is not late', async () => {
  const more = async (process: PackProcess, at: PackWorld): Promise<void> => {
    await process.audit.record('hold.add', { ...by('root'), hold: 'hld_1', scope: 'target', value: 'bank-db', reason: 'case 7' });
    await lookedAt(process, at, 60);
  };
  await history(world, { more });
  const { checks } = await world.export('pack');
  expect(failing(checks)).toEqual([]);
  expect(checks.get('E11.kept-no-longer')?.passed).toBe(true);
});

it('the identities of a pack are told with their locks and their last use', async () => {
  await history(world, { more: (process, at) => locked(process, at, true) });
  const { pack, made } = await world.export('pack');
  const rows = lines(await readFile(join(pack, 'E03', 'identities.csv'), 'utf8')).map((line) => line.split(','));
  const [head = [], ...body] = rows;
  const told = body.map((cells) => ['subject', 'sessions', 'begun_while_locked', 'lag_s'].map((name) => cells[head.indexOf(name)]));
  expect(told).toEqual([
    ['alice', '2', '0', ''],
    ['eve', '2', '0', '60'],
    ['mallory', '0', '0', ''],
    ['robot', '1', '0', ''],
  ]);
  // Who reviewed the rights is not recorded, so no control rests on it, and the check that failed is told all the same.
  expect(made.sections.find(({ section }) => section === 'E03')).toMatchObject({ state: 'failed' });
  expect(await readFile(join(pack, 'crosswalk.csv'), 'utf8')).toContain('E03.locked fails');
});

it('what was denied at once and has an outcome for all that contradicts itself: no verifier takes it', async () => {
  await history(world, { denied: ok });
  const { pack, checks } = await world.export('pack');
  expect(failing(checks)).toEqual(['E04.settled', 'E06.not-reached']);
  const { gw, script } = await verifyBoth(pack, world.keyFile);
  expect(gw).toEqual(['complete']);
  expect(script.code, script.text).toBe(1);
});

it('a log in which a session was left out does not verify, in E10 as in E01', async () => {
  await history(world, { tamper: twice('session.start', (data) => (data['session'] === 'ses_robot' ? { ...data, number: 4 } : data)) });
  const { pack, checks } = await world.export('pack');
  expect(failing(checks)).toEqual(['E01.contiguous', 'E10.verifies']);
  const { gw, script } = await verifyBoth(pack, world.keyFile);
  expect(gw).toEqual(['complete']);
  expect(script.code, script.text).toBe(1);
});

describe('E14 and E16', () => {
  const SCOPE = { gateway: 'bank', version: 'test', framework: 'ffiec', from: BEGIN, to: BEGIN + 1, session: null, nonce: '', sample: 3 } as const;
  /** @param operations rows of E04; no figure counts any of them */
  function summary(items: readonly string[], operations: number): (boolean | null)[] {
    const writer = new PackWriter(noSink);
    const draw = new Draw('some', 'all', '00', SCOPE.sample);
    for (const item of items) draw.offer(item, 'here');
    const e04 = new Section('E04', writer);
    const table = e04.table('operations', ['n'], 'all');
    for (let row = 0; row < operations; row++) table.add([row]);
    const maker = new SummarySections(writer, SCOPE, '00');
    maker.finish({ events: [], draws: [draw], sections: [e04, ...maker.sections] } as unknown as Closing);
    return maker.sections.flatMap(({ checks }) => checks.map(({ passed }) => passed));
  }

  it('find a draw in which an item stands twice', () => {
    expect(summary(['a', 'b', 'c', 'd'], 0)).toEqual([true, true]);
    expect(summary(['a', 'b'], 0)).toEqual([true, true]);
    expect(summary(['a', 'a', 'b'], 0)).toEqual([false, true]);
  });

  it('find a figure that is not the rows of its table', () => {
    expect(summary(['a'], 1)).toEqual([true, false]);
  });
});

describe('a check fails, and no other, when', () => {
  it.each(WRONGS)('%s: %s', async (id, _what, wrong) => {
    await history(world, wrong);
    const { pack, made, checks } = await world.export('pack');
    expect(failing(checks)).toEqual([id]);
    expect(made.failed.map((each) => each.id)).toEqual([id]);
    // It is told in words that name what is wrong.
    expect(made.failed[0]?.detail).toMatch(/apr_|ses_/);
    const { gw, script } = await verifyBoth(pack, world.keyFile);
    // Of what people did wrong a pack is true; of records that do not fit each other it is not.
    const isTrue = !['E04.readable', 'E07.sums'].includes(id);
    expect(gw).toEqual(isTrue ? [] : ['complete']);
    expect(script.code, script.text).toBe(isTrue ? 0 : 1);
    expect(script.text).not.toContain('cannot be read');
  });
});
