/** What a reviewer is shown of an operation, and how a record starts. Pure. A text that holds a secret is never stored, only what stands for it. */
import { newId } from '../base/id.js';
import type { ApprovalQuestion, ApprovalRecord, Party, ShownOperation } from '../contract/approval.js';
import { principalOf } from '../contract/identity.js';
import { assuranceOf, type Effect } from '../contract/operation.js';
import { questionDigest } from './grants.js';

/** The target's own count stands in the place of an estimate. */
const NOT_COMMITTED = 'it has run and is not committed: approved it is committed, otherwise undone';

const RESOURCES_SHOWN = 200;

export function partyOf({ issuer, subject, kind, name, email }: ApprovalQuestion['identity']): Party {
  return { issuer, subject, kind, name, email };
}

function showOperation({ facts, exact, form, parameters, clears, language, assurance }: NonNullable<ApprovalQuestion['operation']>): ShownOperation {
  const resources = [...new Set(facts.effects.flatMap(nameOf))];
  const secret = facts.redacted !== null;
  return {
    exact: secret ? null : Buffer.from(exact).toString('base64'),
    redacted: facts.redacted,
    form,
    // Where the text holds a secret, its parameters may be that secret.
    parameters: secret ? null : parameters,
    summary: facts.summary,
    actions: [...new Set(facts.effects.map(({ action }) => action))],
    resources: resources.length > RESOURCES_SHOWN ? [...resources.slice(0, RESOURCES_SHOWN), `and ${resources.length - RESOURCES_SHOWN} more`] : resources,
    unknown: facts.unknown,
    ...(clears === undefined ? {} : { clears: clears.map(({ terms, ...each }) => ({ ...each, column: each.column.join('.'), rules: terms.rules })) }),
    language,
    assurance: assuranceOf(facts, assurance),
  };
}

function nameOf({ action, resource }: Effect): string[] {
  return resource === null ? [] : [`${action} ${resource.type} ${resource.name.map((part) => part ?? '?').join('.')}`];
}

export interface RecordStart {
  readonly grantMs: number | null;
  readonly waiter: string | null;
  readonly now: number;
  /** E-mail address of the requester and of the principal, when the gateway has seen one. */
  readonly requesterEmail: string | null;
  readonly principalEmail: string | null;
}

export function startRecord(question: ApprovalQuestion, { grantMs, waiter, now, requesterEmail, principalEmail }: RecordStart): ApprovalRecord {
  const { kind, identity, target, account, scope, demand, operation } = question;
  const principal = principalOf(identity);
  return {
    id: newId('apr', now),
    version: 1,
    kind,
    state: 'pending',
    requester: { ...partyOf(identity), email: requesterEmail },
    onBehalfOf: principal === null ? null : { ...principal, email: principalEmail },
    target: target.name,
    protocol: target.protocol,
    ...(account === null ? {} : { account }),
    scope,
    digest: questionDigest(question, kind, grantMs),
    policy: question.policy,
    rule: question.rule,
    reasons: question.reasons,
    demand,
    operation: operation === null ? null : showOperation(operation),
    estimate: operation?.changed === undefined ? null : { rows: null, exactRows: operation.changed.rows, cost: null, note: NOT_COMMITTED },
    reason: question.reason,
    ticket: question.ticket,
    session: question.session,
    waiter,
    createdAt: now,
    expiresAt: now + demand.expiresInMs,
    grantMs,
    activeUntil: null,
    votes: [],
    ended: null,
    used: null,
    review: null,
  };
}
