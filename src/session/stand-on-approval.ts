/**
 * What an approval is worth at the moment it is used, for an operation and for a connection alike: the policy in force now has the last word,
 * and must still ask the same people under the same digest. Break-glass access stands without that, as long as policy still lets the glass be broken:
 * its review looks at the rest. Pure.
 */
import type { ApprovalRecord } from '../contract/approval.js';
import { type Decision, isSameDemand } from '../contract/decision.js';
import { votersOf } from './hold-notices.js';

/**
 * Whether policy as it is now still lets this glass be broken, and for so long. Where it asks nobody any more, nothing is broken.
 * @param at milliseconds since the epoch
 */
export function isGlassOffered(
  { createdAt }: Pick<ApprovalRecord, 'createdAt'>,
  { effect, approval }: Pick<Decision, 'effect' | 'approval'>,
  at: number,
): boolean {
  if (effect !== 'require_approval') return true;
  const longest = approval?.breakGlassMs ?? null;
  return longest !== null && at < createdAt + longest;
}

/**
 * @param asked the decision that people were asked about
 * @param now what policy says now; not a denial
 * @param at milliseconds since the epoch
 * @returns the decision that lets it go on; null: the policy changed since
 */
export function standOnApproval(asked: Decision, record: ApprovalRecord, now: Decision, at: number): Decision | null {
  const broken = record.kind === 'break_glass';
  // The same policy may ask other people at another hour.
  const others = now.approval !== null && !isSameDemand(now.approval.approvers, asked.approval?.approvers ?? null);
  if (broken && !isGlassOffered(record, now, at)) return null;
  if (!broken && (others || now.policy !== asked.policy || record.policy !== now.policy)) return null;
  const by = broken ? 'break-glass access, without approval' : `approved by ${votersOf(record)}`;
  return { ...now, effect: 'allow', reasons: [`${by} (${record.id})`, ...now.reasons] };
}
