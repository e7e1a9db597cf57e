/** The real server and the two C proxies that gw is compared with, each in a temporary directory, on free ports. */
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/base/free-port.js';
import { listening, run, start, stop } from './process.js';

export interface Running {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const PG_BIN = '/usr/lib/postgresql/15/bin';
export const BENCH_USER = 'bench';
/** A role of this name, once made, logs in with its password as it is: for clients of the bench that know no other way. */
export const PLAIN_USER = 'plain';
export const BENCH_PASSWORD = 'bench-password';
export const BENCH_DATABASE = 'bench';

/** Identity to run servers as that refuse root. */
async function account(): Promise<{ uid?: number; gid?: number }> {
  if (userInfo().uid !== 0) return {};
  return { uid: Number(await run('id', ['-u', 'postgres'])), gid: Number(await run('id', ['-g', 'postgres'])) };
}

async function directory(as: { uid?: number; gid?: number }): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'gw-bench-'));
  if (as.uid !== undefined && as.gid !== undefined) await chown(dir, as.uid, as.gid);
  await chmod(dir, 0o755);
  return dir;
}

/** PostgreSQL 15 with a pgbench database of `scale`, everything in memory that matters for select-only. */
export async function startServer(scale: number): Promise<Running & { readonly major: string }> {
  const as = await account();
  const dir = await directory(as);
  const data = join(dir, 'data');
  const port = await freePort();
  const pwfile = join(dir, 'pw');
  await writeFile(pwfile, BENCH_PASSWORD);
  if (as.uid !== undefined && as.gid !== undefined) await chown(pwfile, as.uid, as.gid);
  await run(`${PG_BIN}/initdb`, ['-D', data, '-U', BENCH_USER, `--pwfile=${pwfile}`, '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C', '--no-sync'], as);
  const hba = join(data, 'pg_hba.conf');
  await writeFile(hba, `host all ${PLAIN_USER} 127.0.0.1/32 password\n${await readFile(hba, 'utf8')}`);
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'fsync=off',
    'shared_buffers=512MB',
    'max_connections=1500',
    'autovacuum=off',
  ];
  const child = start(`${PG_BIN}/postgres`, ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], { ...as, stdio: 'ignore' });
  await listening(port);
  const env = { ...process.env, PGPASSWORD: BENCH_PASSWORD };
  const address = ['-h', '127.0.0.1', '-p', String(port), '-U', BENCH_USER];
  for (let i = 0; ; i++) {
    try {
      await run('psql', [...address, '-d', 'postgres', '-qc', `CREATE DATABASE ${BENCH_DATABASE}`], { env });
      break;
    } catch (error) {
      if (i === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  await run('pgbench', [...address, '-i', '-q', '-s', String(scale), BENCH_DATABASE], { env });
  return {
    port,
    pid: child.pid ?? 0,
    major: '15',
    stop: async () => {
      await stop(child, 'SIGINT');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** haproxy in TCP mode, one thread for each core, as its packages ship it. */
export async function startHaproxy(
  frontends: readonly { readonly port: number; readonly to: number; readonly bind?: string; readonly server?: string }[],
): Promise<Running> {
  const dir = await directory({});
  const file = join(dir, 'haproxy.cfg');
  const sections = frontends.map(
    ({ port, to, bind, server }, index) => `frontend f${index}
  bind 127.0.0.1:${port} ${bind ?? ''}
  default_backend b${index}
backend b${index}
  server s 127.0.0.1:${to} ${server ?? ''}
`,
  );
  await writeFile(file, `global\n  maxconn 4000\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n${sections.join('')}`);
  const child = start('haproxy', ['-f', file, '-db'], { stdio: ['ignore', 'ignore', 'inherit'] });
  for (const { port } of frontends) await listening(port);
  return {
    port: frontends[0]?.port ?? 0,
    pid: child.pid ?? 0,
    stop: async () => {
      await stop(child);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** pgbouncer in session mode; `auth` trust towards the client, the password towards the server. */
export async function startPgbouncer(serverPort: number, trustServer = false): Promise<Running> {
  const as = await account();
  const dir = await directory(as);
  const port = await freePort();
  const ini = join(dir, 'pgbouncer.ini');
  const users = join(dir, 'users.txt');
  await writeFile(users, `"${BENCH_USER}" "${BENCH_PASSWORD}"\n"bank-db" "x"\n`);
  await writeFile(
    ini,
    `[databases]
* = host=127.0.0.1 port=${serverPort} ${trustServer ? 'user=x dbname=x' : `user=${BENCH_USER} password=${BENCH_PASSWORD}`}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
auth_file = ${users}
pool_mode = session
max_client_conn = 1500
default_pool_size = 1400
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
logfile = ${join(dir, 'log')}
pidfile = ${join(dir, 'pid')}
`,
  );
  const child = start('pgbouncer', ['-q', ini], { ...as, stdio: ['ignore', 'ignore', 'inherit'] });
  await listening(port);
  return {
    port,
    pid: child.pid ?? 0,
    stop: async () => {
      await stop(child, 'SIGTERM');
      await rm(dir, { recursive: true, force: true });
    },
  };
}
