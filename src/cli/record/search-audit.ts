/** Entries of the audit log over as many pages as it takes: a page of the gateway looks at a bounded number of entries, and may find none there. */
import type { AuditQuery, GatewayClient } from '../../client/gateway-client.js';
import type { AuditEntryList } from '../../contract/api-types.js';
import type { AuditEntry } from '../../contract/audit-entry.js';

export async function searchAudit(client: GatewayClient, query: AuditQuery, limit: number, before: string | undefined): Promise<AuditEntryList> {
  const entries: AuditEntry[] = [];
  const missing = new Set<string>();
  let next: string | null = before ?? null;
  do {
    const page: AuditEntryList = await client.auditEntries({ ...query, limit: limit - entries.length, ...(next === null ? {} : { before: next }) });
    entries.push(...page.entries);
    for (const each of page.missing) missing.add(each);
    next = page.next;
  } while (next !== null && entries.length < limit);
  return { entries, next, missing: [...missing] };
}
