/**
 * The audit port and its driver over journal and log. An event is classified, appended to both, committed and on disk before `record` resolves; the
 * caller does what the event says only after that, so an action without its record cannot happen (design section 7: fail closed).
 */
import type { Journal } from '../contract/recording.js';
import { AUDIT_EVENTS, type AuditData, type AuditFields, type AuditKind, type AuditValue } from './audit-events.js';
import type { AuditTrail } from './audit-trail.js';
import { entryValue } from './entry-value.js';

export interface AuditLog {
  /** @throws GwError `recording.failed`: then the action that the event describes must not happen. */
  record<Kind extends AuditKind>(kind: Kind, data: AuditData<Kind>): Promise<void>;
}

/** What is judged by what other logs said before: whether something was held when it was erased. */
const ORDERED: ReadonlySet<AuditKind> = new Set<AuditKind>(['hold.add', 'hold.release', 'session.erase']);

/** @param trail the log, which takes the public fields; `journal.commit` and `journal.synced` speak for both */
export function createAuditLog(journal: Pick<Journal, 'event' | 'commit' | 'synced'>, trail: Pick<AuditTrail, 'ready' | 'event' | 'catchUp'>): AuditLog {
  return {
    record: async (kind, data) => {
      if (ORDERED.has(kind)) await trail.catchUp();
      trail.ready();
      journal.event(kind, classify(AUDIT_EVENTS[kind], data));
      trail.event(kind, data);
      journal.commit();
      await journal.synced();
    },
  };
}

/** Public fields as they are, sensitive ones below `sensitive`, the names (never the values) of what was left out below `dropped`. */
export function classify(fields: AuditFields, data: Readonly<Record<string, AuditValue | undefined>>): Record<string, unknown> {
  const open: Record<string, unknown> = {};
  const sensitive: Record<string, AuditValue> = {};
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(data)) {
    if (value === undefined) continue;
    const fieldClass = Object.hasOwn(fields, name) ? fields[name] : 'secret';
    if (fieldClass === 'public') open[name] = entryValue(value);
    else if (fieldClass === 'sensitive') sensitive[name] = entryValue(value);
    else dropped.push(name);
  }
  if (Object.keys(sensitive).length > 0) open['sensitive'] = sensitive;
  if (dropped.length > 0) open['dropped'] = dropped;
  return open;
}
