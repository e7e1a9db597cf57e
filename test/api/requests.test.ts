/** Requests for approval over the API: who sees what, who may decide, and that everything is on the record. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ApprovalInfo, ApprovalList } from '../../src/contract/api-types.js';
import type { ApprovalRecord } from '../../src/contract/approval.js';
import { askingPolicy } from '../approval/asking-policy.js';
import { demand, identity, question } from '../approval/fixture.js';
import { mint } from '../identity/test-issuer.js';
import { ApiWorld, codeOf, type Reply } from './api-world.js';

const HOUR = 3_600_000;
let world: ApiWorld;

beforeAll(async () => {
  world = await ApiWorld.start();
  const set = world.inForce.current();
  const asks = demand({ grantMs: HOUR });
  const asking = askingPolicy(set, {
    access: asks,
    operation: (facts) => (facts.effects.some(({ action }) => action === 'delete') ? asks : null),
  });
  world.inForce = { current: () => asking };
});
afterAll(async () => {
  await world?.close();
});
beforeEach(() => {
  world.audit.length = 0;
});

let count = 0;
/** A request that a session made, and waits for. */
async function held(name = 'alice'): Promise<ApprovalRecord> {
  const { digest } = world.inForce.current();
  const { record } = await world.desk.door.ask(
    question(`delete from ledger.entries where id = ${++count} -- ${'x'.repeat(400)}`, {
      identity: identity(name, { issuer: world.issuer.url }),
      policy: digest,
      waitMs: 0,
    }),
    { held: () => undefined, progress: () => undefined },
    new AbortController().signal,
  );
  return record;
}

const bob = (): Promise<string> => world.token('bob', ['dba'], { email: 'bob@bank.test', email_verified: true });
const kinds = (): string[] => world.audit.map(({ kind }) => kind);
const list = async (token: string, query = ''): Promise<ApprovalList> =>
  (await world.ask(`/api/v1/requests${query}`, { token })).json as unknown as ApprovalList;
const act = async (id: string, action: string, token: string, body: object): Promise<Reply> => world.ask(`/api/v1/requests/${id}/${action}`, { token, body });

