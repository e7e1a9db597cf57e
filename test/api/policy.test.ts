/** The policy over the API: its text for ever, why it decides as it does, what another would have decided; for whom, and on the record. */
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PolicyExplanation, PolicySimulation, PolicyText } from '../../src/contract/policy-types.js';
import { allow, bytes, deny, end, facts, freshDirectory, ok, open, start } from '../recording/session-fixture.js';
import { ApiWorld, codeOf } from './api-world.js';

let world: ApiWorld;
beforeAll(async () => {
  world = await ApiWorld.start();
});
afterAll(async () => {
  await world?.close();
});
beforeEach(() => {
  world.audit.length = 0;
});
const last = (): unknown => world.audit.at(-1);

describe('the text of a policy', () => {
  it('is given by its digest to auditors and admins, and each look is recorded', async () => {
    const { digest, canonical, sources } = world.policy;
    await world.store.policies.keep({ digest, canonical, files: sources });
    for (const [role, path] of [
      ['auditors', '/api/v1/policy'],
      ['admins', `/api/v1/policies/${digest}`],
      ['auditors', `/api/v1/policies/${digest.slice(7, 19)}`],
    ] as const) {
      const reply = await world.ask(path, { token: await world.token('root', [role]) });
      expect(reply.json as unknown as PolicyText).toMatchObject({ digest, canonical, files: sources });
      expect(last()).toMatchObject({ kind: 'policy.read', data: { policy: digest, actorSubject: 'sub-root' } });
    }
  });

  it('is given to nobody else, and what was never in force is not found', async () => {
    expect(codeOf(await world.ask('/api/v1/policy', { token: await world.token('erin') }))).toBe('api.forbidden');
    expect(codeOf(await world.ask(`/api/v1/policies/${'f'.repeat(64)}`, { token: await world.token('root', ['auditors']) }))).toBe('policy.unknown');
    expect(codeOf(await world.ask('/api/v1/policies/zz', { token: await world.token('root', ['auditors']) }))).toBe('usage.invalid');
  });
});

describe('inherited tags', () => {
  it('are listed for admins and auditors, of any part of a target, and for nobody else', async () => {
    const tag = {
      relation: ['public', 'copy'],
      object: null,
      column: 1,
      name: 'n',
      from: [['public', 'people', 'ssn']],
      exact: true,
      reason: 'created',
    } as const;
    await world.store.inheritedTags.add({ target: 'bank-db', part: 'bank' }, { session: 'ses_1', subject: 'ann' }, [tag]);
    for (const role of ['admins', 'auditors']) {
      const reply = await world.ask('/api/v1/targets/bank-db/inherited-tags', { token: await world.token('root', [role]) });
      expect(reply.json).toMatchObject({ tags: [{ ...tag, part: 'bank', session: 'ses_1', subject: 'ann' }] });
    }
    expect(codeOf(await world.ask('/api/v1/targets/bank-db/inherited-tags', { token: await world.token('erin') }))).toBe('api.forbidden');
  });
});

describe('an explanation', () => {
  const explain = async (token: string, body: object): Promise<PolicyExplanation> =>
    (await world.ask('/api/v1/policy/explain', { token, body })).json as unknown as PolicyExplanation;

  it('of oneself names the rules that apply and no others', async () => {
    const answer = await explain(await world.token('erin'), { target: 'bank-db' });
    expect(answer).toMatchObject({
      decision: { effect: 'allow', rule: 'policy/engineers' },
      effects: [{ rules: [{ rule: 'policy/engineers', applies: 'yes' }] }],
    });
    const refused = await explain(await world.token('erin'), { target: 'bank-db', statement: 'DELETE FROM ledger.entries' });
    expect(refused).toMatchObject({ decision: { effect: 'deny', rule: null }, effects: [{ action: 'delete', facts: { where: 'none' }, rules: [] }] });
    expect(last()).toMatchObject({ kind: 'policy.explain', data: { subject: 'sub-erin', target: 'bank-db' } });
  });

  it('of others is for auditors and admins, by name where it is clear who is meant', async () => {
    for (const issuer of [world.issuer.url, world.other.url])
      await world.store.subjects.seen({
        issuer,
        subject: 'sub-twin',
        name: 'twin',
        kind: 'person',
        email: null,
        groups: issuer === world.issuer.url ? ['engineers'] : [],
      });
    const root = await world.token('root', ['admins']);
    const one = await explain(root, { as: `${world.issuer.url}#sub-twin`, target: 'bank-db' });
    expect(one).toMatchObject({ as: { subject: 'sub-twin' }, decision: { effect: 'allow' } });
    expect(one.notes.join()).toContain('claims');
    expect(codeOf(await world.ask('/api/v1/policy/explain', { token: root, body: { as: 'twin', target: 'bank-db' } }))).toBe('usage.invalid');
    expect(codeOf(await world.ask('/api/v1/policy/explain', { token: root, body: { as: 'ghost', target: 'bank-db' } }))).toBe('subject.unknown');
    expect(codeOf(await world.ask('/api/v1/policy/explain', { token: root, body: { target: 'nowhere' } }))).toBe('target.unknown');
    expect(codeOf(await world.ask('/api/v1/policy/explain', { token: await world.token('erin'), body: { as: 'sub-twin', target: 'bank-db' } }))).toBe(
      'api.forbidden',
    );
  });
});

