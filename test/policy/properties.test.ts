/** What holds for every policy: denials only grow with deny rules, order decides nothing, a reading of the names is never widened. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { loadPolicy } from '../../src/policy/index.js';
import { bankDb, effect, factsOf, identity, protocols } from './fixture-protocols.js';

const some = <T>(...values: T[]): fc.Arbitrary<T[]> => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 });

const selectors = fc.record(
  {
    subjects: fc.record({ groups: some('engineers', 'dba', 'auditors') }),
    targets: fc.record({ names: some('bank-db', 'bank-*', 'reports') }),
    resources: some<Record<string, string>>({ relation: 'bank.*' }, { relation: '*.customers' }, { relation: 'ledger.entries' }),
    columns: some('id', 'ssn', '*'),
    when: fc.constantFrom('subject.kind == "agent"', 'effect.action == "delete"', 'effect.resource.name == "bank.customers"', 'subject.claims.level > 2'),
  },
  { requiredKeys: [] },
);
const operationRule = fc
  .tuple(fc.constantFrom('allow', 'deny'), selectors, some('select', 'insert', 'delete', 'unknown', '*'))
  .map(([effect_, rest, actions]) => ({ effect: effect_, actions, ...rest }));
const whereRule = fc
  .tuple(fc.constantFrom('allow', 'deny'), some('none', 'vacuous', 'effective', 'unknown'))
  .map(([effect_, where]) => ({ effect: effect_, actions: ['delete'], facts: { where } }));
const rule = fc.oneof({ weight: 3, arbitrary: operationRule }, { weight: 1, arbitrary: whereRule });
const rules = fc.array(rule, { maxLength: 6 });
const defaults = fc.constantFrom(undefined, 'allow', 'deny');

const anEffect = fc
  .tuple(
    fc.constantFrom('select', 'insert', 'delete', 'drop', 'unknown'),
    fc.constantFrom(null, 'bank.customers', '?.customers', 'ledger.entries', '?.?', 'other.t'),
    fc.constantFrom(null, ['id'], ['id', 'ssn'], []),
  )
  .chain(([action, relation, columns]) =>
    fc.constantFrom('none', 'effective', 'unknown').map((where) => effect(action, relation, action === 'delete' ? { where } : {}, columns)),
  );
const question = fc.record({
  effects: fc.array(anEffect, { minLength: 1, maxLength: 3 }),
  kind: fc.constantFrom<'person' | 'agent'>('person', 'agent'),
  groups: fc.subarray(['engineers', 'dba']),
  level: fc.constantFrom(null, 1, 3),
});

type Rules = readonly object[];
type Question = typeof question extends fc.Arbitrary<infer T> ? T : never;

function decide(files: readonly Rules[], fallback: string | undefined, asked: Question): string {
  const texts = files.map((list, index) => ({
    path: `f${index}.yaml`,
    text: stringify({
      version: 1,
      ...(fallback === undefined ? {} : { defaults: [{ operations: fallback }] }),
      rules: list.map((each, i) => ({ id: `r${i}`, ...each })),
    }),
  }));
  const who = identity({ kind: asked.kind, groups: asked.groups, claims: asked.level === null ? {} : { level: asked.level } });
  return loadPolicy(texts, protocols)
    .view(who, bankDb)
    .decide(factsOf(...asked.effects)).effect;
}

test('one more deny rule never turns a denial into an allow', () => {
  fc.assert(
    fc.property(rules, rule, defaults, question, (before, added, fallback, asked) => {
      fc.pre(decide([before], fallback, asked) === 'deny');
      expect(decide([[...before, { ...added, effect: 'deny' }]], fallback, asked)).toBe('deny');
    }),
    { numRuns: 300 },
  );
});

test('one more allow rule without a condition never turns an allow into a denial', () => {
  fc.assert(
    fc.property(rules, whereRule, defaults, question, (before, added, fallback, asked) => {
      fc.pre(decide([before], fallback, asked) === 'allow');
      expect(decide([[...before, { ...added, effect: 'allow' }]], fallback, asked)).toBe('allow');
    }),
    { numRuns: 300 },
  );
});

test('the order of rules and of files decides nothing', () => {
  fc.assert(
    fc.property(rules, rules, defaults, question, (one, two, fallback, asked) => {
      const expected = decide([one, two], fallback, asked);
      expect(decide([two, one], fallback, asked)).toBe(expected);
      expect(decide([[...one, ...two].reverse()], fallback, asked)).toBe(expected);
    }),
    { numRuns: 300 },
  );
});

test('one more effect never makes an operation more welcome', () => {
  fc.assert(
    fc.property(rules, defaults, question, anEffect, (list, fallback, asked, added) => {
      // `operation.actions` is the one thing that looks across effects; these rules do not use it.
      fc.pre(decide([list], fallback, asked) === 'deny');
      expect(decide([list], fallback, { ...asked, effects: [...asked.effects, added] })).toBe('deny');
    }),
    { numRuns: 300 },
  );
});

// An allow rule that no longer applies no longer has a condition that could fail: what is left decides, as if the rule were not there.
const withoutAllowConditions = (list: Rules): Rules => list.map((each) => ('effect' in each && each.effect === 'allow' ? { ...each, when: undefined } : each));

test('to know less never allows more (an unqualified name, columns not known)', () => {
  fc.assert(
    fc.property(rules.map(withoutAllowConditions), defaults, question, (list, fallback, asked) => {
      const vague = asked.effects.map((each) =>
        each.resource === null
          ? each
          : { ...each, resource: { ...each.resource, name: each.resource.name.map((part, i) => (i === 0 ? null : part)), columns: null } },
      );
      fc.pre(decide([list], fallback, asked) === 'deny');
      expect(decide([list], fallback, { ...asked, effects: vague })).toBe('deny');
    }),
    { numRuns: 300 },
  );
});
