/**
 * Ends the content of sessions in PostgreSQL: rows of the index go, free texts of the session and of its requests for approval are emptied. A server
 * keeps what it deleted for a while, in dead rows, statistics and its write-ahead log; `scrub` ends that too.
 */
import pg from 'pg';
import type { Logger } from '../base/logger.js';
import type { ContentEnd, ContentStore } from '../contract/record-keeping.js';
import { storeError } from './store-error.js';

/** Takes the lock that additions to the index wait for: what is added later sees the mark and leaves the session out. */
const REMOVE = [
  'lock table gw.operations in share row exclusive mode',
  "update gw.sessions set content = $2, reason = null, client = null, end_message = null, client_address = '' where id = $1 and content = 'kept'",
  'delete from gw.operations where session = $1',
  `update gw.approvals set version = version + 1, record = record || pg_catalog.jsonb_build_object('version', version + 1, 'reason', null, 'estimate', null,
     'operation', case when pg_catalog.jsonb_typeof(record -> 'operation') = 'object'
       then (record -> 'operation') || '{"exact": null, "redacted": "(erased)", "parameters": null, "summary": "(erased)", "resources": []}'::pg_catalog.jsonb
       else null end)
   where session = $1 and (record ->> 'reason' is not null or record #>> '{operation,redacted}' is distinct from '(erased)' and pg_catalog.jsonb_typeof(record -> 'operation') = 'object')`,
] as const;

/** What was shown at the client is one piece, also where other sessions were opened under it: nothing of one that is erased may stay; of one that expired it may. */
const RECORDING = `select s.client_recording from gw.sessions s where s.id = $1
  and ($2 = 'erased' or not exists (select from gw.sessions o where o.client_recording = s.client_recording and o.content = 'kept'))`;
const REMOVE_RECORDING = [
  `delete from gw.client_recording_pieces where recording in (${RECORDING})`,
  `update gw.client_recordings set key = null where id in (${RECORDING})`,
] as const;

const REWRITE = ['gw.operations', 'gw.sessions', 'gw.approvals', 'gw.client_recordings', 'gw.client_recording_pieces'] as const;

export class PgContentStore implements ContentStore {
  readonly #connect: () => pg.Client;
  readonly #logger: Logger;

  /** @param connect a client that is not connected yet and waits as long as it takes */
  constructor(connect: () => pg.Client, logger: Logger) {
    this.#connect = connect;
    this.#logger = logger;
  }

  remove(session: string, end: ContentEnd): Promise<void> {
    return this.#with(async (client) => {
      await client.query('begin');
      const [lock, mark, ...rest] = REMOVE;
      await client.query(lock);
      await client.query(mark, [session, end]);
      for (const statement of rest) await client.query(statement, [session]);
      for (const statement of REMOVE_RECORDING) await client.query(statement, [session, end]);
      await client.query('commit');
    });
  }

  scrub(): Promise<boolean> {
    return this.#with(async (client) => {
      // One at a time: each waits for who reads or writes the table, and they wait for it.
      for (const table of REWRITE) await client.query(`vacuum full ${table}`);
      return this.#forget(client);
    });
  }

  /** For these an account needs more than tables of its own. */
  async #forget(client: pg.Client): Promise<boolean> {
    try {
      // Samples of what was in a table that is empty now would stay.
      await client.query('delete from pg_catalog.pg_statistic where starelid = any ($1::pg_catalog.regclass[])', [REWRITE]);
      await client.query(`analyze ${REWRITE.join(', ')}`);
      await client.query('vacuum full pg_catalog.pg_statistic');
      await client.query('select pg_catalog.pg_switch_wal()');
      await client.query('checkpoint');
      return true;
    } catch (err) {
      if (!(err instanceof pg.DatabaseError) || err.code !== '42501') throw err;
      this.#logger.info({ err }, 'the state database keeps its own log of what was erased until its administrator ends it');
      return false;
    }
  }

  async #with<T>(act: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = this.#connect();
    client.on('error', (err) => this.#logger.debug({ err }, 'the connection of an erasure was lost'));
    try {
      await client.connect();
      return await act(client);
    } catch (cause) {
      throw storeError(cause);
    } finally {
      await client.end().catch((err: unknown) => this.#logger.debug({ err }, 'the connection of an erasure did not close cleanly'));
    }
  }
}
