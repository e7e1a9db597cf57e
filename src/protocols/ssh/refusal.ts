/** No, in the words of SSH: lines on the standard error of a command, the text of a refused channel, the message of an SFTP status, a banner. */
import { visible } from '../../base/visible-text.js';
import { type Decision, nextStep } from '../../contract/decision.js';
import { ERRORS } from '../../contract/error-catalogue.js';
import type { GwError } from '../../contract/gw-error.js';
import type { ClientNotice } from '../../contract/protocol.js';

const lines = (first: string, ...more: readonly string[]): string =>
  [first, ...more.filter((line) => line !== '')].map((line) => `gw: ${visible(line)}\r\n`).join('');

/** What ends a session, a command or a login. */
export const errorLines = (error: GwError): string => lines(error.message, `${error.hint} (${error.code})`);

export const noticeLines = ({ message, detail, hint, severity }: ClientNotice): string =>
  lines(severity === 'warning' ? `WARNING: ${message}` : message, detail, hint);

export function refusalLines(decision: Decision): string {
  if (decision.refusal !== undefined) return errorLines(decision.refusal);
  return lines(
    `refused by policy: ${decision.reasons[0] ?? 'no rule allows it'}`,
    ...decision.reasons.slice(1),
    `rule ${decision.rule ?? '(default)'}, policy ${decision.policy.slice(0, 19)}`,
    decision.hint ?? `${nextStep(decision)} (policy.operation_denied)`,
  );
}

const TEXT_LENGTH = 500;

/** One line, for where there is no room for more. */
export const refusalText = (decision: Decision): string =>
  visible(`gw: ${decision.refusal?.message ?? `refused by policy: ${decision.reasons.join('; ') || 'no rule allows it'}`}`).slice(0, TEXT_LENGTH);

/** What a command ends with that was refused: the exit code of gw for the same. */
export const refusalStatus = (decision: Decision): number => decision.refusal?.entry.exit ?? ERRORS['policy.operation_denied'].exit;
