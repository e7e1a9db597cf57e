/** How a request reads: when it ended, which session it belongs to, and who still has to look at it. */
import { Chalk } from 'chalk';
import { expect, it } from 'vitest';
import { renderRequest, requestColumns } from '../../src/cli/render/request-text.js';
import type { ApprovalInfo } from '../../src/contract/api-types.js';
import { approvalInfo } from '../support/fake-gateway.js';

const NOW = Date.UTC(2026, 2, 1, 11);
const moment = (minutes: number): string => new Date(NOW + minutes * 60_000).toISOString();
const linesOf = (request: ApprovalInfo): string[] => renderRequest(request, NOW, new Chalk({ level: 0 })).split('\n');
const ends = (change: Partial<ApprovalInfo>): string | undefined =>
  requestColumns(NOW)
    .find(({ name }) => name === 'ends')
    ?.show?.(approvalInfo({ expiresAt: moment(15), ...change }));

it('what is over ends when it ended, and not when it would have', () => {
  expect(ends({})).toBe('in 15 min');
  expect(ends({ activeUntil: moment(60) })).toBe('in 60 min');
  expect(ends({ state: 'cancelled', ended: { by: 'alice', at: moment(-5), why: '' } })).toBe('5 min ago');
  expect(ends({ state: 'used', used: { session: 'ses_1', sequence: 1, at: moment(-7) } })).toBe('7 min ago');
  expect(ends({ state: 'revoked', activeUntil: moment(60), ended: { by: 'bob', at: moment(-2), why: '' } })).toBe('2 min ago');
});

it('names the session that asked', () => {
  expect(linesOf(approvalInfo({ session: 'ses_1' }))).toContain('session    ses_1');
  expect(linesOf(approvalInfo({ session: null })).some((line) => line.startsWith('session'))).toBe(false);
});

it('break-glass access says who reviews it, from when on, and how to see what was done, until it was accepted', () => {
  const glass: Partial<ApprovalInfo> = {
    kind: 'break_glass',
    groups: ['dba'],
    session: 'ses_1',
    activeUntil: moment(30),
    grantSeconds: 1_800,
    missing: [],
    waiting: false,
  };
  const review = (change: Partial<ApprovalInfo>) => linesOf(approvalInfo({ ...glass, ...change })).filter((line) => line.startsWith('review '));
  const reviewed = { by: 'bob', at: moment(-1), reason: null };
  expect(review({ state: 'approved' })).toEqual([
    `review     waits for somebody else of dba, from ${moment(30)} on or once it was ended with \`gw grants revoke apr_1\`; \`gw sessions show ses_1\` shows what was done`,
  ]);
  expect(review({ state: 'expired' })).toEqual(['review     waits for somebody else of dba; `gw sessions show ses_1` shows what was done']);
  expect(review({ state: 'revoked', review: { ...reviewed, accepted: false } })[0]).toContain('may still be accepted by somebody else of dba');
  expect(review({ state: 'expired', review: { ...reviewed, accepted: true } })).toEqual([]);
  expect(linesOf(approvalInfo({ ...glass, state: 'expired', review: { ...reviewed, accepted: true } })).join('\n')).not.toContain('waits for');
});
