/**
 * Nothing of a hidden value is told to somebody who may not let hidden data decide: two databases that differ in hidden values alone give him the same bytes, for statements
 * that were written to tell them apart and for those of the generator, whatever the treatment. Beside that the suite shows that it can fail: who may let hidden data decide, and a column
 * that policy forgot, make differences.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareParser } from '../../../src/protocols/postgres/facts/index.js';
import { Dice } from '../../redteam/dice.js';
import { testSeed } from '../../support/fast-check.js';
import { query } from '../../support/raw-client.js';
import { READERS } from '../canary-world.js';
import { hiddenStatements } from '../generate/hidden-statements.js';
import { messagesOf } from '../generate/run-hidden-statements.js';
import { attackScripts } from './attack-scripts.js';
import { type Outcome, type Script, startTwoWorlds, step, TREATMENTS, type Treatment, type TwoWorlds } from './two-worlds.js';

const GENERATED = 900;
const SUBJECTS = ['bot', 'careful', 'blind'] as const;

const policyOf = (treatment: Treatment): string => `
version: 1
defaults: [{ operations: allow }]
classes:
  account: { treatment: '${treatment}' }
  phone: { treatment: '${treatment}' }
  dob: { treatment: '${treatment}' }
  note: { treatment: '${treatment}' }
data:
  '*.*.ssn': { class: account }
  bank.people.small: { class: account }
  bank.customers.card: { class: phone }
  bank.customers.dob: { class: dob }
  '*.*.note': { class: note }
  bank.pins.pin: { class: phone }
${READERS}`;

let worlds: TwoWorlds;
beforeAll(async () => {
  await prepareParser();
  worlds = await startTwoWorlds(policyOf('mask'));
}, 120_000);
afterAll(() => worlds[Symbol.asyncDispose]());

function generated(): Script[] {
  return hiddenStatements(new Dice(testSeed()), GENERATED).map((statement) => ({
    name: `${statement.delivery}, ${statement.shape}`,
    steps: [
      { text: 'begin', bytes: query('begin'), readies: 1, beside: false },
      ...statement.texts.map((text) => ({ text, ...messagesOf(statement, text), beside: false })),
      { text: 'rollback', bytes: query('rollback'), readies: 1, beside: false },
    ],
  }));
}

const differing = (outcomes: readonly Outcome[]): unknown[] => outcomes.flatMap(({ difference }) => difference ?? []);

/** Each pair of a person and a treatment by a number. */
const PAIRS = TREATMENTS.flatMap((treatment, turn) => SUBJECTS.map((person, at) => [person, treatment, turn * SUBJECTS.length + at] as const));

// First: what the scripts leave behind in one world alone (a number of OIDs that were used) is no matter of these statements.
describe('statements of the generator', () => {
  it.each(PAIRS)(
    'tell %s nothing: %s',
    async (person, treatment, part) => {
      worlds.setPolicy(policyOf(treatment));
      const scripts = generated().filter((_, index) => index % PAIRS.length === part);
      const outcomes = await worlds.runTogether(person, scripts, treatment === 'token');
      expect(differing(outcomes)).toEqual([]);
      expect(outcomes.filter(({ rows }) => rows > 0).length).toBeGreaterThan(scripts.length * 0.25);
    },
    120_000,
  );
});

describe('statements that were written for it', () => {
  it.each(PAIRS)(
    'tell %s nothing: %s',
    async (person, treatment, part) => {
      worlds.setPolicy(policyOf(treatment));
      // Each once for the agent and once for one of the others, by one treatment or another.
      const whose = (index: number): boolean => person === 'bot' || (index + testSeed()) % 2 === Number(person === 'blind');
      const scripts = attackScripts(part).filter((_, index) => (index + part) % TREATMENTS.length === Math.floor(part / SUBJECTS.length) && whose(index));
      expect(differing(await worlds.runApart(person, scripts, treatment === 'token'))).toEqual([]);
    },
    120_000,
  );
});

/** What docs/masking-proof.md says that remains: each makes a difference, or should not stand there any more. */
const REMAINS: readonly (readonly [what: string, script: Script])[] = [
  ['rows in the order of an index', 'set enable_seqscan = off ;; set enable_bitmapscan = off ;; select id from bank.customers where ssn is not null'],
  [
    'rows in the order of a merge join',
    'set enable_hashjoin = off ;; set enable_nestloop = off ;; select c.id from bank.customers c join bank.made m using (ssn)',
  ],
  [
    'lengths of values as they are',
    "create temp table kept as select ssn, ssn as b, ssn as c, ssn as d from bank.customers, generate_series(1, 42000) where id = 1 ;; select pg_relation_size('kept')",
  ],
].map(([what = '', line = '']) => [what, { name: what, steps: line.split(' ;; ').map(step) }]);

describe('what is said to remain', () => {
  it.each(REMAINS)('is told to an agent: %s', async (_, script) => {
    worlds.setPolicy(policyOf('mask'));
    const [outcome] = await worlds.runApart('bot', [script], false);
    expect(outcome?.codes).toEqual([]);
    expect(outcome?.difference).not.toBeNull();
  });
});

describe('the suite can fail', () => {
  it.each([
    ['somebody who sees everything', 'vault', policyOf('mask'), 0.6],
    ['a column that policy forgot', 'bot', policyOf('mask').replace('  bank.customers.card: { class: phone }\n', ''), 0.05],
  ])(
    '%s tells them apart by statements of the generator',
    async (_, person, policy, share) => {
      worlds.setPolicy(policy);
      const scripts = generated().slice(0, 150);
      const outcomes = await worlds.runTogether(person, scripts, false);
      expect(differing(outcomes).length).toBeGreaterThan(scripts.length * share);
    },
    120_000,
  );

  it('tokens tell them apart where they are not taken for what they stand for', async () => {
    worlds.setPolicy(policyOf('token'));
    const script = { name: 'token', steps: [step('select ssn from bank.customers order by id')] };
    expect(differing(await worlds.runApart('bot', [script], false))).toHaveLength(1);
    expect(differing(await worlds.runApart('bot', [script], true))).toEqual([]);
  });

  it.each([
    ['somebody for whom conditions are open', 'ann', 0.25],
    ['somebody who sees everything', 'vault', 0.6],
  ])(
    '%s tells the worlds apart by statements that were written for it',
    async (_, person, share) => {
      worlds.setPolicy(policyOf('mask'));
      const scripts = attackScripts(person === 'ann' ? 100 : 101).filter((_, index) => (index + testSeed()) % 3 === 0);
      const outcomes = await worlds.runApart(person, scripts, false);
      expect(differing(outcomes).length).toBeGreaterThan(scripts.length * share);
    },
    120_000,
  );
});
