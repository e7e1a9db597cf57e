/** How periods of retention, and what a pass ended, read. */
import { formatDuration } from '../../base/duration.js';
import type { RetentionReport, RetentionRules } from '../../contract/retention.js';
import type { Column } from './rows.js';

export interface RetentionRow {
  readonly target: string;
  readonly recordings: string;
  readonly approvals: string;
  readonly index: string;
  /** Of the audit log, which is one for all targets. */
  readonly log: string;
}

export const retentionColumns: readonly Column<RetentionRow>[] = [
  { name: 'target', value: ({ target }) => target },
  { name: 'recordings', value: ({ recordings }) => recordings },
  { name: 'approvals', value: ({ approvals }) => approvals },
  { name: 'index', value: ({ index }) => index },
  { name: 'log', value: ({ log }) => log },
];

export function retentionRows({ targets, log = null, ...others }: RetentionRules): RetentionRow[] {
  const whole = log === null ? 'for ever' : formatDuration(log);
  return [...targets.map((each) => ({ ...each, whole: '' })), { target: '(all others)', ...others, whole }].map(
    ({ target, recordings, approvals, index, whole: own }) => ({
      target,
      recordings: formatDuration(recordings),
      approvals: formatDuration(approvals),
      index: formatDuration(index),
      log: own,
    }),
  );
}

export function reportText({ dryRun, recordings, held, segments, index, approvals, entries, knownTime }: RetentionReport): string {
  const counts = `${recordings} recordings, ${segments} journal segments, ${index} operations of the index, ${approvals} requests for approval, ${entries} entries of the audit log`;
  const kept = held > 0 ? `; ${held} recordings are kept by a legal hold` : '';
  return `${dryRun ? 'Over' : 'Ended'}: ${counts}${kept}. Counted to ${knownTime}.`;
}
