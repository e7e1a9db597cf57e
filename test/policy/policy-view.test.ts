/** What a view keeps, what it must not keep, and that nothing makes it throw. */
import { describe, expect, test } from 'vitest';
import type { Facts } from '../../src/contract/operation.js';
import { type LoadedPolicy, loadPolicy } from '../../src/policy/index.js';
import { bankDb, effect, factsOf, identity, protocols } from './fixture-protocols.js';

const load = (text: string, now: { value: number } = { value: 0 }): LoadedPolicy =>
  loadPolicy([{ path: 'p.yaml', text: `version: 1\n${text}` }], protocols, { clock: { now: () => now.value, monotonic: () => 0 } });

describe('decisions are kept', () => {
  test('by the identity of the facts, and equal allowing ones are one object', () => {
    const view = load('rules: [{ id: r, effect: allow, actions: [select] }]').view(identity(), bankDb);
    const facts = factsOf(effect('select', 'a.b'));
    expect(view.decide(facts)).toBe(view.decide(facts));
    expect(view.decide(factsOf(effect('select', 'c.d')))).toBe(view.decide(facts));
    expect(view.connect()).toBe(view.connect());
  });

  test('and stay right when more come than are kept', () => {
    const view = load('defaults: [{ operations: allow }]\nrules: [{ id: r, effect: deny, actions: [select], resources: [relation: a.t7] }]').view(
      identity(),
      bankDb,
    );
    const all = Array.from({ length: 10_000 }, (_, i) => factsOf(effect('select', `a.t${i}`)));
    for (let round = 0; round < 2; round++) {
      expect(all.map((facts, i) => (view.decide(facts).effect === 'deny' ? i : -1)).filter((i) => i >= 0)).toEqual([7]);
    }
  });

  test('but not where a condition read the time', () => {
    const now = { value: Date.UTC(2026, 0, 1, 12) };
    const policy = load(
      `defaults: [{ operations: allow }]
rules:
  - { id: night, effect: deny, actions: [insert], when: now.getHours("UTC") < 6 }
  - { id: day, effect: allow, actions: [connect], when: now.getHours("UTC") >= 6 }`,
      now,
    );
    const view = policy.view(identity(), bankDb);
    const insert = factsOf(effect('insert', 'a.b'));
    expect(view.timeDependent).toBe(true);
    expect([view.decide(insert).effect, view.connect().effect]).toEqual(['allow', 'allow']);
    now.value = Date.UTC(2026, 0, 1, 3);
    expect([view.decide(insert).effect, view.connect().effect]).toEqual(['deny', 'deny']);
    const select = factsOf(effect('select', 'a.b'));
    expect(view.decide(select)).toBe(view.decide(select));
  });

  test('until the next moment at which a window can open or close, also when the clock is set back', () => {
    const now = { value: Date.parse('2026-11-16T06:00:00Z') };
    const view = load(
      `rules:
  - { id: office, effect: allow, actions: [connect, select], during: { zone: Europe/Berlin, hours: 08:00-18:00 } }
  - { id: all, effect: allow, actions: [insert] }`,
      now,
    ).view(identity(), bankDb);
    const select = factsOf(effect('select', 'a.b'));
    const effects = (): string[] => [view.decide(select).effect, view.connect().effect];
    expect(view.timeDependent).toBe(true);
    const closed = view.decide(select);
    now.value = Date.parse('2026-11-16T06:59:59.999Z');
    expect(view.decide(select)).toBe(closed);
    now.value++;
    expect(effects()).toEqual(['allow', 'allow']);
    const open = view.decide(select);
    now.value = Date.parse('2026-11-16T16:59:59.999Z');
    expect(view.decide(select)).toBe(open);
    now.value++;
    expect(effects()).toEqual(['deny', 'deny']);
    now.value = Date.parse('2026-11-16T12:00:00Z');
    expect(effects()).toEqual(['allow', 'allow']);
  });

  test('a view without such a condition says so', () => {
    expect(load('rules: [{ id: r, effect: deny, actions: [insert], when: subject.kind == "agent" }]').view(identity(), bankDb).timeDependent).toBe(false);
  });
});

