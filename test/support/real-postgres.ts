/**
 * A real PostgreSQL server for a test file, in a temporary directory. `18`: the server that npm carries. `15`: Debian's, whose pg_dump and
 * psql are of the same version.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../src/base/free-port.js';
import { Secret } from '../../src/base/secret.js';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.js';
import { copyDataDirectory } from './data-directory.js';
import { query, RawClient } from './raw-client.js';

const exec = promisify(execFile);
export const DEBIAN_BIN = '/usr/lib/postgresql/15/bin';

export interface RealPostgres extends AsyncDisposable {
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  readonly url: string;
  /** Runs statements as the owner, directly; gives rows of the last one as text. */
  sql(text: string): Promise<void>;
}

const USERNAME = 'owner';
const PASSWORD = 'owner-password';

export async function startRealPostgres(
  version: '15' | '18',
  settings: Record<string, string> = {},
  hba?: readonly string[],
  tls?: { certificate: string; key: string },
): Promise<RealPostgres> {
  const dir = await mkdtemp(join(tmpdir(), 'gw-pg-'));
  await chmod(dir, 0o755);
  const server = version === '18' ? await embedded(dir, settings, hba, tls) : await debian(dir, settings);
  const real: RealPostgres = {
    port: server.port,
    username: USERNAME,
    password: PASSWORD,
    database: 'postgres',
    url: `postgresql://${USERNAME}:${PASSWORD}@127.0.0.1:${server.port}/postgres`,
    sql: async (text) => {
      const client = await RawClient.login(server.port, USERNAME, PASSWORD, 'postgres');
      const replies = await client.run(query(text));
      client.close();
      const failed = replies.find((reply) => reply.type === 'E');
      if (failed !== undefined) throw new Error(failed.body.toString());
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return real;
}

async function embedded(
  dir: string,
  settings: Record<string, string>,
  hba: readonly string[] | undefined,
  tls: { certificate: string; key: string } | undefined,
) {
  const data = join(dir, 'data');
  const owner = { port: 0, superuser: USERNAME, password: new Secret(PASSWORD) };
  await copyDataDirectory('embedded-owner', data, async (first) => {
    const server = await startEmbeddedPostgres({ ...owner, dir: first, settings: { fsync: 'off' } });
    await server.stop();
  });
  return startEmbeddedPostgres({
    ...owner,
    dir: data,
    settings: { fsync: 'off', max_connections: '300', ...settings },
    ...(hba === undefined ? {} : { hba }),
    ...(tls === undefined ? {} : { tls: { certificate: tls.certificate, key: new Secret(tls.key) } }),
  });
}

async function debian(dir: string, settings: Record<string, string>): Promise<{ port: number; stop(): Promise<void> }> {
  const as: { uid?: number; gid?: number } = {};
  if (userInfo().uid === 0) {
    as.uid = Number((await exec('id', ['-u', 'postgres'])).stdout);
    as.gid = Number((await exec('id', ['-g', 'postgres'])).stdout);
    await chown(dir, as.uid, as.gid);
  }
  const data = join(dir, 'data');
  await copyDataDirectory('debian', data, async (first) => {
    const pwfile = join(dir, 'pw');
    await writeFile(pwfile, PASSWORD, { mode: 0o644 });
    const parent = dirname(first);
    if (as.uid !== undefined && as.gid !== undefined) await chown(parent, as.uid, as.gid);
    await exec(`${DEBIAN_BIN}/initdb`, ['-D', first, '-U', USERNAME, `--pwfile=${pwfile}`, '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C', '--no-sync'], as);
  });
  const port = await freePort();
  const all = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off', max_connections: '300', ...settings };
  const child = spawn(`${DEBIAN_BIN}/postgres`, ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])], {
    ...as,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('database system is ready to accept connections')) resolve();
    });
    child.once('exit', () => reject(new Error(log)));
  });
  return {
    port,
    stop: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGINT');
      await gone;
    },
  };
}
