/** What every audit event about a request for approval says, whoever writes it. */
import type { ApprovalRecord } from './approval.js';
import type { Assurance } from './operation.js';

/** The same fields for every event, so that a register of requests can be made out of them. */
export interface ApprovalAuditData {
  readonly approval: string;
  readonly approvalKind: string;
  readonly target: string;
  readonly requesterIssuer: string;
  readonly requesterSubject: string;
  readonly requesterName: string;
  readonly session: string | null;
  readonly digest: string;
  readonly policy: string;
  readonly rule: string | null;
  readonly reason: string | null;
  readonly ticket: string | null;
  /** What a decision on the operation is worth; left out where it is about no operation, and of requests of before. */
  readonly assurance?: Assurance;
}

export function approvalAuditData(record: ApprovalRecord, reason: string | null = record.reason): ApprovalAuditData {
  const { id, kind, target, requester, session, digest, policy, rule, ticket, operation } = record;
  return {
    approval: id,
    approvalKind: kind,
    target,
    requesterIssuer: requester.issuer,
    requesterSubject: requester.subject,
    requesterName: requester.name,
    session,
    digest,
    policy,
    rule,
    reason,
    ticket,
    ...(operation?.assurance === undefined ? {} : { assurance: operation.assurance }),
  };
}
