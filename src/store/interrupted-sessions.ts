/**
 * Corrects the sessions that a dead process left "live". Run by the primary process after a crash, when the journal of that process has
 * been recovered. Without it a killed worker's sessions would be shown as running for ever.
 */
import type { Pool } from 'pg';
import { storeError } from './store-error.js';

/**
 * Ends the live sessions of `gateway` whose journal is not among `aliveJournals`, with the reason `interrupted`. Gives how many there were.
 * @throws GwError `store.unavailable`
 */
export async function endInterrupted(pool: Pool, gateway: string, aliveJournals: readonly string[], now: number): Promise<number> {
  try {
    const result = await pool.query(
      `update gw.sessions set state = 'ended', ended_at = greatest(started_at, $3::timestamptz), end_reason = 'interrupted',
         end_message = 'The gateway process that carried this session ended unexpectedly.'
       where state = 'live' and gateway = $1 and not (journal = any ($2::text[]))`,
      [gateway, aliveJournals, new Date(now).toISOString()],
    );
    return result.rowCount ?? 0;
  } catch (cause) {
    throw storeError(cause);
  }
}
