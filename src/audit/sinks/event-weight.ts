/** How much an entry of the log weighs, for receivers that sort by it. Pure. */
export type EventWeight = 'info' | 'notice' | 'warning' | 'alert';

const WARNINGS = new Set([
  'operation.deny',
  'api.denied',
  'login.refused',
  'session.kill',
  'session.recovered',
  'subject.lock',
  'approval.deny',
  'grant.revoke',
  'policy.rejected',
  'log.recovered',
  'sink.fail',
  'log.timestamp_failed',
]);
const NOTICES = [
  'approval.',
  'grant.',
  'policy.change',
  'subject.',
  'data.clear',
  'gateway.',
  'log.read',
  'session.erase',
  'hold.',
  'retention.rules',
  'log.prune',
];

export function eventWeight(kind: string): EventWeight {
  if (kind === 'approval.break_glass') return 'alert';
  if (WARNINGS.has(kind)) return 'warning';
  return NOTICES.some((beginning) => kind.startsWith(beginning)) ? 'notice' : 'info';
}
