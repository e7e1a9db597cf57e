/** The state machine: each refusal by name, and what must hold for any sequence of commands. */

import { describe, expect, it } from 'vitest';
import { approve, attach, cancel, deny, endOf, expire, isOver, review, revoke, type Step, use } from '../../src/approval/machine.js';
import { countPeople, isRequester, satisfies } from '../../src/approval/people.js';
import type { ApprovalRecord, Party } from '../../src/contract/approval.js';
import { fc } from '../support/fast-check.js';
import { demand, identity, NOW, POLICY, record } from './fixture.js';

const party = (name: string, change: Partial<Party> = {}): Party => {
  const { issuer, subject, kind, email } = identity(name);
  return { issuer, subject, kind, name, email, ...change };
};

const yes = (request: ApprovalRecord, by: Party, change: object = {}) =>
  approve(request, { by, groups: ['dba'], at: NOW + 1, reason: null, digest: request.digest, policy: POLICY, confirm: null, ...change });

function done(step: Step): ApprovalRecord {
  if (!step.ok) throw step.error;
  return step.record;
}
const code = (step: Step): string => (step.ok ? 'ok' : step.error.code);

describe('approving', () => {
  it('takes the number of people that is asked for, and then it is approved', () => {
    const request = record({ demand: demand({ quorum: 2, approvers: [{ rule: 'r', groups: ['dba'], quorum: 2 }] }) });
    const once = done(yes(request, party('bob')));
    expect(once).toMatchObject({ state: 'pending', version: 2, votes: [{ by: { name: 'bob' } }] });
    expect(done(yes(once, party('carol')))).toMatchObject({ state: 'approved', version: 3, activeUntil: null });
  });

  it('needs every rule that asks to be met, one person counting in several', () => {
    const request = record({
      demand: demand({
        groups: ['dba', 'risk'],
        approvers: [
          { rule: 'a', groups: ['dba'], quorum: 1 },
          { rule: 'b', groups: ['risk'], quorum: 1 },
        ],
      }),
    });
    expect(done(yes(request, party('bob'))).state).toBe('pending');
    expect(done(yes(request, party('bob'), { groups: ['dba', 'risk'] })).state).toBe('approved');
  });

  it('is never by the requester, not by a second login with the same address, and not by whom an agent acts for', () => {
    const request = record();
    expect(code(yes(request, party('alice')))).toBe('approval.not_yours');
    expect(code(yes(request, party('alice2', { email: 'Alice@Bank.Test ' })))).toBe('approval.not_yours');
    expect(code(yes(request, party('alice3', { issuer: 'https://other.test', email: 'alice@bank.test' })))).toBe('approval.not_yours');
    const agents = record({ onBehalfOf: { issuer: 'https://login.test', subject: 'sub-carol', email: 'carol@bank.test' } });
    expect(code(yes(agents, party('carol')))).toBe('approval.not_yours');
    expect(code(yes(agents, party('c2', { email: 'carol@bank.test' })))).toBe('approval.not_yours');
    expect(code(yes(agents, party('bob')))).toBe('ok');
  });

  it('is never by an agent or a service', () => {
    expect(code(yes(record(), party('bot', { kind: 'agent' })))).toBe('approval.not_yours');
    expect(code(yes(record(), party('ci', { kind: 'service' })))).toBe('approval.not_yours');
  });

  it('counts two logins of one person once', () => {
    const request = record({ demand: demand({ quorum: 2, approvers: [{ rule: 'r', groups: ['dba'], quorum: 2 }] }) });
    const once = done(yes(request, party('bob')));
    expect(code(yes(once, party('bob')))).toBe('approval.decided');
    expect(code(yes(once, party('robert', { email: 'BOB@bank.test' })))).toBe('approval.decided');
  });

  it.each([
    ['from outside the groups', { groups: ['engineers'] }, 'approval.not_yours'],
    ['after the end', { at: NOW + 600_000 }, 'approval.expired'],
    ['of something else', { digest: 'sha256:other' }, 'approval.stale'],
    ['under another policy', { policy: 'sha256:policy-2' }, 'approval.stale'],
  ])('is refused %s', (_, change, expected) => {
    expect(code(yes(record(), party('bob'), change))).toBe(expected);
  });

  it('of the highest tier takes the name of the target', () => {
    const request = record({ demand: demand({ confirmTarget: true }) });
    expect(code(yes(request, party('bob')))).toBe('approval.confirm');
    expect(code(yes(request, party('bob'), { confirm: 'bank-d' }))).toBe('approval.confirm');
    expect(code(yes(request, party('bob'), { confirm: 'bank-db' }))).toBe('ok');
  });

  it('a demand that names nobody is met by nobody', () => {
    expect(satisfies(done(yes(record(), party('bob'))), [])).toBe(false);
  });
});

