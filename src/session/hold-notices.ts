/** What a client that waits is told. Words only; each protocol says them in its own form. */
import { utcMinute } from '../base/utc-minute.js';
import type { ApprovalRecord } from '../contract/approval.js';
import { whyOf } from '../contract/decision.js';
import type { ClientNotice } from '../contract/protocol.js';

export function votersOf({ votes }: ApprovalRecord): string {
  return votes.map(({ by }) => by.name).join(', ');
}

function demanded({ demand }: ApprovalRecord): string {
  return demand.approvers.map(({ groups, quorum }) => `${quorum} of ${groups.join(' or ')}`).join(', and ');
}

/** @param breakGlass whether the client asked to go past approval, which it is not let to when it is held */
export function heldNotice(record: ApprovalRecord, breakGlass: boolean): ClientNotice {
  const what = record.operation === null ? `connecting to ${record.target}` : record.operation.summary;
  return {
    severity: 'notice',
    message: `waiting for approval ${record.id}: ${what}`,
    detail: `Rule ${record.rule ?? '(default)'} asks ${demanded(record)}${record.reasons.length === 0 ? '' : `: ${whyOf(record)}`}. It expires at ${utcMinute(record.expiresAt)}.`,
    hint: `${breakGlass ? 'No rule lets you break the glass here. ' : ''}They approve with "gw approve ${record.id}". Ctrl-C takes the request back.`,
  };
}

export function progressNotice(record: ApprovalRecord): ClientNotice {
  return {
    severity: 'notice',
    message: `${record.id} was approved by ${votersOf(record)}; more people are needed`,
    detail: '',
    hint: '',
  };
}

export function approvedNotice(record: ApprovalRecord): ClientNotice {
  return { severity: 'notice', message: `${record.id} was approved by ${votersOf(record)}`, detail: '', hint: '' };
}

export function brokenGlassNotice(record: ApprovalRecord): ClientNotice {
  return {
    severity: 'warning',
    message: `BREAK-GLASS ACCESS ${record.id}: this goes on without approval, and will be reviewed by ${record.demand.groups.join(' or ')}`,
    detail: `It ends at ${utcMinute(record.activeUntil ?? record.expiresAt)}.`,
    hint: '',
  };
}