describe('views are shared exactly by those whom no rule can tell apart', () => {
  const alice = identity();
  const others = {
    subject: identity({ subject: 'u-bob' }),
    groups: identity({ groups: ['dba'] }),
    email: identity({ email: 'bob@bank.example' }),
    verified: identity({ emailVerified: false }),
    claims: identity({ claims: { level: 3 } }),
    issuer: identity({ issuer: 'https://other.example' }),
    kind: identity({ kind: 'agent' }),
    owner: identity({ onBehalfOf: { issuer: null, subject: 'u-bob', verified: true } }),
    name: identity({ name: 'somebody' }),
    token: identity({ expiresAt: 1 }),
  };
  const apart = (rule: string): string[] => {
    const policy = load(`rules: [{ id: r, effect: allow, actions: [connect], ${rule} }]`);
    return Object.entries(others).flatMap(([key, other]) => (policy.view(other, bankDb) === policy.view(alice, bankDb) ? [] : [key]));
  };

  test('by what the rules ask for', () => {
    expect(apart('subjects: { groups: [a] }')).toEqual(['groups', 'issuer', 'kind']);
    expect(apart('subjects: { emails: [a] }')).toEqual(['groups', 'email', 'verified', 'issuer', 'kind']);
    expect(apart('subjects: { claims: { level: 3 } }')).toEqual(['groups', 'claims', 'issuer', 'kind']);
    expect(apart('subjects: { claims: { other: 3 } }')).toEqual(['groups', 'issuer', 'kind']);
    expect(apart("subjects: { ids: ['a#b'] }")).toEqual(['subject', 'groups', 'issuer', 'kind']);
  });

  test('by everything but name and expiry as soon as there is a condition', () => {
    expect(apart('when: subject.kind == "person"')).toEqual(['subject', 'groups', 'email', 'verified', 'claims', 'issuer', 'kind', 'owner']);
  });

  test('by target: name, protocol and labels', () => {
    const policy = load('rules: []');
    const view = policy.view(alice, bankDb);
    expect(policy.view(alice, { ...bankDb, labels: { env: 'prod' } })).toBe(view);
    for (const other of [{ name: 'x' }, { protocol: 'shell' }, { labels: {} }]) expect(policy.view(alice, { ...bankDb, ...other })).not.toBe(view);
  });
});

describe('nothing makes a view throw', () => {
  test('facts that break their contract are refused', () => {
    const view = load('defaults: [{ operations: allow }]').view(identity(), bankDb);
    const broken = { effects: null, unknown: [], summary: '', redacted: null } as unknown as Facts;
    expect(view.decide(broken)).toMatchObject({ effect: 'deny', rule: null });
    expect(view.decide(broken).reasons[0]).toMatch(/^the decision could not be made: /);
  });

  test.each(['constructor', 'hasOwnProperty', 'toString'])('a claim called %s is a claim only when the token has it', (name) => {
    const policy = load(`defaults: [{ operations: allow }]
rules:
  - { id: condition, effect: deny, actions: [insert], when: 'has(subject.claims.${name})' }
  - { id: selector, effect: deny, actions: [select], subjects: { claims: { "/${name}/name": Object } } }
  - { id: word, effect: deny, actions: [drop], targets: { labels: { ${name}: x } } }`);
    const view = policy.view(identity(), bankDb);
    expect(['insert', 'select', 'drop'].map((action) => view.decide(factsOf(effect(action))).effect)).toEqual(['allow', 'allow', 'allow']);
  });

  test('many denied effects give few reasons', () => {
    const view = load('rules: []').view(identity(), bankDb);
    const decision = view.decide(factsOf(...Array.from({ length: 500 }, (_, i) => effect('select', `a.t${i}`))));
    expect(decision.reasons).toHaveLength(8);
    expect(decision.reasons.at(-1)).toBe('and 493 more of the kind');
  });

  test('names from the client cannot carry terminal sequences or line breaks into reasons', () => {
    const view = load('rules: []').view(identity(), bankDb);
    const name = { type: 'relation', name: ['a', `\u001b[2J\n\u202e${'x'.repeat(500)}`], columns: null };
    const reason = view.decide(factsOf({ action: 'select', resource: name, facts: {} })).reasons[0] ?? '';
    expect(reason).toMatch(/^select on a\."\\u\{1b\}\[2J\\u\{a\}\\u\{202e\}x+…": /);
    expect(reason.length).toBeLessThan(260);
  });
});

test('a rule that names connect and operations may have a condition over subject and target', () => {
  const policy = load('rules: [{ id: r, effect: allow, actions: [connect, select], when: subject.kind == "person" && target.name == "bank-db" }]');
  const view = policy.view(identity(), bankDb);
  expect([view.connect().effect, view.decide(factsOf(effect('select', 'a.b'))).effect]).toEqual(['allow', 'allow']);
  const agent = policy.view(identity({ kind: 'agent' }), bankDb);
  expect([agent.connect().effect, agent.decide(factsOf(effect('select', 'a.b'))).effect]).toEqual(['deny', 'deny']);
});

describe('access ahead of time', () => {
  const rules = (connect: string): string => `
defaults: [{ operations: allow }]
rules:
  - { id: in, effect: ${connect}, actions: [connect] }
  - { id: write, effect: require_approval, actions: [insert], approval: { groups: [dba], grants: 2h, expires: 10m } }
  - { id: erase, effect: require_approval, actions: [delete], approval: { groups: [risk], quorum: 2, grants: 1h } }
  - { id: drop, effect: require_approval, actions: [drop], approval: { groups: [owners] } }`;

  test('takes everybody whom a rule asks that takes grants, and the shortest of their times', () => {
    expect(load(rules('allow')).view(identity(), bankDb).access()).toMatchObject({
      approvers: [
        { rule: 'p/write', groups: ['dba'], quorum: 1 },
        { rule: 'p/erase', groups: ['risk'], quorum: 2 },
      ],
      grantMs: 3_600_000,
      expiresInMs: 600_000,
    });
  });

  test('is not offered where connecting is denied, or where no rule takes grants', () => {
    expect(load(rules('deny')).view(identity(), bankDb).access()).toBeNull();
    expect(load('rules: [{ id: in, effect: allow, actions: [connect] }]').view(identity(), bankDb).access()).toBeNull();
  });
});
