/**
 * Thousands of generated statements that try to show hidden columns, and every spelling of a hidden value in every way for a result to come, each of which the search finds
 * when it is shown. `npm run redteam` prints the same as a score; `test/gateway/masked-sinks.test.ts` has a whole gateway run more of them.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { prepareParser } from '../../src/protocols/postgres/facts/index.js';
import { Dice } from '../redteam/dice.js';
import { CANARY_POLICY } from './canary-world.js';
import { DELIVERIES, hiddenStatements } from './generate/hidden-statements.js';
import { type MaskingScore, scoreMasking } from './generate/masking-score.js';

/** Everything may be shown in clear when people let it, whom nobody can ask here: the values stay hidden. */
const ASKING = CANARY_POLICY.replace(
  'masks:',
  'masks:\n  - { id: by-yes, treatment: clear, subjects: { groups: [engineers] }, approval: { groups: [dba] }, unapproved: masked }',
);

describe.each([
  ['15', 1_500, CANARY_POLICY],
  ['18', 3_000, ASKING],
] as const)('on PostgreSQL %s, %i statements', (version, count, policy) => {
  let score: MaskingScore;
  beforeAll(async () => {
    score = await scoreMasking({ version, seed: 20_261_126, count, controlOneIn: 6, policy });
  }, 300_000);

  it('none of the statements shows anything', () => {
    expect(score.hidden.shown.map(({ statement, canaries }) => [canaries, statement.delivery, statement.shape, statement.texts])).toEqual([]);
  });

  it('no spelling of a hidden value shows anything, in any way for a result to come', () => {
    expect(score.spelled.hidden.shown.map(({ statement, canaries }) => [canaries, statement.delivery, statement.shape, statement.texts])).toEqual([]);
  });

  it('and each of them is found by the search when it is shown', () => {
    expect(score.spelled.missed.map(({ delivery, shape, kinds, texts }) => [delivery, shape, kinds, texts])).toEqual([]);
    expect(score.spelled.hidden.statements).toBeGreaterThan(3_700);
  });

  it('what cannot come is left out by name, and is little of what was tried', () => {
    const ways = new Set(score.spelled.impossible.map((each) => each.split(' × ')[0]));
    expect([...ways].sort()).toEqual([
      'detail of an error',
      'error',
      ...['3D000', '3F000', '42601', '42704', '42P01'].map((code) => `error ${code}`),
      'explain',
      'setting',
      'temporary table',
      'view',
    ]);
    expect(score.spelled.impossible.filter((each) => !each.startsWith('explain')).length).toBeLessThan(100);
  });

  it('nothing of what they asked for is on disk', () => {
    expect(score.onDisk).toEqual([]);
  });

  it('all were sent, and most were answered with rows', () => {
    expect(score.hidden.statements).toBe(count);
    expect(score.hidden.answered).toBeGreaterThan(count * 0.7);
  });

  it('most show canaries to somebody who may see clear text', () => {
    expect(score.control.shown.length).toBeGreaterThan(score.control.answered * 0.7);
  });
});

describe('the generator', () => {
  beforeAll(() => prepareParser());

  it('gives the same statements for the same seed, and others for another', () => {
    const texts = (seed: number): string => JSON.stringify(hiddenStatements(new Dice(seed), 200));
    expect(texts(7)).toBe(texts(7));
    expect(texts(7)).not.toBe(texts(8));
  });

  it('uses every way for a result to come', () => {
    const found = new Set(hiddenStatements(new Dice(1), 100).map(({ delivery }) => delivery));
    expect([...found].sort()).toEqual([...DELIVERIES].sort());
  });
});
