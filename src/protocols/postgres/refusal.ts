/** How PostgreSQL clients are told no: ErrorResponse with the SQLSTATE that drivers understand, detail with rule, hint with the way out. */

import { type Decision, nextStep } from '../../contract/decision.js';
import type { ErrorCode } from '../../contract/error-catalogue.js';
import type { GwError } from '../../contract/gw-error.js';
import type { Facts } from '../../contract/operation.js';
import type { ClientNotice } from '../../contract/protocol.js';
import { errorResponse } from './codec/message.js';

const SQLSTATES: Partial<Record<ErrorCode, string>> = {
  'login.required': '28000',
  'login.failed': '28P01',
  'login.token_invalid': '28P01',
  'login.expired': '28P01',
  'login.locked': '28000',
  'login.throttled': '53300',
  'login.unavailable': '57P03',
  'policy.connect_denied': '28000',
  'policy.operation_denied': '42501',
  'policy.limit_exceeded': '53400',
  'approval.pending': '42501',
  'approval.denied': '42501',
  'approval.expired': '42501',
  // What a server says to a statement that its client cancelled.
  'approval.cancelled': '57014',
  'approval.stale': '42501',
  'approval.decided': '42501',
  'approval.not_offered': '42501',
  'target.unknown': '3D000',
  'target.unreachable': '08001',
  'target.credential': '08001',
  'target.protocol': '08P01',
  'session.killed': '57P01',
  'session.revoked': '57P01',
  'session.limit': '53300',
  'protocol.violation': '08P01',
  'protocol.unsupported': '0A000',
  'protocol.timeout': '08006',
  'gateway.draining': '57P01',
  'recording.failed': '58030',
  'recording.limit': '53400',
  'recording.required': '28000',
  'recording.unknown': '28000',
  'store.unavailable': '57P03',
  'config.invalid': 'F0000',
};

function sqlstateOf(error: GwError): string {
  return SQLSTATES[error.code] ?? 'XX000';
}

/** A gateway error as the last thing said on a connection (FATAL) or as the answer to one message (ERROR). */
export function refuse(error: GwError, severity: 'ERROR' | 'FATAL'): Buffer {
  const detail = Object.entries(error.detail)
    .map(([key, value]) => `${key}: ${String(value)}`)
    .join('; ');
  return errorResponse({ severity, sqlstate: sqlstateOf(error), message: error.message, detail, hint: `${error.hint} (${error.code})` });
}

/** NoticeResponse: has the fields of an error and ends nothing. */
export function noticeResponse({ severity, message: text, detail, hint }: ClientNotice): Buffer {
  const sqlstate = severity === 'warning' ? '01000' : '00000';
  return errorResponse({ severity: severity === 'warning' ? 'WARNING' : 'NOTICE', sqlstate, message: text, detail, hint });
}

/** The refusal of one operation by policy. A text that does not parse is told so as the server would. */
export function refuseOperation(decision: Decision, facts: Facts): Buffer {
  const syntax = facts.effects[0]?.facts['syntax_error'] === true ? facts.unknown[0] : undefined;
  if (syntax !== undefined) {
    return errorResponse({
      severity: 'ERROR',
      sqlstate: '42601',
      message: syntax.replace(/^does not parse: /, ''),
      detail: `The gateway could not parse the statement; nothing of it reached the target. Rule ${decision.rule ?? '(default)'}.`,
    });
  }
  if (decision.refusal !== undefined) return refuse(decision.refusal, 'ERROR');
  const why = decision.reasons[0] ?? 'no rule allows it';
  return errorResponse({
    severity: 'ERROR',
    sqlstate: '42501',
    message: `refused by policy: ${why}`,
    detail: `Policy ${decision.policy.slice(0, 19)}, rule ${decision.rule ?? '(default)'}.${decision.reasons.length > 1 ? ` ${decision.reasons.slice(1).join(' ')}` : ''}`,
    hint: decision.hint ?? `Nothing of it reached the target. ${nextStep(decision)} (policy.operation_denied)`,
  });
}
