/**
 * Corrects the sessions that a dead process left "live". A session names the journal of the process that carries it; the gateway that owns
 * the journal's directory knows whether that process lives. Without this a killed worker's sessions would be shown as running for ever.
 */
import type { Pool } from 'pg';
import { storeError } from './store-error.js';

/** Journals that live sessions name, of any gateway. @throws GwError `store.unavailable` */
export async function liveJournals(pool: Pool): Promise<string[]> {
  try {
    const result = await pool.query<{ journal: string }>("select distinct journal from gw.sessions where state = 'live'");
    return result.rows.map((row) => row.journal);
  } catch (cause) {
    throw storeError(cause);
  }
}

/** Ends the live sessions of these journals with the reason `interrupted`. Gives how many there were. @throws GwError `store.unavailable` */
export async function endInterrupted(pool: Pool, journals: readonly string[], now: number): Promise<number> {
  try {
    const result = await pool.query(
      `update gw.sessions set state = 'ended', ended_at = greatest(started_at, $2::timestamptz), end_reason = 'interrupted',
         end_message = 'The gateway process that carried this session ended unexpectedly.'
       where state = 'live' and journal = any ($1::text[])`,
      [journals, new Date(now).toISOString()],
    );
    return result.rowCount ?? 0;
  } catch (cause) {
    throw storeError(cause);
  }
}