describe('afterwards', () => {
  const approved = (): ApprovalRecord => done(yes(record(), party('bob')));
  const spend = (request: ApprovalRecord, change: object = {}) =>
    use(request, { digest: request.digest, policy: POLICY, session: 'ses_1', sequence: 1, at: NOW + 2, ...change });

  it('is used once, for what was approved, in time, under the same policy', () => {
    const used = done(spend(approved()));
    expect(used).toMatchObject({ state: 'used', used: { session: 'ses_1', sequence: 1 } });
    expect(code(spend(used))).toBe('approval.decided');
    expect(code(spend(approved(), { digest: 'sha256:other' }))).toBe('approval.stale');
    expect(code(spend(approved(), { policy: 'sha256:policy-2' }))).toBe('approval.stale');
    expect(code(spend(approved(), { at: NOW + 600_000 }))).toBe('approval.expired');
    expect(code(spend(record()))).toBe('approval.decided');
  });

  it('a grant lives from its approval on for its time, and is not used up', () => {
    const grant = done(yes(record({ kind: 'access', grantMs: 3_600_000 }), party('bob')));
    expect(grant.activeUntil).toBe(NOW + 1 + 3_600_000);
    expect(code(spend(grant))).toBe('approval.decided');
    expect(isOver(grant, endOf(grant) - 1)).toBe(false);
    expect(done(expire(grant, endOf(grant)))).toMatchObject({ state: 'expired' });
    expect(done(revoke(grant, { by: party('bob'), at: NOW + 5, why: 'enough' }))).toMatchObject({ state: 'revoked', ended: { why: 'enough' } });
  });

  it('what has ended stays as it ended', () => {
    const ends: ApprovalRecord[] = [
      done(deny(record(), { by: party('bob'), groups: ['dba'], at: NOW, reason: 'no' })),
      done(cancel(record(), { by: null, at: NOW, why: 'gone' })),
      done(expire(record(), NOW + 600_000)),
      done(spend(approved())),
      done(revoke(approved(), { by: null, at: NOW, why: 'x' })),
    ];
    for (const end of ends) {
      expect(code(yes(end, party('carol')))).toBe('approval.decided');
      expect(code(deny(end, { by: party('carol'), groups: ['dba'], at: NOW, reason: null }))).toBe('approval.decided');
      expect(code(cancel(end, { by: null, at: NOW, why: '' }))).toBe('approval.decided');
      expect(code(revoke(end, { by: null, at: NOW, why: '' }))).toBe('approval.decided');
      expect(code(expire(end, NOW + 9e9))).toBe('approval.decided');
      expect(code(spend(end))).toBe('approval.decided');
      expect(code(attach(end, 'ses_2'))).toBe('approval.decided');
      expect(code(attach(end, null))).toBe('approval.decided');
    }
  });

  it('break-glass access is reviewed once, by another person of the groups; not accepted, it ends', () => {
    const opened = record({ kind: 'break_glass', state: 'approved', grantMs: 60_000, activeUntil: NOW + 60_000 });
    const look = (by: Party, accepted: boolean, groups = ['dba']) => review(opened, { by, groups, at: NOW + 900_000, reason: 'seen', accepted });
    expect(code(look(party('alice'), true))).toBe('approval.not_yours');
    expect(code(look(party('dave'), true, ['x']))).toBe('approval.not_yours');
    // While it can be used, there is something to come that nobody has seen.
    const early = { by: party('bob'), groups: ['dba'], at: NOW + 59_999, reason: null };
    expect(code(review(opened, { ...early, accepted: true }))).toBe('approval.decided');
    expect(done(review(opened, { ...early, accepted: false }))).toMatchObject({ state: 'revoked' });
    const ended = done(revoke(opened, { by: null, at: NOW, why: 'done' }));
    expect(done(review(ended, { ...early, accepted: true }))).toMatchObject({ state: 'revoked', review: { accepted: true } });
    const accepted = done(look(party('bob'), true));
    expect(accepted).toMatchObject({ state: 'approved', review: { accepted: true, by: { name: 'bob' } } });
    expect(code(review(accepted, { by: party('carol'), groups: ['dba'], at: NOW, reason: null, accepted: false }))).toBe('approval.decided');
    const rejected = done(look(party('bob'), false));
    expect(rejected).toMatchObject({ state: 'revoked', review: { accepted: false } });
    const again = (who: string, yes: boolean) => review(rejected, { by: party(who), groups: ['dba'], at: NOW, reason: null, accepted: yes });
    expect(code(again('carol', false))).toBe('approval.decided');
    expect(code(again('alice', true))).toBe('approval.not_yours');
    expect(done(again('carol', true))).toMatchObject({ state: 'revoked', review: { accepted: true, by: { name: 'carol' } } });
  });
});

