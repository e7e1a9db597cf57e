/** A real PostgreSQL server for the store's tests: the one that the gateway embeds. Stops and starts on one port, so that clients see an outage. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Secret } from '../../src/base/secret.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/store/embedded-postgres.js';
import { copyDataDirectory } from '../support/data-directory.js';

export interface StateServer {
  readonly url: string;
  /** Where its files are. */
  readonly dir: string;
  /** A new empty database; gives its URL. */
  database(): Promise<string>;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Drops every connection except the caller's. */
  dropConnections(): Promise<void>;
  query<Row extends object>(url: string, text: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

export async function startStateServer(): Promise<StateServer> {
  const base = await mkdtemp(join(tmpdir(), 'gw-store-'));
  const dir = join(base, 'state');
  const owner = { superuser: 'gw', password: new Secret('test-password'), settings: { fsync: 'off', wal_recycle: 'off' } };
  await copyDataDirectory('embedded-gw', dir, async (first) => {
    const initialised = await startEmbeddedPostgres({ ...owner, dir: first, port: 0 });
    await initialised.stop();
  });
  const start = (port: number): Promise<EmbeddedPostgres> => startEmbeddedPostgres({ ...owner, dir, base, port });
  let server = await start(0);
  const { port } = server;
  const url = server.url.expose();
  let databases = 0;
  const query = async <Row extends object>(to: string, text: string, values: unknown[] = []): Promise<Row[]> => {
    const client = new pg.Client({ connectionString: to });
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  };
  return {
    url,
    dir: base,
    query,
    database: async () => {
      databases += 1;
      const name = `t${databases}`;
      await query(url, `create database ${name}`);
      const to = new URL(url);
      to.pathname = `/${name}`;
      return to.href;
    },
    stop: () => server.stop(),
    start: async () => {
      server = await start(port);
    },
    dropConnections: async () => {
      await query(url, 'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = $1', ['client backend']);
    },
    close: async () => {
      await server.stop();
      await rm(base, { recursive: true, force: true });
    },
  };
}

/** Waits for a condition that another process brings about; fails with its description instead of hanging. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > until) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
