/**
 * The target `bank-db`: a PostgreSQL server of its own below DIR/targets/bank-db, filled once. The rows are loaded into a database under
 * another name that is renamed when all is there, so an interrupted first start is simply repeated and never shows half a bank.
 */
import { join } from 'node:path';
import pg from 'pg';
import { readIfThere } from '../base/read-if-there.js';
import { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../store/embedded-postgres.js';
import { accountLines, CUSTOMERS, customerLines, entryLines, noteLines } from './bank-rows.js';
import { BANK_DATABASE, COPY_TARGETS, CREATE_TABLES, FINISH_TABLES, GATEWAY_ROLE, OWNER_ROLE } from './bank-schema.js';
import { copyRows } from './copy-rows.js';
import { keptSecret, writePrivately } from './secret-file.js';

export interface BankTarget {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** Password of the gateway's own login at the target. */
  readonly passwordFile: string;
  /** As the database's administrator, around the gateway. Holds a password. */
  readonly directUrl: Secret;
  /** As the gateway's own role, around the gateway. Holds a password. */
  readonly directRoleUrl: Secret;
  /** Rows are `scale` × the base. */
  readonly scale: number;
  readonly pid: number;
  readonly exited: EmbeddedPostgres['exited'];
  stop(): Promise<void>;
}

export interface BankTargetOptions {
  /** DIR/targets/bank-db. */
  readonly directory: string;
  /** DIR. */
  readonly base: string;
  readonly port: number;
  /** Null: what the directory was filled with, or 1. */
  readonly scale: number | null;
  readonly tls: { readonly certificate: string; readonly key: Secret };
}

/** How the gateway logs in; its password is in `gateway-password` in the target's directory. */
export const BANK_ACCESS = { username: GATEWAY_ROLE, database: BANK_DATABASE } as const;

const ADMINISTRATOR = 'postgres';
const LOADING = `${BANK_DATABASE}_loading`;

/** @throws GwError `store.start` | `store.in_use` | `usage.invalid` (another scale than the directory was filled with) */
export async function startBankTarget(options: BankTargetOptions): Promise<BankTarget> {
  const scale = await agreedScale(options);
  const passwordFile = join(options.directory, 'gateway-password');
  const administrator = await keptSecret(join(options.directory, 'administrator-password'));
  const password = await keptSecret(passwordFile);
  const server = await startEmbeddedPostgres({
    dir: join(options.directory, 'data'),
    base: options.base,
    port: options.port,
    superuser: ADMINISTRATOR,
    password: administrator,
    tls: options.tls,
    // Statements of the world's users stay out of the server's own log: what was done is the gateway's record.
    settings: { max_connections: '200', timezone: 'UTC', log_timezone: 'UTC', log_min_error_statement: 'panic' },
  });
  try {
    const urlTo = (user: string, secret: Secret) =>
      new Secret(`postgresql://${user}:${encodeURIComponent(secret.expose())}@${server.host}:${server.port}/${BANK_DATABASE}`);
    await fill(server, scale, password);
    await writePrivately(join(options.directory, 'scale'), `${scale}\n`);
    const { host, port, pid, exited, stop } = server;
    return {
      ...{ host, port, pid, exited, stop, scale, passwordFile },
      database: BANK_DATABASE,
      directUrl: urlTo(ADMINISTRATOR, administrator),
      directRoleUrl: urlTo(GATEWAY_ROLE, password),
    };
  } catch (cause) {
    await server.stop();
    throw cause;
  }
}

async function agreedScale(options: BankTargetOptions): Promise<number> {
  const file = await readIfThere(join(options.directory, 'scale'));
  const filled = file === null ? null : Number(file.trim());
  if (filled !== null && options.scale !== null && options.scale !== filled) {
    throw new GwError('usage.invalid', `The data in ${options.directory} was made with --scale ${filled}, and its rows may have been changed since.`, {
      hint: `Leave --scale out to keep the data, or choose a new directory: gw quickstart --scale ${options.scale} --dir DIR`,
    });
  }
  return filled ?? options.scale ?? 1;
}

async function fill(server: EmbeddedPostgres, scale: number, password: Secret): Promise<void> {
  const count = CUSTOMERS * scale;
  const there = await withClient(server, 'postgres', async (client) => {
    const { rows } = await client.query('SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1', [BANK_DATABASE]);
    if (rows.length > 0) return true;
    await client.query(`DROP DATABASE IF EXISTS ${LOADING}`);
    for (const role of [OWNER_ROLE, GATEWAY_ROLE]) await client.query(`DROP ROLE IF EXISTS ${role}`);
    await client.query(`CREATE DATABASE ${LOADING}`);
    await client.query(`CREATE ROLE ${GATEWAY_ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD ${client.escapeLiteral(password.expose())}`);
    return false;
  });
  if (there) return;
  await withClient(server, LOADING, async (client) => {
    // A crash here costs a repeated load, so nothing needs to wait for the disk.
    await client.query('SET synchronous_commit = off');
    await client.query(CREATE_TABLES.replaceAll(`ON DATABASE ${BANK_DATABASE} `, `ON DATABASE ${LOADING} `));
    await copyRows(client, COPY_TARGETS.customers, customerLines(count));
    await copyRows(client, COPY_TARGETS.accounts, accountLines(count));
    await copyRows(client, COPY_TARGETS.entries, entryLines(count));
    await copyRows(client, COPY_TARGETS.notes, noteLines(count));
    await client.query(FINISH_TABLES);
  });
  await withClient(server, 'postgres', async (client) => {
    await client.query(`ALTER DATABASE ${LOADING} RENAME TO ${BANK_DATABASE}`);
    await client.query('CHECKPOINT');
  });
}

async function withClient<T>(server: EmbeddedPostgres, database: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const url = new URL(server.url.expose());
  url.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: url.href });
  // A lost connection also fails the query under way, which is where it is reported.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
