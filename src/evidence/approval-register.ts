/**
 * Requests for approval as the events about them tell: who asked for what and why, who decided, when it was used, and for which operation. The
 * register of E05 and E15, and of the record of a session. Pure; events are untrusted.
 */
import type { LoggedEvent } from './events.js';

export interface ApprovalStep {
  readonly time: number;
  readonly kind: string;
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly name: string | null;
  readonly comment: string | null;
  readonly session: string | null;
  readonly digest: string | null;
  readonly log: string;
  readonly index: number;
}

export interface RegisteredApproval {
  readonly approval: string;
  readonly kind: string;
  readonly target: string | null;
  readonly requesterIssuer: string | null;
  readonly requesterSubject: string | null;
  readonly requesterName: string | null;
  readonly policy: string | null;
  readonly rule: string | null;
  reason: string | null;
  ticket: string | null;
  grantSeconds: number | null;
  /** Those of sessions that asked for it or used it. */
  readonly sessions: string[];
  readonly steps: ApprovalStep[];
}

const OF_APPROVAL = /^(approval|grant)\./;
const ASKS = new Set(['approval.request', 'approval.hold', 'approval.break_glass']);

export function registerApprovals(events: readonly LoggedEvent[]): RegisteredApproval[] {
  const found = new Map<string, RegisteredApproval>();
  for (const { leaf, fields, time, log } of events) {
    const id = fields['approval'];
    if (!OF_APPROVAL.test(leaf.kind) || typeof id !== 'string') continue;
    const text = (name: string): string | null => (typeof fields[name] === 'string' ? fields[name] : null);
    let entry = found.get(id);
    if (entry === undefined) {
      entry = {
        approval: id,
        kind: text('approvalKind') ?? '',
        target: text('target'),
        requesterIssuer: text('requesterIssuer'),
        requesterSubject: text('requesterSubject'),
        requesterName: text('requesterName'),
        policy: text('policy'),
        rule: text('rule'),
        reason: null,
        ticket: null,
        grantSeconds: null,
        sessions: [],
        steps: [],
      };
      found.set(id, entry);
    }
    if (ASKS.has(leaf.kind)) entry.reason ??= text('reason');
    entry.ticket ??= text('ticket');
    if (typeof fields['grantSeconds'] === 'number') entry.grantSeconds ??= fields['grantSeconds'];
    const session = text('session');
    if (session !== null && !entry.sessions.includes(session)) entry.sessions.push(session);
    const accepted = fields['accepted'];
    entry.steps.push({
      time,
      kind: leaf.kind,
      issuer: text('actorIssuer'),
      subject: text('actorSubject'),
      name: text('actorName'),
      comment: text('comment') ?? (typeof accepted === 'boolean' ? (accepted ? 'accepted' : 'not accepted') : null),
      session,
      digest: text('digest'),
      log,
      index: leaf.n,
    });
  }
  return [...found.values()];
}

const DECIDED: Readonly<Record<string, string>> = {
  'approval.approve': 'approved',
  'approval.deny': 'denied',
  'approval.cancel': 'cancelled',
  'approval.expire': 'expired',
  'approval.use': 'used',
  'approval.break_glass': 'used',
  'grant.use': 'used',
  'grant.revoke': 'revoked',
};

/** Where it stood at the end of the period. */
export function stateOf({ steps }: RegisteredApproval): string {
  return steps.reduce((state, { kind }) => DECIDED[kind] ?? state, 'pending');
}

export const stepsOf = ({ steps }: RegisteredApproval, ...kinds: readonly string[]): readonly ApprovalStep[] =>
  steps.filter(({ kind }) => kinds.includes(kind));

/** Milliseconds from the question to the first decision of a person; null: nobody decided. */
export function latencyOf({ steps }: RegisteredApproval): number | null {
  const asked = steps[0];
  const decided = steps.find(({ kind }) => kind === 'approval.approve' || kind === 'approval.deny');
  return asked === undefined || decided === undefined || asked === decided ? null : decided.time - asked.time;
}
