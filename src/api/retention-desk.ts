/** What the API asks of retention. */
import type { RetentionReport, RetentionRules } from '../contract/retention.js';

export interface RetentionDesk {
  rules(): RetentionRules;
  /** @throws GwError `record.busy` | `recording.failed` | `store.unavailable` */
  run(dryRun: boolean): Promise<RetentionReport>;
}
