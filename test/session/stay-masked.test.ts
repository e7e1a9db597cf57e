/** What an answer of people is worth for columns that a statement would show in clear. */
import { describe, expect, it } from 'vitest';
import type { ApprovalAnswer, ApprovalRecord, ApprovalState } from '../../src/contract/approval.js';
import type { Decision } from '../../src/contract/decision.js';
import { GwError } from '../../src/contract/gw-error.js';
import type { ClearColumn, Unapproved } from '../../src/contract/masking-policy.js';
import { isApproval, isUnapproved, mayStayMasked, stayingMasked } from '../../src/session/stay-masked.js';

const error = new GwError('approval.denied', 'no');
const answer = (kind: ApprovalAnswer['kind'], state: ApprovalState, of: ApprovalRecord['kind'] = 'operation'): ApprovalAnswer =>
  ({ kind, record: { state, kind: of }, error }) as unknown as ApprovalAnswer;
const clear = (rule: string, unapproved: Unapproved): ClearColumn => ({
  column: ['s', 't', 'c'],
  class: 'ssn',
  terms: { rules: [rule], groups: ['x'], unapproved },
});
const asked = (...rules: string[]): Decision => ({ approval: { approvers: rules.map((rule) => ({ rule, groups: ['x'], quorum: 1 })) } }) as unknown as Decision;

describe('an answer', () => {
  it('is a yes when an approval was spent or a grant covers it, and not when the glass was broken', () => {
    expect([isApproval(answer('used', 'used')), isApproval(answer('grant', 'approved', 'access'))]).toEqual([true, true]);
    expect([isApproval(answer('grant', 'approved', 'break_glass')), isApproval(answer('waiting', 'pending')), isApproval(answer('refused', 'denied'))]).toEqual(
      [false, false, false],
    );
    expect(isApproval(error)).toBe(false);
  });

  it('leaves values hidden when people said no or did not answer in time, and not when it was taken back or is about something else', () => {
    for (const [kind, state] of [
      ['waiting', 'pending'],
      ['refused', 'denied'],
      ['refused', 'expired'],
    ] as const)
      expect(isUnapproved(answer(kind, state))).toBe(true);
    for (const state of ['cancelled', 'revoked', 'used', 'approved', 'pending'] as const) expect(isUnapproved(answer('refused', state))).toBe(false);
    expect(isUnapproved(answer('used', 'used'))).toBe(false);
  });
});

it('values stay hidden only where every mask says so, and nobody else asks', () => {
  expect(mayStayMasked({ clears: [clear('p/a', 'masked')] }, asked('p/a'))).toBe(true);
  expect(mayStayMasked({ clears: [clear('p/a', 'masked'), clear('p/b', 'refused')] }, asked('p/a', 'p/b'))).toBe(false);
  expect(mayStayMasked({ clears: [clear('p/a', 'masked')] }, asked('p/a', 'p/delete'))).toBe(false);
  expect(mayStayMasked({ clears: [clear('p/a', 'masked')] }, { ...asked(), approval: null })).toBe(false);
  expect(mayStayMasked({}, asked('p/a'))).toBe(false);
  expect(stayingMasked({ ...asked(), reasons: ['allowed'] }, 'no').reasons).toEqual(['what it would show in clear stays hidden: no', 'allowed']);
});
