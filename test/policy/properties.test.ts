/** What holds for every policy: denials only grow with deny rules, order decides nothing, a reading of the names is never widened. */

import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Decision } from '../../src/contract/decision.js';
import { loadPolicy } from '../../src/policy/index.js';
import { fc } from '../support/fast-check.js';
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
const approval = fc.record({ groups: some('owners', 'security', 'dba'), quorum: fc.integer({ min: 1, max: 3 }), expires: fc.constantFrom('5m', '1h') });
const limits = fc.record({ rows: fc.integer({ min: 1, max: 9 }), seconds: fc.integer({ min: 1, max: 9 }) }, { requiredKeys: ['rows'] });
/** The effect of a rule with what it asks for. */
const kinds = fc.oneof(
  fc.constantFrom({ effect: 'allow' }, { effect: 'deny' }, { effect: 'warn', message: 'mind' }),
  limits.map((each) => ({ effect: 'allow', limits: each })),
  fc.record({ effect: fc.constant('require_approval'), approval, tier: fc.constantFrom('low', 'critical') }),
);
const operationRule = fc
  .tuple(kinds, selectors, some('select', 'insert', 'delete', 'unknown', '*'))
  .map(([kind, rest, actions]) => ({ ...kind, actions, ...rest }));
const whereRule = fc.tuple(kinds, some('none', 'vacuous', 'effective', 'unknown')).map(([kind, where]) => ({ ...kind, actions: ['delete'], facts: { where } }));
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

const STRENGTH = ['allow', 'require_approval', 'deny'];

function decision(files: readonly Rules[], fallback: string | undefined, asked: Question): Decision {
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
    .decide(factsOf(...asked.effects));
}

const decide = (...question: Parameters<typeof decision>): string => decision(...question).effect;

/** How much a decision lets through: nothing of it may grow. */
const strength = (...question: Parameters<typeof decision>): number => STRENGTH.indexOf(decide(...question));

/** The same rule, denying or allowing without terms. */
const bare = ({ limits: _limits, approval: _approval, tier: _tier, ...rest }: Record<string, unknown>): object => rest;
const denying = (each: object): object => ({ ...bare({ ...each }), effect: 'deny' });
const allowing = (each: object): object => ({ ...bare({ ...each }), effect: 'allow' });

test('one more deny rule never turns a denial into an allow', () => {
  fc.assert(
    fc.property(rules, rule, defaults, question, (before, added, fallback, asked) => {
      fc.pre(decide([before], fallback, asked) === 'deny');
      expect(decide([[...before, denying(added)]], fallback, asked)).toBe('deny');
    }),
    { numRuns: 300 },
  );
});

test('one more allow rule without a condition never turns an allow into a denial', () => {
  fc.assert(
    fc.property(rules, whereRule, defaults, question, (before, added, fallback, asked) => {
      fc.pre(decide([before], fallback, asked) === 'allow');
      expect(decide([[...before, allowing(added)]], fallback, asked)).toBe('allow');
    }),
    { numRuns: 300 },
  );
});

/** Without the names of rules, which say where in which file they stand. */
const comparable = ({ effect: outcome, limits: held, approval: asked, warnings, tier }: Decision): object => ({
  outcome,
  held: held === null ? null : { ...held, overRows: held.overRows === null ? null : held.overRows.quorum },
  asked:
    asked === null
      ? null
      : { ...asked, approvers: asked.approvers.map(({ groups, quorum }) => JSON.stringify([groups, quorum])).sort(), groups: [...asked.groups].sort() },
  warnings: warnings.length,
  tier,
});

test('the order of rules and of files decides nothing', () => {
  fc.assert(
    fc.property(rules, rules, defaults, question, (one, two, fallback, asked) => {
      const expected = comparable(decision([one, two], fallback, asked));
      expect(comparable(decision([two, one], fallback, asked))).toEqual(expected);
      expect(comparable(decision([[...one, ...two].reverse()], fallback, asked))).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

/** `after` asks for and limits at least what `before` did, unless it denies. */
function strictly(before: Decision, after: Decision): void {
  if (after.effect === 'deny') return;
  for (const kind of ['rows', 'seconds'] as const) {
    const limit = before.limits?.[kind] ?? null;
    if (limit !== null) expect(after.limits?.[kind] ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(limit);
  }
  if (before.approval === null) return;
  const asked = after.approval;
  expect(asked?.approvers).toEqual(expect.arrayContaining([...before.approval.approvers]));
  expect(asked?.quorum).toBeGreaterThanOrEqual(before.approval.quorum);
  expect(asked?.expiresInMs).toBeLessThanOrEqual(before.approval.expiresInMs);
}

test('one more effect never makes an operation more welcome', () => {
  fc.assert(
    fc.property(rules, defaults, question, anEffect, (list, fallback, asked, added) => {
      // `operation.actions` is the one thing that looks across effects; these rules do not use it.
      const more = { ...asked, effects: [...asked.effects, added] };
      expect(strength([list], fallback, more)).toBeGreaterThanOrEqual(strength([list], fallback, asked));
      strictly(decision([list], fallback, asked), decision([list], fallback, more));
    }),
    { numRuns: 300 },
  );
});

// A rule that no longer applies for certain no longer has a condition that could fail: what is left decides, as if it were not there.
const withoutAllowConditions = (list: Rules): Rules => list.map((each) => ('effect' in each && each.effect !== 'deny' ? { ...each, when: undefined } : each));

test('to know less never allows more (an unqualified name, columns not known)', () => {
  fc.assert(
    fc.property(rules.map(withoutAllowConditions), defaults, question, (list, fallback, asked) => {
      const vague = asked.effects.map((each) =>
        each.resource === null
          ? each
          : { ...each, resource: { ...each.resource, name: each.resource.name.map((part, i) => (i === 0 ? null : part)), columns: null } },
      );
      const less = { ...asked, effects: vague };
      expect(strength([list], fallback, less)).toBeGreaterThanOrEqual(strength([list], fallback, asked));
      strictly(decision([list], fallback, asked), decision([list], fallback, less));
    }),
    { numRuns: 300 },
  );
});
