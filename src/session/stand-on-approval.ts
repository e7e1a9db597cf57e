/**
 * What an approval is worth at the moment it is used, for an operation and for a connection alike: the policy in force now has the last word,
 * and must still ask the same people under the same digest. Break-glass access stands without that: its review looks at it. Pure.
 */
import type { ApprovalRecord } from '../contract/approval.js';
import { type Decision, isSameDemand } from '../contract/decision.js';
import { votersOf } from './hold-notices.js';

/**
 * @param asked the decision that people were asked about
 * @param now what policy says now; not a denial
 * @returns the decision that lets it go on; null: the policy changed since
 */
export function standOnApproval(asked: Decision, record: ApprovalRecord, now: Decision): Decision | null {
  const broken = record.kind === 'break_glass';
  // The same policy may ask other people at another hour.
  const others = now.approval !== null && !isSameDemand(now.approval.approvers, asked.approval?.approvers ?? null);
  if (!broken && (others || now.policy !== asked.policy || record.policy !== now.policy)) return null;
  const by = broken ? 'break-glass access, without approval' : `approved by ${votersOf(record)}`;
  return { ...now, effect: 'allow', reasons: [`${by} (${record.id})`, ...now.reasons] };
}
