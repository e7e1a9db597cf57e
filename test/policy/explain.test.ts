/** An explanation tells what the decision did: the rule that decided applies in it, and every reason that it gives is the true one. */
import { expect, test } from 'vitest';
import { loadPolicy } from '../../src/policy/index.js';
import { bankDb, effect, factsOf, identity, protocols } from './fixture-protocols.js';

const policy = loadPolicy(
  [
    {
      path: 'p.yaml',
      text: `version: 1
rules:
  - { id: read, effect: allow, actions: [select], resources: [relation: 'bank.*'], columns: [id] }
  - { id: others, effect: deny, subjects: { groups: [dba] }, actions: ['*'] }
  - { id: elsewhere, effect: deny, targets: { names: [reports] }, actions: ['*'] }
  - { id: night, effect: deny, actions: [select], during: { zone: UTC, hours: 00:00-06:00 } }
  - { id: deletes, effect: deny, actions: [delete], facts: { where: [none, unknown] } }
  - { id: agents, effect: deny, actions: ['*'], when: subject.kind == "agent" }
  - { id: level, effect: warn, actions: [select], when: subject.claims.level > 2, message: x }
  - { id: ask, effect: require_approval, actions: [insert], resources: [relation: ledger.*], approval: { groups: [a] } }
  - { id: enter, effect: allow, actions: [connect] }`,
    },
  ],
  protocols,
  { clock: { now: () => Date.UTC(2026, 10, 16, 12), monotonic: () => 0 } },
);
const traces = (...effects: Parameters<typeof factsOf>): Record<string, string>[] =>
  policy
    .explain(identity(), bankDb, factsOf(...effects))
    .effects.map(({ rules }) => Object.fromEntries(rules.map(({ rule, applies, why }) => [rule.slice(2), `${applies}: ${why}`])));

test('every rule with the first thing that kept it from applying', () => {
  expect(traces(effect('select', 'bank.customers', {}, ['id']))[0]).toEqual({
    read: 'yes: it applies',
    others: 'no: it is about other subjects',
    elsewhere: 'no: it is about other targets',
    night: 'no: it is outside of its hours',
    deletes: 'no: it is not about select',
    agents: 'no: its condition does not hold',
    level: expect.stringMatching(/^no: its condition could not be evaluated/) as string,
    ask: 'no: it is not about select',
    enter: 'no: it is not about select',
  });
});

test('what merely may be meant restricts and permits nothing', () => {
  const [insert] = traces(effect('insert', '?.entries'));
  expect(insert?.['ask']).toBe('perhaps: it may apply, which permits nothing');
  const [read] = traces(effect('select', '?.customers', {}, ['id']));
  expect(read?.['read']).toBe('perhaps: it may apply, which permits nothing');
  const [removal] = traces(effect('delete', 'bank.x', { where: 'effective' }));
  expect(removal?.['deletes']).toBe('no: the fact `where` is effective');
});

test('opening a session', () => {
  const { decision, effects } = policy.explain(identity(), bankDb, null);
  expect([decision.rule, effects.map(({ what, rules }) => [what, rules.filter(({ applies }) => applies === 'yes').map(({ rule }) => rule)])]).toEqual([
    'p/enter',
    [['connect to bank-db', ['p/enter']]],
  ]);
});