describe('requests', () => {
  it('are seen by the requester, by those who are asked, by admins and auditors, and by nobody else', async () => {
    const request = await held();
    const path = `/api/v1/requests/${request.id}`;
    const seen = async (token: string): Promise<Partial<ApprovalInfo>> => (await world.ask(path, { token })).json;
    expect(await seen(await world.token('alice'))).toMatchObject({
      mine: true,
      decidable: false,
      operation: { text: expect.stringContaining('ledger.entries') },
    });
    expect(await seen(await bob())).toMatchObject({ mine: false, decidable: true, digest: request.digest, missing: [{ groups: ['dba'], people: 1 }] });
    expect(await seen(await world.token('aud', ['auditors']))).toMatchObject({ hidden: false, operation: { summary: 'deletes from ledger.entries' } });
    expect(await seen(await world.token('root', ['admins']))).toMatchObject({ hidden: true, operation: null });
    expect(codeOf(await world.ask(path, { token: await world.token('eve') }))).toBe('approval.unknown');
    // The same name of a group at another issuer is another group.
    const elsewhere = await mint(world.other, world.clock, { sub: 'sub-bob', groups: ['dba'] });
    expect(codeOf(await world.ask(path, { token: elsewhere }))).toBe('approval.unknown');
    for (const id of ['apr_x', 'ses_00000000000000000000000000', '..%2f..', "'%20or%201=1"])
      expect(codeOf(await world.ask(`/api/v1/requests/${id}`, { token: await bob() }))).toMatch(/unknown|not_found/);
  });

  it('are listed for the requester and for those who decide, with the text cut', async () => {
    const request = await held('lara');
    const mine = await list(await world.token('lara'));
    expect(mine.requests.map(({ id }) => id)).toEqual([request.id]);
    expect(mine.requests[0]?.operation).toMatchObject({ cut: true });
    expect((await list(await bob(), '?for=me')).requests.map(({ id }) => id)).toContain(request.id);
    expect((await list(await world.token('eve'), '?for=me')).requests).toEqual([]);
    // Who asked and is in the group is not asked.
    expect((await list(await world.token('lara', ['dba']), '?for=me')).requests.map(({ id }) => id)).not.toContain(request.id);
    expect(codeOf(await world.ask('/api/v1/requests?for=all', { token: await bob() }))).toBe('api.forbidden');
    expect((await list(await world.token('aud', ['auditors']), '?for=all&state=pending&state=denied')).requests.length).toBeGreaterThan(0);
  });

  it('are live: a list that is waited on comes back when it changes', async () => {
    const token = await bob();
    const before = await list(token, '?for=me');
    expect((await list(token, `?for=me&since=${before.state}&wait=0`)).state).toBe(before.state);
    const waiting = list(token, `?for=me&since=${before.state}&wait=15`);
    const request = await held('mia');
    expect((await waiting).requests.map(({ id }) => id)).toContain(request.id);
  });

  it('are approved by the digest of what was shown; each step is written before it is done', async () => {
    const request = await held();
    const token = await bob();
    expect(codeOf(await act(request.id, 'approve', token, { digest: 'sha256:other' }))).toBe('approval.stale');
    world.audit.length = 0;
    const reply = await act(request.id, 'approve', token, { digest: request.digest, reason: 'looks right' });
    expect(reply.json).toMatchObject({ state: 'approved', votes: [{ by: 'bob', reason: 'looks right' }] });
    expect(world.audit).toEqual([
      {
        kind: 'approval.approve',
        data: expect.objectContaining({
          approval: request.id,
          actorSubject: 'sub-bob',
          requesterSubject: 'sub-alice',
          digest: request.digest,
          sensitive: expect.objectContaining({ comment: 'looks right', reason: 'TICKET-7' }),
        }),
      },
    ]);
    expect(codeOf(await act(request.id, 'deny', token, { reason: 'too late' }))).toBe('approval.decided');
    world.journalBroken = true;
    const other = await held().catch(() => null);
    world.journalBroken = false;
    expect(other).toBeNull();
  });

  it('are not approved when the step cannot be written', async () => {
    const request = await held();
    world.journalBroken = true;
    expect(codeOf(await act(request.id, 'approve', await bob(), { digest: request.digest }))).toBe('recording.failed');
    world.journalBroken = false;
    expect((await world.desk.find(request.id)).state).toBe('pending');
  });

  it('are decided by nobody who may not: requester, second identity, agent, service, admin, locked', async () => {
    const request = await held();
    const body = { digest: request.digest };
    const tokens = [
      await world.token('alice', ['dba']),
      await world.token('alice-admin', ['dba'], { email: 'alice@bank.test', email_verified: true }),
      await world.token('bot', ['dba'], { kind: 'agent' }),
      await world.token('ci', ['dba'], { kind: 'service' }),
      await world.token('root', ['admins']),
    ];
    for (const token of tokens) {
      world.audit.length = 0;
      expect((await act(request.id, 'approve', token, body)).status).toBeGreaterThanOrEqual(403);
      // The record never ends with an approval that was none.
      expect(world.audit.at(-1)).toMatchObject({
        kind: 'api.denied',
        data: { route: 'POST /api/v1/requests/:id/approve', code: expect.stringMatching(/^approval\./) },
      });
    }
    // Of a request that the caller may see, it says which.
    await act(request.id, 'approve', await world.token('alice', ['dba']), body);
    expect(world.audit.at(-1)).toMatchObject({ kind: 'api.denied', data: { approval: request.id, code: 'approval.not_yours' } });
    for (const token of tokens) expect((await act(request.id, 'deny', token, { reason: 'x' })).status).toBeGreaterThanOrEqual(403);
    expect((await world.desk.find(request.id)).state).toBe('pending');
    expect((await act(request.id, 'deny', await bob(), { reason: 'not today' })).json).toMatchObject({
      state: 'denied',
      ended: { by: 'bob', why: 'not today' },
    });
    expect(codeOf(await act(request.id, 'deny', await bob(), {}))).toBe('usage.invalid');
  });

  it('are taken back by their requester only', async () => {
    const request = await held();
    expect(codeOf(await act(request.id, 'cancel', await bob(), {}))).toBe('approval.not_yours');
    expect((await act(request.id, 'cancel', await world.token('alice'), { reason: 'wrong table' })).json).toMatchObject({
      state: 'cancelled',
      ended: { by: 'alice', why: 'wrong table' },
    });
  });
});

