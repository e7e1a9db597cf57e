/**
 * Whether a time-boxed grant covers what is asked now. Each time the demand of the policy in force is held against the votes that the
 * grant got: a grant never opens more than those who approved it could have approved one by one. Pure.
 */
import type { ApprovalQuestion, ApprovalRecord } from '../contract/approval.js';
import { isSameDemand } from '../contract/decision.js';
import { principalOf } from '../contract/identity.js';
import { bindingDigest } from './binding.js';
import { isGrant } from './machine.js';
import { satisfies } from './people.js';

type Asked = Pick<ApprovalQuestion, 'identity' | 'target' | 'account' | 'scope' | 'demand' | 'policy' | 'operation' | 'breakGlass' | 'session' | 'sequence'>;

/** The digest that a record of this kind has when it asks for exactly this. */
export function questionDigest(asked: Asked, kind: ApprovalRecord['kind'], grantMs: number | null): string {
  const { identity, target, account, scope, policy, operation, session, sequence } = asked;
  return bindingDigest({
    kind,
    requester: identity,
    onBehalfOf: principalOf(identity),
    target: target.name,
    account,
    scope,
    statement: operation?.exact ?? null,
    parameters: operation?.parameters ?? null,
    policy,
    grantMs,
    changed: operation?.changed ?? null,
    clears: operation?.clears ?? [],
    occasion: operation?.contextual === true ? `${session ?? ''} ${sequence}` : null,
  });
}

/** Same login, same kind, acting for the same one. */
function isSameRequester(record: ApprovalRecord, identity: ApprovalQuestion['identity']): boolean {
  const { requester, onBehalfOf } = record;
  const principal = principalOf(identity);
  return (
    requester.issuer === identity.issuer &&
    requester.subject === identity.subject &&
    requester.kind === identity.kind &&
    onBehalfOf?.issuer === principal?.issuer &&
    onBehalfOf?.subject === principal?.subject
  );
}

export function grantCovers(record: ApprovalRecord, asked: Asked, now: number): boolean {
  if (!isGrant(record) || record.state !== 'approved' || record.activeUntil === null || record.grantMs === null) return false;
  if (now >= record.activeUntil || record.target !== asked.target.name || !isSameRequester(record, asked.identity)) return false;
  if (record.scope !== null && record.scope !== asked.scope) return false;
  // Access that names no account and no statement was agreed to by all who would be asked for any.
  const anyAccount = record.kind === 'access' && record.operation === null && record.account === undefined;
  if (!anyAccount && (record.account ?? null) !== asked.account) return false;
  const { grantMs, breakGlassMs, approvers } = asked.demand;
  if (record.kind === 'break_glass') {
    return asked.breakGlass && record.review?.accepted !== false && breakGlassMs !== null && now < record.createdAt + breakGlassMs;
  }
  if (record.policy !== asked.policy || grantMs === null || record.grantMs > grantMs || !satisfies(record, approvers)) return false;
  if (record.operation === null) return true;
  return asked.operation !== null && questionDigest({ ...asked, scope: record.scope }, 'access', record.grantMs) === record.digest;
}

/** Whether this single-use request asks for exactly this. */
export function asksForThis(record: ApprovalRecord, asked: Asked & Pick<ApprovalQuestion, 'kind'>): boolean {
  // The same policy may ask other people at another hour: votes must be enough for what is demanded now, and those who have not voted yet
  // must be asked under that demand, not under one that was easier to meet.
  const enough = record.state === 'approved' ? satisfies(record, asked.demand.approvers) : isSameDemand(record.demand.approvers, asked.demand.approvers);
  return record.kind === asked.kind && enough && isSameRequester(record, asked.identity) && record.digest === questionDigest(asked, asked.kind, null);
}
