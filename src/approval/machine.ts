/**
 * The life of a request: `pending → approved | denied | expired | cancelled`, then `approved → used | revoked | expired`. Every change
 * goes through here; the store only swaps the whole record when nobody was faster. Pure: record and command in, record or refusal out.
 *
 * What must hold, and is held by property tests: nobody decides on what they asked for; only people decide; `approved` means that every
 * entry of the demand has its number of distinct people; nothing is approved or used at or after its expiry; a single-use approval is
 * used once; an end is an end.
 */
import { utcMinute } from '../base/utc-minute.js';
import type { ApprovalRecord, Party, Review, Vote } from '../contract/approval.js';
import { GwError } from '../contract/gw-error.js';
import { countPeople, isRequester, satisfies } from './people.js';

export type Step = { readonly ok: true; readonly record: ApprovalRecord } | { readonly ok: false; readonly error: GwError };

export interface Decider {
  readonly by: Party;
  readonly groups: readonly string[];
  readonly at: number;
  readonly reason: string | null;
}

export interface Approve extends Decider {
  /** Digest of what the approver was shown. */
  readonly digest: string;
  /** Policy in force. */
  readonly policy: string;
  /** The target's name as the approver typed it. */
  readonly confirm: string | null;
}

export interface Use {
  readonly digest: string;
  readonly policy: string;
  readonly session: string;
  readonly sequence: number;
  readonly at: number;
}

const refused = (code: GwError['code'], message: string, hint?: string): Step => ({
  ok: false,
  error: new GwError(code, message, hint === undefined ? {} : { hint }),
});

/** The next version; `change` never touches what the binding covers. */
function changed(
  record: ApprovalRecord,
  change: Partial<Pick<ApprovalRecord, 'state' | 'votes' | 'activeUntil' | 'ended' | 'used' | 'review' | 'waiter' | 'session'>>,
): Step {
  return { ok: true, record: { ...record, ...change, version: record.version + 1 } };
}

/** A grant lives for a time, everything else is used once. */
export function isGrant(record: Pick<ApprovalRecord, 'grantMs'>): boolean {
  return record.grantMs !== null;
}

/** Of break-glass access: another person looked at it and accepted it. */
export function isAccepted({ review }: Pick<ApprovalRecord, 'review'>): boolean {
  return review?.accepted === true;
}

/** The moment from which it is worth nothing. */
export function endOf(record: ApprovalRecord): number {
  return record.activeUntil ?? record.expiresAt;
}

export function isOver(record: ApprovalRecord, now: number): boolean {
  return (record.state === 'pending' || record.state === 'approved') && now >= endOf(record);
}

/** What may be said of every decision, yes or no. Null: nothing is against it. */
function objection(record: ApprovalRecord, decider: Decider): Step | null {
  const { by, groups, at } = decider;
  if (by.kind !== 'person')
    return refused('approval.not_yours', `Only people decide on requests; ${by.name} is ${by.kind === 'agent' ? 'an agent' : 'a service'}.`);
  if (isRequester(record, by)) {
    return refused(
      'approval.not_yours',
      'Nobody decides on what they asked for themselves, nor through a second identity or an agent of theirs.',
      `Ask somebody else, or take it back with \`gw request cancel ${record.id}\`.`,
    );
  }
  if (!groups.some((group) => record.demand.groups.includes(group))) {
    return refused('approval.not_yours', `This request asks ${record.demand.groups.join(', ')}; ${by.name} is in none of them.`);
  }
  if (record.state !== 'pending') return refused('approval.decided', `The request is ${record.state} already.`);
  if (at >= record.expiresAt) return refused('approval.expired', 'The request has expired.');
  return null;
}

export function approve(record: ApprovalRecord, command: Approve): Step {
  const against = objection(record, command);
  if (against !== null) return against;
  if (command.digest !== record.digest) return refused('approval.stale', 'What was shown is not what this request asks for.');
  if (command.policy !== record.policy)
    return refused('approval.stale', 'The policy changed since this was asked.', 'It has to be asked again under the new policy.');
  if (record.demand.confirmTarget && command.confirm !== record.target) {
    return refused('approval.confirm', `To approve this, give the name of its target exactly: ${record.target}.`);
  }
  const voters = record.votes.map(({ by }) => by);
  if (countPeople([...voters, command.by]) === countPeople(voters))
    return refused('approval.decided', 'You have approved this already; it needs other people.');
  const vote: Vote = { by: command.by, groups: command.groups, at: command.at, reason: command.reason };
  const next = { ...record, votes: [...record.votes, vote] };
  if (!satisfies(next, record.demand.approvers)) return changed(record, { votes: next.votes });
  return changed(record, { votes: next.votes, state: 'approved', activeUntil: record.grantMs === null ? null : command.at + record.grantMs });
}