describe('asking ahead of time', () => {
  const ask = async (body: object, name = 'nora'): Promise<Reply> => world.ask('/api/v1/requests', { token: await world.token(name), body });

  it('for access: approved, it is a grant until its minute; revoked, it is none', async () => {
    const reply = await ask({ target: 'bank-db', for: 1_800, reason: 'month end', ticket: 'T-1' });
    expect(reply.json).toMatchObject({ kind: 'access', state: 'pending', grantSeconds: 1_800, operation: null, ticket: 'T-1' });
    expect(kinds()).toEqual(['approval.request']);
    const { id, digest } = reply.json as unknown as ApprovalInfo;
    await act(id, 'approve', await bob(), { digest });
    const grants = async (token: string, query = ''): Promise<string[]> =>
      ((await world.ask(`/api/v1/grants${query}`, { token })).json as unknown as ApprovalList).requests.map((grant) => grant.id);
    expect(await grants(await world.token('nora'))).toEqual([id]);
    expect(await grants(await bob())).toEqual([]);
    expect(await grants(await world.token('root', ['admins']), '?for=all')).toEqual([id]);
    expect(codeOf(await world.ask(`/api/v1/grants/${id}/revoke`, { token: await world.token('eve'), body: { reason: 'x' } }))).toBe('approval.unknown');
    expect((await world.ask(`/api/v1/grants/${id}/revoke`, { token: await bob(), body: { reason: 'enough' } })).json).toMatchObject({ state: 'revoked' });
    expect(await grants(await world.token('nora'))).toEqual([]);
    expect(kinds()).toContain('grant.revoke');
  });

  it('for a statement: it is bound to its exact text and the target’s database, for one time or for a time', async () => {
    const statement = 'delete from ledger.entries where id = 7';
    const once = await ask({ target: 'bank-db', statement, reason: 'clean up' });
    expect(once.json).toMatchObject({
      kind: 'operation',
      grantSeconds: null,
      scope: 'bank',
      operation: { text: statement, resources: ['delete relation ledger.entries', 'select relation ledger.entries'] },
    });
    const often = await ask({ target: 'bank-db', statement, for: 600, reason: 'clean up' });
    expect(often.json).toMatchObject({ kind: 'access', grantSeconds: 600 });
    expect(often.json['digest']).not.toBe(once.json['digest']);
  });

  it.each([
    ['a target that is not there', { target: 'nowhere', for: 600, reason: 'x' }, 'target.unknown'],
    ['a target that policy denies', { target: 'vault', for: 600, reason: 'x' }, 'policy.connect_denied'],
    ['longer than policy offers', { target: 'bank-db', for: 7_200, reason: 'x' }, 'approval.not_offered'],
    ['nothing in particular', { target: 'bank-db', reason: 'x' }, 'usage.invalid'],
    ['no reason', { target: 'bank-db', for: 600, reason: ' ' }, 'usage.invalid'],
    ['a statement that policy denies', { target: 'bank-db', statement: 'select 1', reason: 'x' }, 'policy.operation_denied'],
    ['what is no field', { target: 'bank-db', for: 600, reason: 'x', groups: ['engineers'] }, 'usage.invalid'],
  ])('is refused for %s', async (_, body, code) => {
    expect(codeOf(await ask(body))).toBe(code);
  });
});