describe('a simulation', () => {
  const POLICY = (rules: string): object => ({
    files: [{ path: 'new.yaml', text: `version: 1\nrules: [${rules}]\n` }],
    since: new Date(1_789_000_000_000).toISOString(),
  });

  it('shows each recorded decision that would change', async () => {
    const dir = await freshDirectory();
    try {
      const journal = await open(dir);
      const session = journal.begin(start('ses_1'));
      session.operation(1, 'query', facts('reads'), allow, bytes('select id from bank.customers'), null);
      session.outcome(1, ok);
      session.operation(2, 'query', facts('drops'), deny, bytes('drop it'), null);
      session.operation(3, 'query', facts('wire'), { ...deny, rule: 'gateway/wire' }, bytes('x'), null);
      session.end(end);
      journal.begin(start('ses_2')).end({ ...end, operations: 0, refused: 0 });
      await journal.close();
      world.journalDir = dir;
      const token = await world.token('root', ['auditors']);
      const simulate = async (rules: string): Promise<PolicySimulation> =>
        (await world.ask('/api/v1/policy/simulate', { token, body: POLICY(rules) })).json as unknown as PolicySimulation;
      const strict = await simulate('{ id: none, effect: deny, actions: [select], subjects: { groups: [engineers] } }');
      expect(strict).toMatchObject({
        sessions: 2,
        operations: 2,
        changed: 1,
        skipped: 0,
        groups: [{ before: 'allow by base/read', after: 'deny by new/none', count: 1 }],
      });
      expect(strict.changes).toMatchObject([
        { session: 'ses_1', sequence: 1, who: 'alice', text: 'select id from bank.customers', after: { rule: 'new/none' } },
      ]);
      // Nobody is let in by it, neither who did something nor who did nothing.
      expect(strict.connections).toMatchObject({
        sessions: 2,
        changed: 2,
        changes: [{ session: 'ses_1', after: { effect: 'deny', accounts: [] } }, { session: 'ses_2' }],
      });
      expect(last()).toMatchObject({ kind: 'policy.simulate', data: { policy: strict.policy } });
      expect(await simulate('{ id: all, effect: allow, actions: [select] }')).toMatchObject({
        changed: 1,
        changes: [{ sequence: 2, before: { effect: 'deny' }, after: { effect: 'allow' } }],
      });
      expect((await simulate('{ id: in, effect: allow, actions: [connect, select] }')).connections).toMatchObject({ sessions: 2, changed: 0 });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it('is for auditors and admins, and says where a candidate is wrong', async () => {
    expect(codeOf(await world.ask('/api/v1/policy/simulate', { token: await world.token('erin'), body: POLICY('') }))).toBe('api.forbidden');
    const reply = await world.ask('/api/v1/policy/simulate', {
      token: await world.token('root', ['admins']),
      body: POLICY('{ id: a, effect: allow, actions: [selct] }'),
    });
    expect([codeOf(reply), reply.text]).toEqual(['policy.invalid', expect.stringContaining('new.yaml:2:')]);
  });
});
