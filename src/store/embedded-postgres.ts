/**
 * Adapter: a real PostgreSQL server as a child of this process, from the programs that npm installed. Used for the gateway's embedded
 * state and for the quickstart's target.
 * Invariants: it listens on 127.0.0.1 only, has no socket file, and demands SCRAM; it never outlives this process, even after kill -9; an
 * interrupted initialisation leaves nothing that a later start would take for a database; one process holds a directory at a time.
 */
import { chmod, lchown, mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../base/free-port.js';
import { type Logger, silentLogger } from '../base/logger.js';
import type { Secret } from '../base/secret.js';
import { Secret as SecretValue } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import { lockDirectory } from './directory-lock.js';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.js';
import { giveTree, openPath, type ServerAccount, serverAccount } from './server-account.js';
import { clearStaleServer, serverPid } from './stale-server.js';
import { type SupervisedProcess, superviseProcess } from './supervised-process.js';

export interface EmbeddedPostgresOptions {
  /** The data directory: made when absent, kept by `stop`. Its parent also holds the lock, and the programs when they must be copied. */
  readonly dir: string;
  /** Directory of gw's own at or above `dir`: below it, closed directories may be opened for the server's account. */
  readonly base?: string;
  /** 0: any free port. */
  readonly port: number;
  readonly superuser: string;
  /** Set when the directory is initialised, and from then on only used for `url`. */
  readonly password: Secret;
  /** Server settings, as in postgresql.conf. What this launcher relies on cannot be set. */
  readonly settings: Readonly<Record<string, string>>;
  /** Makes the server offer TLS (and not demand it). PEM. */
  readonly tls?: { readonly certificate: string; readonly key: Secret };
  /** Replaces the default lines of pg_hba.conf (everybody from 127.0.0.1 by SCRAM). */
  readonly hba?: readonly string[];
  readonly logger?: Logger;
}

export interface EmbeddedPostgres {
  readonly host: string;
  readonly port: number;
  /** Superuser's connection URL to the database `postgres`, password included. */
  readonly url: Secret;
  readonly pid: number;
  /** User id of the server's processes. */
  readonly uid: number;
  /** Resolves when the server is gone, whoever ended it; `expected` is true after `stop`. */
  readonly exited: Promise<{ readonly expected: boolean }>;
  /** Disconnects all clients, writes everything to disk, ends the server. Any number of calls. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const STOP_MS = 40_000;
/** Crash recovery may replay much; a server that says nothing for this long is given up. */
const START_MS = 120_000;
const PORT_ATTEMPTS = 10;
const RESERVED = new Set([
  'listen_addresses',
  'port',
  'unix_socket_directories',
  'log_destination',
  'logging_collector',
  'log_min_messages',
  'lc_messages',
  'ssl',
  'ssl_cert_file',
  'ssl_key_file',
  'hba_file',
]);
/** The server's whole environment: nothing of ours reaches it. */
const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/**
 * Starts the server and waits until it accepts connections.
 * @throws GwError `store.start` (with the server's own last words), `store.in_use`
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const settings = settingArguments(options);
  const account = await serverAccount();
  const asked = resolve(options.dir);
  await mkdir(dirname(asked), { recursive: true, mode: account === null ? 0o700 : 0o711 });
  // The real path is what the kernel shows as the working directory of the server's processes.
  const parent = await realpath(dirname(asked));
  const dir = join(parent, basename(asked));
  const base = options.base === undefined ? null : await realpath(options.base);
  await openPath(account, parent, base);
  const lock = await lockDirectory(`${dir}.lock`, `The database directory ${dir}`);
  try {
    const binaries = await findPostgresBinaries(account, base ?? parent);
    await prepareDirectory(dir, binaries, account, options);
    const { server, port } = await launch(binaries.postgres, dir, options.port, settings, account, options.logger ?? silentLogger);
    return await handle(server, port, dir, account, options, lock);
  } catch (cause) {
    await lock.release();
    throw cause;
  }
}

async function handle(
  server: SupervisedProcess,
  port: number,
  dir: string,
  account: ServerAccount | null,
  options: EmbeddedPostgresOptions,
  lock: { release(): Promise<void> },
): Promise<EmbeddedPostgres> {
  let expected = false;
  const released = server.exited.then(async () => {
    await lock.release();
    return { expected };
  });
  const { superuser, password } = options;
  return {
    host: HOST,
    port,
    url: new SecretValue(`postgresql://${encodeURIComponent(superuser)}:${encodeURIComponent(password.expose())}@${HOST}:${port}/postgres`),
    pid: (await serverPid(dir)) ?? 0,
    uid: account?.uid ?? process.getuid?.() ?? -1,
    exited: released,
    stop: async () => {
      expected = true;
      await server.stop(STOP_MS);
      await released;
    },
  };
}

function settingArguments(options: EmbeddedPostgresOptions): string[] {
  const args: string[] = [];
  const own = {
    listen_addresses: HOST,
    unix_socket_directories: '',
    log_destination: 'stderr',
    logging_collector: 'off',
    lc_messages: 'C',
    password_encryption: 'scram-sha-256',
    // In the data directory instead of /dev/shm: containers keep that one small, and a kill -9 leaves nothing behind there.
    dynamic_shared_memory_type: 'mmap',
    ...(options.tls === undefined ? {} : { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' }),
  };
  for (const name of Object.keys(options.settings)) {
    if (RESERVED.has(name.toLowerCase()) || !/^[a-z_][a-z0-9_.]*$/i.test(name)) {
      throw new GwError('store.start', `The server setting "${name}" cannot be set for an embedded PostgreSQL server.`, {
        hint: 'Remove it from the settings.',
      });
    }
  }
  for (const [name, value] of Object.entries({ ...own, ...options.settings })) args.push('-c', `${name}=${value}`);
  return args;
}

async function prepareDirectory(dir: string, binaries: PostgresBinaries, account: ServerAccount | null, options: EmbeddedPostgresOptions): Promise<void> {
  const version = await dataVersion(dir);
  if (version === null) await initialise(dir, binaries.initdb, account, options);
  else if (version !== '18') {
    throw new GwError('store.start', `The database directory ${dir} was made by PostgreSQL ${version}; this version of gw runs PostgreSQL 18.`, {
      hint: 'Choose another directory, or move the data with pg_dump and psql.',
    });
  }
  await giveTree(account, dir);
  await clearStaleServer(dir);
  const write = async (name: string, text: string): Promise<void> => {
    const path = join(dir, name);
    await rm(path, { force: true });
    await writeFile(path, text, { mode: 0o600, flag: 'wx' });
    if (account !== null) await lchown(path, account.uid, account.gid);
  };
  await write('pg_hba.conf', `${(options.hba ?? [`host all all ${HOST}/32 scram-sha-256`]).join('\n')}\n`);
  if (options.tls === undefined) return;
  await write('server.crt', options.tls.certificate);
  await write('server.key', options.tls.key.expose());
}

/** Major version of the database in `dir`; null when there is nothing yet. */
async function dataVersion(dir: string): Promise<string | null> {
  try {
    return (await readFile(join(dir, 'PG_VERSION'), 'utf8')).trim();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
  const found = await stat(dir).then(
    () => readdir(dir),
    () => [],
  );
  if (found.length > 0) {
    throw new GwError('store.start', `${dir} is not empty and holds no PostgreSQL database.`, { hint: 'Choose a directory that is empty or does not exist.' });
  }
  return null;
}

/** initdb into a directory beside, renamed into place when it is complete. */
async function initialise(dir: string, initdb: string, account: ServerAccount | null, options: EmbeddedPostgresOptions): Promise<void> {
  const prefix = `${basename(dir)}.new-`;
  for (const left of await readdir(dirname(dir))) {
    if (left.startsWith(prefix)) await rm(join(dirname(dir), left), { recursive: true });
  }
  const draft = await mkdtemp(join(dirname(dir), prefix));
  try {
    await chmod(draft, 0o700);
    const passwordFile = join(draft, 'password');
    await writeFile(passwordFile, `${options.password.expose()}\n`, { mode: 0o600 });
    await giveTree(account, draft);
    const args = ['-D', join(draft, 'data'), '-U', options.superuser, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C'];
    // No sync here: the server's first checkpoint does it, and a crash before that only costs an initialisation.
    args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-sync', '--no-instructions');
    const run = superviseProcess({ command: initdb, args, stopSignal: 'TERM', cwd: draft, env: ENVIRONMENT, account });
    const words: string[] = [];
    lines(run.stdout, () => undefined);
    lines(run.stderr, (line) => words.push(line));
    const { code, error } = await run.exited;
    if (code !== 0) throw startError(`PostgreSQL could not initialise ${dir}`, words, error);
    await rm(dir, { recursive: true, force: true });
    await rename(join(draft, 'data'), dir);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function launch(
  command: string,
  dir: string,
  port: number,
  settings: readonly string[],
  account: ServerAccount | null,
  logger: Logger,
): Promise<{ server: SupervisedProcess; port: number }> {
  for (let attempt = 1; ; attempt++) {
    // Between the probe and the server's own bind another program may take the port: then the next probe finds another one.
    const chosen = port === 0 ? await freePort(HOST) : port;
    const args = ['-D', dir, '-p', String(chosen), ...settings];
    const server = superviseProcess({ command, args, stopSignal: 'INT', cwd: dir, env: ENVIRONMENT, account });
    const failure = await ready(server, logger);
    if (failure === null) return { server, port: chosen };
    await server.stop(STOP_MS);
    const taken = failure.words.some((line) => line.includes('Address already in use'));
    if (taken && port === 0 && attempt < PORT_ATTEMPTS) continue;
    if (taken)
      throw new GwError('store.start', `Port ${chosen} on ${HOST} is taken by another program.`, {
        hint: 'Stop that program, or choose another port (0 takes any free one).',
        detail: { port: chosen },
      });
    throw startError(`PostgreSQL could not start in ${dir}`, failure.words, failure.error);
  }
}

/** Null when the server says that it accepts connections; else its last words. Its own output is the only witness that it is *this* server. */
function ready(server: SupervisedProcess, logger: Logger): Promise<{ words: readonly string[]; error: Error | null } | null> {
  return new Promise((resolve) => {
    const words: string[] = [];
    const timer = setTimeout(() => resolve({ words: [...words, `no answer within ${START_MS / 1000} s`], error: null }), START_MS);
    const done = (result: { words: readonly string[]; error: Error | null } | null): void => {
      clearTimeout(timer);
      resolve(result);
    };
    lines(server.stdout, (line) => logger.debug({ line }, 'postgres'));
    lines(server.stderr, (line) => {
      if (words.push(line) > 20) words.shift();
      if (/\b(?:WARNING|ERROR|FATAL|PANIC): /.test(line)) logger.warn({ line }, 'postgres');
      else logger.debug({ line }, 'postgres');
      if (line.includes('database system is ready to accept connections')) done(null);
    });
    void server.exited.then(({ error }) => done({ words, error }));
  });
}

function lines(stream: NodeJS.ReadableStream, each: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', each);
}

function startError(what: string, words: readonly string[], cause: Error | null): GwError {
  const last = words.slice(-6).join(' | ');
  return new GwError('store.start', `${what}: ${last === '' ? (cause?.message ?? 'it ended without a word') : last}`, cause === null ? {} : { cause });
}
