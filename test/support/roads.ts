/**
 * The roads to one real server that must not differ: direct, the native port (plain and TLS), and the tunnel. A differential test runs one
 * script on each and compares what came out, byte for byte.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalPort } from '../../src/tunnel/local-port.js';
import { type PathWorld, startPathWorld } from './path-world.js';
import { type RealPostgres, startRealPostgres } from './real-postgres.js';
import { testCertificate } from './test-certificate.js';

export interface Road {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly sslmode: 'disable' | 'verify-full';
  readonly ca: string;
}

export interface Roads extends AsyncDisposable {
  readonly server: RealPostgres;
  readonly world: PathWorld;
  readonly direct: Road;
  readonly through: readonly Road[];
  /** Environment for programs that speak libpq. */
  env(road: Road, database: string): NodeJS.ProcessEnv;
}

const SECRET = 'S'.repeat(43);

export async function openRoads(): Promise<Roads> {
  const server = await startRealPostgres('15');
  const certificate = await testCertificate();
  const world = await startPathWorld({ server, certificate });
  const dir = await mkdtemp(join(tmpdir(), 'gw-ca-'));
  const ca = join(dir, 'ca.pem');
  await writeFile(ca, certificate.ca);
  const local = await LocalPort.open({
    gateway: { host: 'localhost', port: world.tlsPort ?? 0, ca: certificate.ca },
    port: 0,
    hello: () => Promise.resolve({ target: 'bank-db', token: 'token-alice', secret: SECRET, reason: null, client: 'test' }),
  });
  const native = { user: 'bank-db', password: 'token-alice', ca };
  return {
    server,
    world,
    direct: { name: 'direct', host: '127.0.0.1', port: server.port, user: server.username, password: server.password, sslmode: 'disable', ca },
    through: [
      { name: 'native port', host: '127.0.0.1', port: world.port, sslmode: 'disable', ...native },
      { name: 'native port with TLS', host: 'localhost', port: world.port, sslmode: 'verify-full', ...native },
      { name: 'tunnel', host: '127.0.0.1', port: local.port, sslmode: 'disable', ...native, password: SECRET },
    ],
    env: (road, database) => ({
      PATH: process.env['PATH'],
      LANG: 'C.UTF-8',
      HOME: dir,
      PGHOST: road.host,
      PGPORT: String(road.port),
      PGUSER: road.user,
      PGPASSWORD: road.password,
      PGDATABASE: database,
      PGSSLMODE: road.sslmode,
      PGSSLROOTCERT: road.ca,
      PGGSSENCMODE: 'disable',
    }),
    [Symbol.asyncDispose]: async () => {
      await local.close();
      await world[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
