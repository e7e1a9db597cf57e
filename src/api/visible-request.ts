/**
 * Which requests a caller may know of, and how they are shown: one's own, those that ask a group of one's own, those that one decided on, and
 * for admins and auditors all. What is stated in them is for the first three and for auditors. What is invisible does not exist.
 * Groups count as of the issuer where people log in: what another issuer calls by the same name is something else.
 */
import { createHash } from 'node:crypto';
import type { Reviewer } from '../approval/index.js';
import { isId } from '../base/id.js';
import type { ApprovalInfo, ApprovalList } from '../contract/api-types.js';
import type { ApprovalRecord } from '../contract/approval.js';
import { GwError } from '../contract/gw-error.js';
import type { ApiServices } from './api-services.js';
import type { Caller } from './caller.js';

const REQUEST_ID = 'apr';
/** Characters of a statement in a list. */
const LIST_TEXT = 300;

export function reviewerOf({ identity }: Caller, services: ApiServices): Reviewer {
  const believed = identity.kind === 'person' && identity.issuer === services.settings().login?.issuer;
  return { identity, groups: believed ? identity.groups : [] };
}

function isMine({ identity }: Caller, { requester }: ApprovalRecord): boolean {
  return requester.issuer === identity.issuer && requester.subject === identity.subject;
}

function isConcerned(caller: Caller, record: ApprovalRecord, services: ApiServices): boolean {
  const { identity } = caller;
  const { groups } = reviewerOf(caller, services);
  return (
    isMine(caller, record) ||
    groups.some((group) => record.demand.groups.includes(group)) ||
    record.votes.some(({ by }) => by.issuer === identity.issuer && by.subject === identity.subject)
  );
}

/** @throws GwError `approval.unknown` */
export async function visibleRequest(id: string, caller: Caller, services: ApiServices): Promise<ApprovalRecord> {
  const unknown = (): GwError => new GwError('approval.unknown', 'There is no such request, or it is not visible to this identity.');
  if (!isId(REQUEST_ID, id)) throw unknown();
  const record = await services.approvals.find(id);
  if (!isConcerned(caller, record, services) && caller.roles.length === 0) throw unknown();
  return record;
}

const time = (at: number): string => new Date(at).toISOString();

export function showRequest(record: ApprovalRecord, caller: Caller, services: ApiServices, whole = true): ApprovalInfo {
  const { demand, operation, ended, used, review, onBehalfOf } = record;
  const hidden = operation !== null && !isConcerned(caller, record, services) && !caller.roles.includes('auditor');
  return {
    id: record.id,
    kind: record.kind,
    state: record.state,
    requester: record.requester,
    onBehalfOf: onBehalfOf?.subject ?? null,
    target: record.target,
    protocol: record.protocol,
    ...(record.account === undefined ? {} : { account: record.account }),
    scope: record.scope,
    digest: record.digest,
    policy: record.policy,
    rule: record.rule,
    reasons: record.reasons,
    groups: demand.groups,
    tier: demand.tier,
    confirmTarget: demand.confirmTarget,
    missing: services.approvals.missing(record).map(({ rule, groups, missing }) => ({ rule, groups, people: missing })),
    operation: operation === null || hidden ? null : showOperation(operation, whole),
    hidden,
    estimate: hidden ? null : record.estimate,
    reason: record.reason,
    ticket: record.ticket,
    session: record.session,
    waiting: record.waiter !== null,
    createdAt: time(record.createdAt),
    expiresAt: time(record.expiresAt),
    grantSeconds: record.grantMs === null ? null : Math.round(record.grantMs / 1000),
    activeUntil: record.activeUntil === null ? null : time(record.activeUntil),
    votes: record.votes.map(({ by, at, reason }) => ({ by: by.name, at: time(at), reason })),
    ended: ended === null ? null : { by: ended.by?.name ?? null, at: time(ended.at), why: ended.why },
    used: used === null ? null : { ...used, at: time(used.at) },
    review: review === null ? null : { by: review.by.name, at: time(review.at), accepted: review.accepted, reason: review.reason },
    mine: isMine(caller, record),
    decidable: services.approvals.decidable(record, reviewerOf(caller, services)),
  };
}

function showOperation({ exact, ...shown }: NonNullable<ApprovalRecord['operation']>, whole: boolean): NonNullable<ApprovalInfo['operation']> {
  const text = exact === null ? (shown.redacted ?? '') : Buffer.from(exact, 'base64').toString('utf8');
  const cut = !whole && text.length > LIST_TEXT;
  return { ...shown, parameters: whole ? shown.parameters : null, text: cut ? text.slice(0, LIST_TEXT) : text, cut };
}

export function showList(records: readonly ApprovalRecord[], limit: number, caller: Caller, services: ApiServices): ApprovalList {
  return {
    requests: records.map((record) => showRequest(record, caller, services, false)),
    next: records.length === limit ? (records.at(-1)?.id ?? null) : null,
    state: createHash('sha256')
      .update(records.map(({ id, version }) => `${id} ${version}`).join('\n'))
      .digest('base64url')
      .slice(0, 22),
  };
}
