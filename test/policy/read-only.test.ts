/** Which policies grant only reads: true where it is certain, false wherever any rule could let a write through some day. */
import { expect, test } from 'vitest';
import { loadPolicy } from '../../src/policy/index.js';
import { postgres } from '../../src/protocols/postgres/index.js';

const target = { name: 'bank-db', protocol: 'postgres', labels: { env: 'prod' } };
const alice = {
  issuer: 'test',
  subject: 'alice',
  kind: 'person',
  name: 'alice',
  email: null,
  emailVerified: false,
  groups: ['engineers'],
  onBehalfOf: null,
  claims: {},
  expiresAt: 0,
} as const;

const WRITES = postgres.descriptor.actions.flatMap(({ name, readOnly }) => (readOnly === true ? [] : [name]));
const readOnly = (rules: string, text = ''): boolean =>
  loadPolicy(
    [{ path: 'p.yaml', text: `version: 1\n${text}\nrules:\n  - { id: connect, effect: allow, actions: [connect] }\n${rules}` }],
    [postgres.descriptor],
  ).view(alice, target).readOnly;

test.each([
  ['nothing', ''],
  ['reads', '  - { id: r, effect: allow, actions: [select, call, set, transaction] }'],
  ['writes of somebody else', '  - { id: r, effect: allow, actions: [update], subjects: { groups: [dba] } }'],
  ['writes elsewhere', '  - { id: r, effect: allow, actions: [update], targets: { names: [other] } }'],
  ['writes that are denied', '  - { id: d, effect: deny, actions: [update] }\n  - { id: a, effect: allow, actions: [update, select] }'],
  ['warnings', "  - { id: r, effect: warn, actions: [update], message: 'careful' }"],
  ['everything, and every write denied', `  - { id: a, effect: allow, actions: ['*'] }\n  - { id: d, effect: deny, actions: [${WRITES.join(', ')}] }`],
])('only reads: %s', (_name, rules) => {
  expect(readOnly(rules)).toBe(true);
});

test('only reads: an open default, and every write denied', () => {
  expect(readOnly(`  - { id: d, effect: deny, actions: [${WRITES.join(', ')}] }`, 'defaults: [{ operations: allow }]')).toBe(true);
});

test.each([
  ['a write', '  - { id: r, effect: allow, actions: [update] }'],
  ['of one relation', '  - { id: r, effect: allow, actions: [update], resources: [{ relation: app.t }] }'],
  ['at night', '  - { id: r, effect: allow, actions: [update], during: { days: [mon], hours: 01:00-02:00, zone: UTC } }'],
  ['on a condition', "  - { id: r, effect: allow, actions: [update], when: 'false' }"],
  ['with approval', '  - { id: r, effect: require_approval, actions: [update], approval: { groups: [dba] } }'],
  ['everything', "  - { id: r, effect: allow, actions: ['*'] }"],
  ['what is not understood', '  - { id: r, effect: allow, actions: [unknown] }'],
  ['denied with a condition', "  - { id: d, effect: deny, actions: [update], when: 'true' }\n  - { id: a, effect: allow, actions: [update] }"],
  [
    'denied on one relation',
    '  - { id: d, effect: deny, actions: [update], resources: [{ relation: app.t }] }\n  - { id: a, effect: allow, actions: [update] }',
  ],
])('not only reads: %s', (_name, rules) => {
  expect(readOnly(rules)).toBe(false);
});

test('not only reads: an open default, or one write less denied', () => {
  const open = 'defaults: [{ operations: allow }]';
  expect(readOnly('', open)).toBe(false);
  for (const left of WRITES.filter((name) => name !== 'unknown')) {
    const rest = WRITES.filter((name) => name !== left);
    expect([left, readOnly(`  - { id: d, effect: deny, actions: [${rest.join(', ')}] }`, open)]).toEqual([left, false]);
  }
});
