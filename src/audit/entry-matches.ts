/** Whether an entry of the log is what a filter asks for. Pure. */
import { canonicalJson } from '../base/canonical-json.js';
import { type AuditEntry, type AuditFilter, isKindOf } from '../contract/audit-entry.js';

/** Fields in which a subject stands. */
const SUBJECTS = ['actorSubject', 'subject', 'requesterSubject', 'sessionSubject'] as const;

export function entryMatches(filter: AuditFilter): (entry: AuditEntry) => boolean {
  const { kinds, subject, target, session, since, until } = filter;
  const text = filter.text?.toLowerCase() ?? null;
  const from = since === null ? Number.NEGATIVE_INFINITY : Date.parse(since);
  const to = until === null ? Number.POSITIVE_INFINITY : Date.parse(until);
  return ({ kind, data, time, journal }) => {
    if (!isKindOf(kind, kinds)) return false;
    if (session !== null && data['session'] !== session) return false;
    if (target !== null && data['target'] !== target) return false;
    if (subject !== null && !SUBJECTS.some((field) => data[field] === subject)) return false;
    if (since !== null || until !== null) {
      const at = Date.parse(time);
      if (at < from || at >= to) return false;
    }
    return text === null || canonicalJson({ kind, journal, time, data }).toLowerCase().includes(text);
  };
}
