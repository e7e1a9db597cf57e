/**
 * A transaction during which no hold is placed, on any gateway of the state database: a hold is either there before a record is ended, and keeps it, or it comes
 * after.
 */
import type { Pool, PoolClient } from 'pg';
import { GwError } from '../contract/gw-error.js';
import { storeError } from './store-error.js';

/** Any constant will do, as long as it never changes: 'gw' and 'hld' in ASCII. */
const LOCK = 0x67_77_68_6c;

/** @throws GwError `store.unavailable`, and what `act` throws */
export async function whileNoHoldComes<T>(pool: Pool, act: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((cause: unknown) => {
    throw storeError(cause);
  });
  let broken: Error | undefined;
  // Between two statements nothing else listens, and an error that nobody hears ends the process.
  const lost = (cause: Error): void => void (broken = cause);
  client.on('error', lost);
  try {
    await client.query('begin');
    await client.query('select pg_catalog.pg_advisory_xact_lock($1)', [LOCK]);
    const done = await act(client);
    await client.query('commit');
    return done;
  } catch (thrown) {
    await client.query('rollback').catch(lost);
    throw thrown instanceof GwError ? thrown : storeError(thrown);
  } finally {
    client.off('error', lost);
    client.release(broken);
  }
}
