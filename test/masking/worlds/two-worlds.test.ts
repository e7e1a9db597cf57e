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
import { hiddenStatements } from '../generate/hidden-statements.js';
import { messagesOf } from '../generate/run-hidden-statements.js';
import { attackScripts } from './attack-scripts.js';
import { type Outcome, type Script, startTwoWorlds, TREATMENTS, type Treatment, type TwoWorlds } from './two-worlds.js';

const GENERATED = 1_500;
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
masks:
  - { id: vault, treatment: clear, subjects: { groups: [vault] } }
  - { id: careful, conditions: equality, subjects: { groups: [careful] } }
  - { id: blind, conditions: deny, subjects: { groups: [blind] } }
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
`;

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
  it.each(PAIRS)('tell %s nothing: %s', async (person, treatment, part) => {
    worlds.setPolicy(policyOf(treatment));
    const scripts = generated().filter((_, index) => index % PAIRS.length === part);
    const outcomes = await worlds.runTogether(person, scripts, treatment === 'token');
    expect(differing(outcomes)).toEqual([]);
    expect(outcomes.filter(({ rows }) => rows > 0).length).toBeGreaterThan(scripts.length * 0.25);
  }, 120_000);
});

describe('statements that were written for it', () => {
  it.each(PAIRS)('tell %s nothing: %s', async (person, treatment, part) => {
    worlds.setPolicy(policyOf(treatment));
    // Each once for each person, by one treatment or another.
    const scripts = attackScripts(part).filter((_, index) => (index + part) % TREATMENTS.length === Math.floor(part / SUBJECTS.length));
    expect(differing(await worlds.runApart(person, scripts, treatment === 'token'))).toEqual([]);
  }, 120_000);
});
