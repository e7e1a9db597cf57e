/** Tests beside a policy: strict files, honest results, and a comparison of policies that sees meaning and nothing else. */
import { describe, expect, test } from 'vitest';
import { comparePolicies, type LoadedPolicy, loadPolicy, parseFixture, runFixture, TestClock } from '../../src/policy/index.js';
import { effect, factsOf, protocols } from './fixture-protocols.js';

const POLICY = `version: 1
rules:
  - { id: enter, effect: allow, actions: [connect], subjects: { groups: [engineers] } }
  - { id: read, effect: allow, tier: low, actions: [select], limits: { rows: 10 } }
  - { id: ask, effect: require_approval, actions: [insert], approval: { groups: [b, a] }, during: { zone: UTC, hours: 08:00-18:00 } }
  - { id: mind, effect: warn, actions: [select], message: mind the gap }
`;
const HEAD = `version: 1
targets: { db: { protocol: sql } }
identities: { alice: { groups: [engineers] }, eve: {} }
`;
const load = (text: string, clock = new TestClock()): LoadedPolicy => loadPolicy([{ path: 'p.yaml', text }], protocols, { clock });
const read = (_protocol: string, statement: string) => Promise.resolve(factsOf(effect(statement)));

async function differences(tests: string): Promise<readonly (readonly string[])[]> {
  const clock = new TestClock();
  return (await runFixture(parseFixture('p.test.yaml', `${HEAD}tests:\n${tests}`), load(POLICY, clock), clock, read)).map(({ differs }) => differs);
}

describe('a fixture', () => {
  test('passes where everything is as it says', async () => {
    expect(
      await differences(`
  - { as: alice, target: db, connect: true, expect: allow, by: p/enter }
  - { as: eve, target: db, connect: true, expect: deny, by: default }
  - { as: eve, target: db, statement: select, expect: allow, by: p/read, tier: low, rows: 10, warns: the gap }
  - { as: eve, target: db, statement: insert, at: 2026-11-16T17:59:59Z, expect: require_approval, approvers: [a, b] }
  - { as: eve, target: db, statement: insert, at: 2026-11-16T18:00:00Z, expect: deny }`),
    ).toEqual([[], [], [], [], []]);
  });

  test('fails where anything is otherwise (each of these can fail)', async () => {
    expect(
      await differences(`
  - { as: eve, target: db, connect: true, expect: allow, by: p/enter }
  - { as: eve, target: db, statement: select, expect: allow, by: p/other, tier: high, rows: 11, warns: the dog, approvers: [a] }`),
    ).toEqual([
      ['the decision is deny, expected allow', 'the rule is default, expected p/enter'],
      [
        'the rule is p/read, expected p/other',
        'the tier is low, expected high',
        'the groups that approve is nobody, expected a',
        'the limit of rows is 10, expected 11',
        'nothing warns "the dog"',
      ],
    ]);
  });

  test('says how a class is shown that is found in a column, and by the tag where the column has one', async () => {
    const policy = load(`
version: 1
classes: { ssn: { treatment: partial, detect: true } }
data: { s.t.ssn: { class: ssn } }
masks:
  - { id: tagged, classes: [ssn], treatment: clear, approval: { groups: [a] } }
  - { id: found, classes: [ssn], columns: [s.t.body], detected: true, treatment: clear, approval: { groups: [b] } }
`);
    const tests = `
  - { as: eve, target: db, column: s.t.body, detected: ssn, shown: partial, approvers: [b] }
  - { as: eve, target: db, column: s.t.body, detected: ssn, approved: true, shown: clear, by: p/found }
  - { as: eve, target: db, column: s.t.more, detected: ssn, approved: true, shown: partial, approvers: [nobody] }
  - { as: eve, target: db, column: s.t.body, detected: pan, shown: untagged }
  - { as: eve, target: db, column: s.t.ssn, detected: ssn, approved: true, shown: clear, by: p/tagged }`;
    const results = await runFixture(parseFixture('p.test.yaml', `${HEAD}tests:\n${tests}`), policy, new TestClock(), read);
    expect(results.map(({ differs }) => differs)).toEqual([[], [], [], [], []]);
  });

  test('takes a class that is found for a column only', () => {
    const bad = `${HEAD}tests:\n  - { as: eve, target: db, connect: true, detected: ssn, expect: allow }\n`;
    expect(() => parseFixture('p.test.yaml', bad)).toThrow(/has `detected`, which belongs to `column`/);
  });

  test('is refused with positions when it says something that means nothing', () => {
    const bad = `${HEAD}tests:
  - { as: alise, target: bd, connect: true, expect: alow }
  - { as: eve, target: db, connect: true, statement: select, expect: allow, rule: p/x }
`;
    expect(() => parseFixture('p.test.yaml', bad)).toThrow(
      expect.objectContaining({
        code: 'policy.invalid',
        message: [
          'p.test.yaml:5:53: `expect` cannot be `alow`; did you mean `allow`?',
          'p.test.yaml:6:5: `tests` needs one of `statement`, `connect: true` and `column`',
          'p.test.yaml:6:77: unknown key `rule`; it may be `name`, `as`, `target`, `statement`, `connect`, `account`, `column`, `detected`, `reason`, `approved`, `at`, `expect`, `shown`, `by`, `keep_length`, `show_bin`, `conditions`, `resolves_tokens`, `tier`, `approvers`, `rows`, `warns`',
        ].join('\n'),
      }),
    );
    expect(() => parseFixture('p.test.yaml', `${HEAD}tests: [{ as: alise, target: bd, connect: true, expect: allow }]`)).toThrow(
      /alise`, which is not there.*\n.*`bd`/,
    );
    expect(() => parseFixture('p.test.yaml', `${HEAD}tests: [{ as: eve, target: db, connect: true, statement: x, expect: allow }]`)).toThrow(
      /needs one of `statement`/,
    );
    expect(() => parseFixture('p.test.yaml', 'a: [')).toThrow(expect.objectContaining({ code: 'policy.invalid' }));
  });
});

describe('a comparison', () => {
  test('names what was added, removed and changed, with the keys', () => {
    const after = POLICY.replace('rows: 10', 'rows: 20').replace('id: mind', 'id: gap').replace('version: 1', 'version: 1\ndefaults: [{ operations: allow }]');
    expect(comparePolicies(load(POLICY), load(after))).toEqual({
      added: ['p (defaults)', 'p/gap'],
      removed: ['p/mind'],
      changed: [{ name: 'p/read', keys: ['limits'] }],
    });
  });

  test('sees no difference in layout, comments and order', () => {
    const [head = '', rules = ''] = POLICY.split('rules:\n');
    const turned = `# turned\n${head}rules:\n${rules.trimEnd().split('\n').reverse().join('\n\n')}\n`;
    expect(comparePolicies(load(POLICY), load(turned))).toEqual({ added: [], removed: [], changed: [] });
  });
});
