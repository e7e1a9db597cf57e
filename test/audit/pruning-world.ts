/** Lives of processes in the logs of one gateway, on days of their own, and pruning as a worker does it. */
import { join } from 'node:path';
import type { AuditTrail } from '../../src/audit/audit-trail.js';
import { type PruneLimits, planPruning, pruneLog } from '../../src/audit/index.js';
import { openTrail, START } from './log-world.js';

export const DAY = 86_400_000;
const LIMITS: PruneLimits = {
  keepMs: 90 * DAY,
  known: START + 400 * DAY,
  journals: new Set(),
  holds: [],
  openRequests: new Set(),
  taken: Number.POSITIVE_INFINITY,
  few: false,
};

export const at = (day: number) => ({ now: () => START + day * DAY, monotonic: () => 0 });

export async function life(
  dir: string,
  place: number,
  journal: string,
  day: number,
  act: (trail: AuditTrail) => void = () => undefined,
  more: Parameters<typeof openTrail>[5] = {},
): Promise<void> {
  const trail = await openTrail(dir, place, journal, at(day), undefined, more);
  act(trail);
  await trail.close();
}

export const plan = (dir: string, place: number, limits: Partial<PruneLimits> = {}) =>
  planPruning(join(dir, String(place)), [join(dir, '0'), join(dir, '1')], { ...LIMITS, ...limits });

/** Announces what is planned for a log, as its worker does, and does it. */
export async function prune(
  dir: string,
  place: number,
  journal: string,
  day: number,
  more: Parameters<typeof openTrail>[5] = {},
  limits: Partial<PruneLimits> = {},
): Promise<number> {
  const found = await plan(dir, place, limits);
  if (found === null) return 0;
  const trail = await openTrail(dir, place, journal, at(day), undefined, more);
  const { first, holds } = found;
  trail.append('retention.rules', { recordings: 1, approvals: 1, index: 1, log: 90 * DAY, targets: [] });
  await pruneLog(
    join(dir, String(place)),
    await trail.announcePruning({ first, keepMs: 90 * DAY, knownTime: new Date(START + day * DAY).toISOString(), holds }),
  );
  await trail.close();
  return first;
}

export const fill = (trail: AuditTrail): void => {
  for (let number = 0; number < 300; number++) trail.append('log.timestamp_failed', { why: 'so' });
};
