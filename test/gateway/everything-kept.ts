/**
 * All that a gateway keeps and gives away by itself, for a search: journals as they are read with their keys, every row of its state database, every file below a directory,
 * and receivers of sinks and notices that keep what they get.
 */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, connect as dial } from 'node:net';
import { join } from 'node:path';
import { connect as secure } from 'node:tls';
import pg from 'pg';
import { journalDirectory, keyringBeside } from '../../src/gateway/journal-keys.js';
import { decodeEntries } from '../../src/recording/entry-decoder.js';
import { listWorkers } from '../../src/recording/index.js';
import { walkJournal } from '../../src/recording/walk-journal.js';
import { int32, RawClient } from '../support/raw-client.js';

const SSL_REQUEST = Buffer.concat([int32(8), int32(80_877_103)]);

/** A client that reads every message, over TLS, as the native port demands it. */
export async function connectRaw(native: string, ca: string, user: string, token: string): Promise<RawClient> {
  const [host = '', port = ''] = native.split(':');
  const socket = dial(Number(port), host);
  socket.write(SSL_REQUEST);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  if (answer.toString() !== 'S') throw new Error('the native port speaks no TLS');
  const tls = secure({ socket, ca, servername: 'localhost' });
  await once(tls, 'secureConnect');
  const client = RawClient.over(tls);
  await client.authenticate(user, token, user);
  return client;
}

export interface Receiver extends AsyncDisposable {
  readonly port: number;
  /** All that came. */
  readonly bytes: () => Buffer;
}

/** Takes every batch of a syslog sink: it closes when the sender has. */
export async function syslogReceiver(): Promise<Receiver> {
  const chunks: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => socket.destroy());
  });
  return listening(server, chunks);
}

/** Takes every POST, headers included. */
export async function postReceiver(): Promise<Receiver> {
  const chunks: Buffer[] = [];
  const server = createHttpServer((request, response) => {
    chunks.push(Buffer.from(request.rawHeaders.join('\n')));
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => response.writeHead(200).end());
  });
  return listening(server, chunks);
}

async function listening(server: ReturnType<typeof createServer>, chunks: Buffer[]): Promise<Receiver> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    bytes: () => Buffer.concat(chunks),
    [Symbol.asyncDispose]: async () => {
      server.close();
      if ('closeAllConnections' in server) (server as ReturnType<typeof createHttpServer>).closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** The entries of all journals, opened. @throws Error when one stays hidden */
export async function* openedEntries(dataDir: string): AsyncGenerator<{ readonly journal: string; readonly payload: Buffer }> {
  const dir = journalDirectory(dataDir);
  const keyring = await keyringBeside(dataDir);
  for (const journal of await listWorkers(dir)) {
    const opener = await keyring.opener(dir, journal);
    for await (const item of walkJournal({ dir, bootId: journal, live: true })) {
      if (item.kind !== 'frame') continue;
      for (const entry of decodeEntries(item.frame.body, item.frame.entries)) {
        if (typeof entry === 'string') throw new Error(`an entry of ${journal} cannot be read: ${entry}`);
        const { payload, hidden } = opener.open(entry);
        if (hidden !== null) throw new Error(`an entry of ${journal} stays hidden: ${hidden}`);
        yield { journal, payload };
      }
    }
  }
}

/** Every row of every table of the embedded state database, as text: its files may hold them compressed. */
export async function stateRows(dataDir: string): Promise<{ readonly tables: number; readonly rows: readonly string[] }> {
  const password = (await readFile(join(dataDir, 'state-password'), 'utf8')).trim();
  const [, , , port = ''] = (await readFile(join(dataDir, 'state', 'postmaster.pid'), 'utf8')).split('\n');
  const connection = { host: '127.0.0.1', port: Number(port), user: 'gw', password };
  const rows: string[] = [];
  let tables = 0;
  const databases = await asked(connection, 'postgres', 'select datname as it from pg_database where datallowconn');
  for (const database of databases) {
    const named = await asked(
      connection,
      database,
      `select format('%I.%I', n.nspname, c.relname) as it from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'm', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')`,
    );
    for (const table of named) rows.push(...(await asked(connection, database, `select t::text as it from ${table} t`)));
    // What its statistics remember of columns, and what it was asked last.
    rows.push(...(await asked(connection, database, 'select s::text as it from pg_stats s')));
    rows.push(...(await asked(connection, database, 'select a::text as it from pg_stat_activity a')));
    tables += named.length;
  }
  return { tables, rows };
}

async function asked(connection: pg.ClientConfig, database: string, text: string): Promise<string[]> {
  const client = new pg.Client({ ...connection, database });
  await client.connect();
  try {
    return (await client.query<{ it: string }>(text)).rows.map(({ it }) => it);
  } finally {
    await client.end();
  }
}

export interface KeptFile {
  readonly path: string;
  readonly name: string;
  readonly content: Buffer;
}

/** Every file below a directory. One of a running database may go while this looks. */
export async function* filesBelow(dir: string): AsyncGenerator<KeptFile> {
  for (const each of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!each.isFile()) continue;
    const path = join(each.parentPath, each.name);
    const content = await readFile(path).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === 'ENOENT') return Buffer.alloc(0);
      throw thrown;
    });
    yield { path, name: each.name, content };
  }
}
