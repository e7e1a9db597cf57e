/** Looks in the audit log for the entries that refuse steps which a page of it shows: they come later than the page, or its filters leave them out. */
import type { GatewayClient } from '../../client/gateway-client.js';
import type { AuditEntry } from '../../contract/audit-entry.js';
import { CALL_MS, DENIED, type RefusedSteps } from '../render/refused-steps.js';

/** Pages of the gateway that are looked at; each is up to 100,000 entries of the log. */
const PAGES = 5;
const PAGE_ENTRIES = 1_000;

/** @returns whether all that may refuse one of `steps` was looked at. `refused` has seen what was found */
export async function lookForRefusals(client: GatewayClient, steps: readonly AuditEntry[], refused: RefusedSteps): Promise<boolean> {
  const times = steps.map(({ time }) => Date.parse(time));
  if (times.length === 0) return true;
  const at = (time: number): string => new Date(time).toISOString();
  const query = { kind: [DENIED], since: at(Math.min(...times)), until: at(Math.max(...times) + CALL_MS), limit: PAGE_ENTRIES };
  let before: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const { entries, next, missing } = await client.auditEntries({ ...query, before });
    for (const each of entries) refused.see(each);
    if (next === null) return missing.length === 0;
    before = next;
  }
  return false;
}
