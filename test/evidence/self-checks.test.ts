/**
 * Each self-check of a pack can fail: of a small history in which all of them hold, one thing is done as it should not be, and just the check that is
 * about it fails. Checks about what is missing or forged have their own tests (mutations, pruned journals and logs).
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noSink, PackWriter } from '../../src/evidence/pack-writer.js';
import { Draw } from '../../src/evidence/sampling.js';
import { Section } from '../../src/evidence/sections/section.js';
import type { Closing } from '../../src/evidence/sections/section-maker.js';
import { SummarySections } from '../../src/evidence/sections/summary-sections.js';
import { CARD, history, MASKED, ok, type Wrong } from './pack-history.js';
import { verifyBoth } from './pack-tools.js';
import { ALLOW, BEGIN, PackWorld, type Tamper } from './pack-world.js';

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
  ['E15.reviewed', 'nobody reviewed break-glass', { reviewer: null }],
  ['E15.reviewed', 'who broke the glass reviewed it', { reviewer: 'alice' }],
];

it('all checks hold, and have something to check, where all is right', async () => {
  await history(world, {});
  const { pack, checks } = await world.export('pack');
  expect(failing(checks)).toEqual([]);
  for (const id of new Set(WRONGS.map(([id]) => id))) expect([id, checks.get(id)?.passed]).toEqual([id, true]);
  const { gw, script } = await verifyBoth(pack, world.keyFile);
  expect(gw).toEqual([]);
  expect(script.code, script.text).toBe(0);
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
