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
  /** How who did it was authenticated. */
  readonly amr: string | null;
  readonly acr: string | null;
  readonly comment: string | null;
  /** A step is written before it is taken: the code of the error with which this one was not taken in the end; null: it was. */
  readonly refused: string | null;
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
  const denied = deniedCalls(events);
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
      amr: text('actorAmr'),
      acr: text('actorAcr'),
      refused: denied.get(callOf(log, text('request'))) ?? null,
      comment: text('comment') ?? (typeof accepted === 'boolean' ? (accepted ? 'accepted' : 'not accepted') : null),
      session,
      digest: text('digest'),
      log,
      index: leaf.n,
    });
  }
  return [...found.values()];
}

/** Calls that were not carried out, by the request that both entries name. */
function deniedCalls(events: readonly LoggedEvent[]): ReadonlyMap<string, string> {
  const denied = new Map<string, string>();
  for (const { leaf, fields, log } of events) {
    const { request, code } = fields;
    if (leaf.kind === 'api.denied' && typeof request === 'string' && typeof code === 'string') denied.set(callOf(log, request), code);
  }
  return denied;
}

const callOf = (log: string, request: string | null): string => `${log} ${request ?? ''}`;

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
  const taken = steps.filter(isTaken);
  return taken.length === 0 ? 'refused' : taken.reduce((state, { kind }) => DECIDED[kind] ?? state, 'pending');
}

/** Steps of these kinds that were taken. */
export const stepsOf = ({ steps }: RegisteredApproval, ...kinds: readonly string[]): readonly ApprovalStep[] =>
  steps.filter((step) => kinds.includes(step.kind) && isTaken(step));

const isTaken = ({ refused }: ApprovalStep): boolean => refused === null;

/** Milliseconds from the question to the first decision of a person; null: nobody decided. */
export function latencyOf(approval: RegisteredApproval): number | null {
  const asked = approval.steps[0];
  const [decided] = stepsOf(approval, 'approval.approve', 'approval.deny');
  return asked === undefined || decided === undefined || asked === decided ? null : decided.time - asked.time;
}
