/** An entry of the log as a record in gw's own format: the entry, its log, and below `sensitive` what the sink may have besides. Pure. */
import type { AuditEntry } from '../../contract/audit-entry.js';

/** Fields that are classed as sensitive, out of the record; null: the sink has none, or they are gone. */
export type SensitiveFields = Readonly<Record<string, unknown>> | null;

export function nativeRecord({ log, n, time, kind, journal, data }: AuditEntry, sensitive: SensitiveFields): string {
  return JSON.stringify({ v: 1, log, n, time, kind, journal, data, ...(sensitive === null ? {} : { sensitive }) });
}