describe('people', () => {
  it('are joined over chains of logins and addresses', () => {
    const a = party('a', { email: 'one@x' });
    const b = party('b', { email: 'two@x' });
    const bridge = party('a', { email: 'two@x' });
    expect(countPeople([a, b])).toBe(2);
    expect(countPeople([a, b, bridge])).toBe(1);
    expect(countPeople([party('a', { email: null }), party('b', { email: null })])).toBe(2);
  });
});

const people = ['alice', 'bob', 'carol', 'dave', 'erin'].flatMap((name) => [
  party(name),
  party(`${name}-2`, { email: `${name}@bank.test` }),
  party(`${name}-bot`, { kind: 'agent' }),
]);
const groups = fc.subarray(['dba', 'risk', 'engineers']);
const at = fc.integer({ min: NOW, max: NOW + 700_000 });
const command = fc.oneof(
  fc.record({
    do: fc.constant('approve' as const),
    by: fc.constantFrom(...people),
    groups,
    at,
    digest: fc.constantFrom('right', 'right', 'right', 'wrong'),
    policy: fc.constantFrom(POLICY, POLICY, POLICY, 'other'),
  }),
  fc.record({ do: fc.constant('deny' as const), by: fc.constantFrom(...people), groups, at }),
  fc.record({ do: fc.constantFrom('cancel' as const, 'revoke' as const, 'expire' as const), at }),
  fc.record({ do: fc.constant('use' as const), at, digest: fc.constantFrom('right', 'right', 'wrong') }),
);

describe('any sequence of commands', () => {
  it('keeps what must hold', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 25 }), fc.integer({ min: 1, max: 3 }), fc.boolean(), (commands, quorum, grant) => {
        const approvers = [
          { rule: 'a', groups: ['dba', 'risk'], quorum },
          { rule: 'b', groups: ['risk'], quorum: 1 },
        ];
        let now = record({ demand: demand({ approvers, groups: ['dba', 'risk'], quorum }), ...(grant ? { grantMs: 1_000, kind: 'access' as const } : {}) });
        let uses = 0;
        for (const each of commands) {
          const before = now;
          const digest = 'digest' in each && each.digest === 'wrong' ? 'sha256:wrong' : now.digest;
          let step: Step;
          if (each.do === 'approve') step = approve(now, { ...each, digest, reason: null, confirm: null });
          else if (each.do === 'deny') step = deny(now, { ...each, reason: null });
          else if (each.do === 'use') step = use(now, { digest, policy: POLICY, session: 's', sequence: 1, at: each.at });
          else if (each.do === 'expire') step = expire(now, each.at);
          else step = each.do === 'cancel' ? cancel(now, { by: null, at: each.at, why: '' }) : revoke(now, { by: null, at: each.at, why: '' });
          if (!step.ok) continue;
          now = step.record;
          expect(now.version).toBe(before.version + 1);
          expect(now.digest).toBe(before.digest);
          expect([`${before.state} ${now.state}`]).toEqual([
            expect.stringMatching(/^(pending (pending|approved|denied|expired|cancelled)|approved (used|revoked|expired))$/),
          ]);
          if (each.do === 'approve') {
            expect(each.at).toBeLessThan(before.expiresAt);
            expect(digest).toBe(before.digest);
            expect(each.policy).toBe(before.policy);
          }
          if (now.state === 'used') {
            uses++;
            expect(each.at).toBeLessThan(before.expiresAt);
            expect(digest).toBe(before.digest);
          }
          if (before.state === 'pending' && now.state === 'approved') {
            expect(countPeople(now.votes.map(({ by }) => by))).toBe(now.votes.length);
            expect(now.votes.filter((vote) => vote.groups.includes('risk')).length).toBeGreaterThanOrEqual(1);
            expect(now.votes.length).toBeGreaterThanOrEqual(quorum);
          }
          for (const { by } of now.votes) {
            expect(by.kind).toBe('person');
            expect(isRequester(now, by)).toBe(false);
          }
        }
        expect(uses).toBeLessThanOrEqual(1);
      }),
      { numRuns: 2_000 },
    );
  });
});
