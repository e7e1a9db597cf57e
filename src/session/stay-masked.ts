/**
 * What an answer of people is worth for hidden columns: a yes opens them. Operations that were asked about for nothing else, and whose policy says
 * that without a yes they run with that hidden, do so in the place of a refusal. Pure.
 */
import type { ApprovalAnswer } from '../contract/approval.js';
import type { Decision } from '../contract/decision.js';
import type { GwError } from '../contract/gw-error.js';
import type { Operation } from '../contract/operation.js';

/** Nobody is asked for anything else, and every mask that asks lets it run without. */
export function mayStayMasked({ clears }: Pick<Operation, 'clears'>, asked: Decision): boolean {
  if (clears === undefined || clears.some(({ terms }) => terms.unapproved === 'refused')) return false;
  return asked.approval?.approvers.every(({ rule }) => clears.some(({ terms }) => terms.rules.includes(rule))) === true;
}

/** People said yes. Whoever breaks the glass asks nobody. */
export function isApproval(answer: ApprovalAnswer | GwError): boolean {
  return 'record' in answer && (answer.kind === 'used' || answer.kind === 'grant') && answer.record.kind !== 'break_glass';
}

/** People said no, or nobody answered in time. Who takes a question back, or whose question is stale, wants no other answer to it. */
export function isUnapproved(answer: ApprovalAnswer): answer is Extract<ApprovalAnswer, { readonly error: GwError }> {
  return answer.kind === 'waiting' || (answer.kind === 'refused' && (answer.record.state === 'denied' || answer.record.state === 'expired'));
}

/** `now`: what policy says of it without what it would show. */
export function stayingMasked(now: Decision, why: string): Decision {
  return { ...now, reasons: [`what it would show in clear stays hidden: ${why}`, ...now.reasons] };
}
