/**
 * Brings the state database to the schema of this version. Runs in one transaction under an advisory lock, so that any number of gateways
 * may start at once and a crash leaves either the old schema or the new one. A schema newer than this version, or a migration that was
 * edited after it ran, is refused: an old gateway must not write into tables it does not know.
 */
import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import type { Logger } from '../base/logger.js';
import { GwError } from '../contract/gw-error.js';
import { type Migration, migrations as released } from './migrations/index.js';
import { storeError } from './store-error.js';

/** Any constant will do, as long as it never changes: 'gw' and 'mig' in ASCII. */
const LOCK = 0x67_77_6d_69;

const digestOf = (migration: Migration): string => createHash('sha256').update(migration.sql).digest('hex');

/**
 * Gives the numbers of the migrations that this call ran. `client` is not connected yet, has no query timeout (a migration takes as long as
 * it takes) and is closed afterwards: that rolls back and frees the lock whatever happened.
 * @throws GwError `store.schema` | `store.unavailable`
 */
export async function migrate(client: Client, logger: Logger, list: readonly Migration[] = released): Promise<number[]> {
  client.on('error', (err) => logger.debug({ err }, 'the connection of the migration was lost'));
  try {
    await client.connect();
    await client.query('begin');
    await client.query('select pg_catalog.pg_advisory_xact_lock($1)', [LOCK]);
    const ran = await apply(client, list);
    await client.query('commit');
    for (const version of ran) logger.info({ migration: version }, 'state database migrated');
    return ran;
  } catch (thrown) {
    throw thrown instanceof GwError ? thrown : storeError(thrown);
  } finally {
    await client.end().catch((err: unknown) => logger.debug({ err }, 'the connection of the migration did not close cleanly'));
  }
}

async function apply(client: Client, list: readonly Migration[]): Promise<number[]> {
  await client.query('create schema if not exists gw');
  await client.query(
    'create table if not exists gw.migrations (version integer primary key, name text not null, digest text not null, applied_at timestamptz not null default pg_catalog.now())',
  );
  const done = await client.query<{ version: number; digest: string }>('select version, digest from gw.migrations order by version');
  const digests = new Map(done.rows.map((row) => [row.version, row.digest]));
  const newest = Math.max(0, ...digests.keys());
  if (newest > list.length) {
    throw new GwError('store.schema', `The state database has schema version ${newest}; this version of gw knows ${list.length}.`);
  }
  const ran: number[] = [];
  for (const migration of list) {
    const digest = digests.get(migration.version);
    if (digest === undefined) {
      await client.query(migration.sql);
      await client.query('insert into gw.migrations (version, name, digest) values ($1, $2, $3)', [migration.version, migration.name, digestOf(migration)]);
      ran.push(migration.version);
    } else if (digest !== digestOf(migration)) {
      throw new GwError(
        'store.schema',
        `Migration ${migration.version} (${migration.name}) of the state database is not the one that this version of gw holds.`,
      );
    }
  }
  return ran;
}