export function deny(record: ApprovalRecord, command: Decider): Step {
  const against = objection(record, command);
  if (against !== null) return against;
  return changed(record, { state: 'denied', ended: { by: command.by, at: command.at, why: command.reason ?? '' }, waiter: null });
}

/** Taken back before it was decided. `by` null: the gateway, for a client that left or a policy that changed. */
export function cancel(record: ApprovalRecord, command: { readonly by: Party | null; readonly at: number; readonly why: string }): Step {
  if (record.state !== 'pending') return refused('approval.decided', `The request is ${record.state} already.`);
  return changed(record, { state: 'cancelled', ended: { by: command.by, at: command.at, why: command.why }, waiter: null });
}

export function expire(record: ApprovalRecord, at: number): Step {
  if (!isOver(record, at)) return refused('approval.decided', 'Its time is not over, or it has ended.');
  return changed(record, {
    state: 'expired',
    ended: { by: null, at, why: record.state === 'pending' ? 'nobody decided in time' : 'its time was over' },
    waiter: null,
  });
}

/** The approval is spent, for exactly what it was given for. */
export function use(record: ApprovalRecord, command: Use): Step {
  const { digest, policy, session, sequence, at } = command;
  if (isGrant(record)) return refused('approval.decided', 'A grant is not used up by one operation.');
  if (record.state !== 'approved') return refused('approval.decided', `The request is ${record.state}.`);
  if (at >= record.expiresAt) return refused('approval.expired', 'The approval has expired.');
  if (digest !== record.digest) return refused('approval.stale', 'What would be carried out is not what was approved.');
  if (policy !== record.policy) return refused('approval.stale', 'The policy changed since this was asked.');
  return changed(record, { state: 'used', used: { session, sequence, at }, waiter: null });
}

/** An approval that is not used yet, or a grant that lives, is taken back. */
export function revoke(record: ApprovalRecord, command: { readonly by: Party | null; readonly at: number; readonly why: string }): Step {
  if (record.state !== 'approved') return refused('approval.decided', `The request is ${record.state}.`);
  return changed(record, { state: 'revoked', ended: { by: command.by, at: command.at, why: command.why }, waiter: null });
}

/**
 * Somebody else looked at what was done through a broken glass. Accepted is only what is over, or what came afterwards would be reviewed by nobody.
 * Not accepted: what of the grant is left ends at once. That can be taken back by accepting it after all, and nothing else can be changed about a
 * review.
 */
export function review(record: ApprovalRecord, command: Decider & { readonly accepted: boolean }): Step {
  const { by, groups, at, accepted, reason } = command;
  if (record.kind !== 'break_glass') return refused('approval.decided', 'Only break-glass access is reviewed afterwards.');
  const against = objection({ ...record, state: 'pending', expiresAt: Number.POSITIVE_INFINITY }, { by, groups, at, reason });
  if (against !== null) return against;
  if (record.review !== null && (record.review.accepted || !accepted))
    return refused('approval.decided', `${record.review.by.name} has reviewed this already.`);
  if (accepted && record.state === 'approved' && at < endOf(record)) {
    return refused(
      'approval.decided',
      `It is not over yet: it can be used until ${utcMinute(endOf(record))}, and that has to be reviewed as well.`,
      `Accept it then, or end it now: \`gw grants revoke ${record.id}\`.`,
    );
  }
  const outcome: Review = { by, at, accepted, reason };
  if (accepted || record.state !== 'approved') return changed(record, { review: outcome });
  return changed(record, { review: outcome, state: 'revoked', ended: { by, at, why: reason ?? 'not accepted by its reviewer' } });
}

/** A session waits for it, or no longer does. `session`: the one that asks now, where it is another one. */
export function attach(record: ApprovalRecord, waiter: string | null, session: string | null = record.session): Step {
  if (record.state !== 'pending' && (record.state !== 'approved' || waiter !== null))
    return refused('approval.decided', `The request is ${record.state} already.`);
  return changed(record, { waiter, session });
}
