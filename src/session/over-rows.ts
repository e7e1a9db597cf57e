/**
 * A write that has run, changed more rows than policy lets through, and is not committed: what people are asked about it, and what their
 * yes is worth at the moment of the commit. The policy in force has the last word, as for everything that is held. Pure.
 */
import type { ApprovalRecord, ChangedRows } from '../contract/approval.js';
import { type Decision, isSameDemand, nextStep, whyOf } from '../contract/decision.js';
import { GwError } from '../contract/gw-error.js';

/** The decision that people are asked about; null: policy names nobody who may let so many through, so it is undone. */
export function askOverRows(decision: Decision, { rows, words }: ChangedRows): Decision | null {
  const approval = decision.limits?.overRows ?? null;
  if (approval === null || rows > (decision.limits?.mostRows ?? rows)) return null;
  const rule = approval.approvers[0]?.rule ?? decision.rule;
  return { ...decision, effect: 'require_approval', rule, reasons: [words, 'it has run and is not committed', ...decision.reasons], approval };
}

/**
 * @param ran the decision under which it ran
 * @param asked the decision that people were asked about
 * @param now what policy says of the statement at this moment
 * @returns why it is undone after all; null: it may be committed
 */
export function standOverRows(ran: Decision, asked: Decision, record: ApprovalRecord, now: Decision, changed: ChangedRows): GwError | null {
  if (now.effect === 'deny')
    return new GwError('policy.operation_denied', `Policy refuses it by now: ${whyOf(now)}.`, {
      detail: { request: record.id },
      hint: nextStep(now),
    });
  // Break-glass access stands without the rest: its review looks at it.
  if (record.kind === 'break_glass') return null;
  const held = now.limits?.rows ?? null;
  const same =
    now.policy === asked.policy &&
    record.policy === now.policy &&
    // The same policy may ask other people at another hour, about the statement or about its rows.
    isSameDemand(now.approval?.approvers ?? [], ran.approval?.approvers ?? []) &&
    (held === null || changed.rows <= held || isSameDemand(askOverRows(now, changed)?.approval?.approvers ?? [], asked.approval?.approvers ?? null));
  if (same) return null;
  return new GwError('approval.stale', 'The policy changed since this was asked.', { detail: { request: record.id }, hint: 'Run it again.' });
}

/** The same refusal, which says that what had run is undone. */
export function undone(error: GwError, { words }: ChangedRows): GwError {
  return new GwError(error.code, error.message, { detail: { ...error.detail, undone: words }, hint: error.hint, cause: error.cause });
}
