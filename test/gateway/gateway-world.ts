/**
 * A whole gateway as its users run it: `gw gateway start` in processes of its own, in front of a real PostgreSQL server, with tokens of a
 * real (local) issuer. Everything lives in one temporary directory and on free ports.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { startEmbeddedState } from '../../src/gateway/embedded-state.js';
import { mint, TestIssuer, testKey } from '../identity/test-issuer.js';
import { buildCli, ROOT } from '../support/build-cli.js';
import { copyDataDirectory } from '../support/data-directory.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';
import { makeAuthority } from '../support/test-authority.js';

export interface ApiReply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
  /** The body as JSON; an empty object when it is none. */
  readonly json: Record<string, unknown>;
}

export interface ApiCall {
  readonly token?: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Called when the answer begins; its body may take as long as a session. */
  readonly answered?: () => void;
}

export interface RunningGateway {
  readonly url: string;
  readonly native: Readonly<Record<string, string>>;
  readonly process: ChildProcess;
  /** Lines of its log so far, parsed. */
  readonly log: Record<string, unknown>[];
  /** Exit code, once it has ended. */
  readonly exited: Promise<number | null>;
}

export interface GatewayWorld {
  readonly dir: string;
  readonly configFile: string;
  readonly target: RealPostgres;
  readonly ca: string;
  readonly issuer: TestIssuer;
  /** @param env beside the environment of the tests */
  start(env?: Readonly<Record<string, string>>): Promise<RunningGateway>;
  /** Rewrites gateway.yaml; parts not given stay as they are by default. */
  configure(parts: Partial<ConfigParts>): Promise<void>;
  writePolicy(text: string): Promise<void>;
  token(name: string, groups?: readonly string[], claims?: Record<string, unknown>): Promise<string>;
  api(gateway: RunningGateway, path: string, options?: ApiCall): Promise<ApiReply>;
  /** A session through the native port, connected. */
  connect(gateway: RunningGateway, token: string): Promise<pg.Client>;
  close(): Promise<void>;
}

export interface ConfigParts {
  readonly dataDir: string;
  readonly workers: number;
  readonly drainTimeout: string;
  readonly limits: Readonly<Record<string, unknown>>;
  readonly logLevel: string;
  readonly state: unknown;
  readonly audit: Readonly<Record<string, unknown>>;
  /** Beside the database. */
  readonly targets: readonly object[];
  readonly native: readonly object[];
  readonly sinks: unknown;
  readonly retention: Readonly<Record<string, unknown>>;
  readonly masking: Readonly<Record<string, unknown>>;
  readonly approvals: Readonly<Record<string, unknown>>;
}

export const OPEN_POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers, admins] } }
`;

const DEFAULTS: ConfigParts = {
  dataDir: 'data',
  workers: 1,
  drainTimeout: '5s',
  limits: {},
  logLevel: 'info',
  state: 'embedded',
  audit: {},
  sinks: {},
  retention: {},
  masking: {},
  approvals: {},
  targets: [],
  native: [],
};

export async function startGatewayWorld(settings: Record<string, string> = {}): Promise<GatewayWorld> {
  await buildCli();
  const dir = await mkdtemp(join(tmpdir(), 'gw-gateway-'));
  await chmod(dir, 0o755);
  const [target, issuer, authority] = await Promise.all([
    startRealPostgres('18', settings),
    testKey('k1').then((key) => TestIssuer.start(key)),
    makeAuthority(),
  ]);
  const certificate = await authority.issue();
  const configFile = join(dir, 'gateway.yaml');
  await writeFile(join(dir, 'cert.pem'), certificate.cert);
  await writeFile(join(dir, 'key.pem'), certificate.key, { mode: 0o600 });
  await writeFile(join(dir, 'password'), target.password, { mode: 0o600 });
  const running: RunningGateway[] = [];
  let configured = DEFAULTS;
  const world: GatewayWorld = {
    dir,
    configFile,
    target,
    ca: authority.ca,
    issuer,
    configure: (parts) => {
      configured = { ...DEFAULTS, ...parts };
      return writeFile(configFile, JSON.stringify(configOf(configured, issuer, target), null, 2));
    },
    writePolicy: (text) => writeFile(join(dir, 'policy.yaml'), text),
    start: async (env = {}) => {
      await initialiseState(join(dir, configured.dataDir), configured.state);
      const gateway = await launch(configFile, env);
      running.push(gateway);
      return gateway;
    },
    token: (name, groups = ['engineers'], claims = {}) => mint(issuer, systemClock, { sub: `sub-${name}`, preferred_username: name, groups, ...claims }),
    api: (gateway, path, options = {}) => call(gateway.url, path, authority.ca, options),
    connect: async (gateway, token) => {
      const [host = '', port = ''] = (gateway.native['postgres'] ?? '').split(':');
      const client = new pg.Client({ host, port: Number(port), user: 'bank-db', password: token, database: target.database, ssl: { ca: authority.ca } });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
    close: async () => {
      for (const gateway of running) gateway.process.kill('SIGKILL');
      await Promise.all(running.map((gateway) => gateway.exited));
      await Promise.all([target[Symbol.asyncDispose](), issuer[Symbol.asyncDispose]()]);
      await rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
  await world.writePolicy(OPEN_POLICY);
  await world.configure({});
  return world;
}

/** As a gateway leaves it that was stopped when its database had just been initialised: nearly half of what a first start costs. */
async function initialiseState(dataDir: string, state: unknown): Promise<void> {
  if (state !== 'embedded' || existsSync(dataDir)) return;
  await copyDataDirectory('gateway', dataDir, async (dir) => {
    await mkdir(dir, { mode: 0o700 });
    const database = await startEmbeddedState(dir, silentLogger);
    await database.stop();
  });
}

function configOf(parts: ConfigParts, issuer: TestIssuer, target: RealPostgres): object {
  return {
    version: 1,
    gateway: {
      name: 'test',
      listen: '127.0.0.1:0',
      tls: { certificate: 'cert.pem', key: 'key.pem' },
      workers: parts.workers,
      dataDir: parts.dataDir,
      native: [{ protocol: 'postgres', listen: '127.0.0.1:0' }, ...parts.native],
      drainTimeout: parts.drainTimeout,
    },
    state: parts.state,
    identity: { clockSkew: '1s', issuers: [{ issuer: issuer.url, audience: 'gw', login: { clientId: 'gw-cli' } }] },
    access: { admins: { groups: ['admins'] }, auditors: { groups: ['auditors'] } },
    policy: { files: ['policy.yaml'] },
    limits: parts.limits,
    targets: [
      {
        name: 'bank-db',
        protocol: 'postgres',
        address: `127.0.0.1:${target.port}`,
        credential: { username: target.username, password: { file: 'password' } },
        options: { database: target.database, tls: { mode: 'disable' } },
      },
      ...parts.targets,
    ],
    audit: parts.audit,
    sinks: parts.sinks,
    retention: parts.retention,
    masking: parts.masking,
    approvals: parts.approvals,
    log: { level: parts.logLevel },
  };
}

async function launch(configFile: string, env: Readonly<Record<string, string>>): Promise<RunningGateway> {
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'run.js'), 'gateway', 'start', '--config', configFile, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const log: Record<string, unknown>[] = [];
  const raw: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    raw.push(line);
    if (line.startsWith('{')) log.push(JSON.parse(line) as Record<string, unknown>);
  });
  const said: string[] = [];
  const ready = new Promise<{ gateway: string; native: Record<string, string> } | null>((resolve) => {
    createInterface({ input: child.stdout })
      .on('line', (line) => {
        said.push(line);
        if (line.includes('"ready":true')) resolve(JSON.parse(line) as { gateway: string; native: Record<string, string> });
      })
      .on('close', () => resolve(null));
  });
  const line = await ready;
  if (line === null) {
    const code = await exited;
    throw new StartFailure(code, said.join('\n'), raw.join('\n'));
  }
  return { url: line.gateway, native: line.native, process: child, log, exited };
}

/** The gateway ended instead of becoming ready. */
export class StartFailure extends Error {
  readonly code: number | null;
  readonly stdout: string;

  constructor(code: number | null, stdout: string, stderr: string) {
    super(`the gateway ended with ${code}: ${stdout}\n${stderr}`);
    this.code = code;
    this.stdout = stdout;
  }
}

async function call(base: string, path: string, ca: string, options: ApiCall): Promise<ApiReply> {
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const sent = request(new URL(path, base), {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    ca,
    agent: false,
    headers: {
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      ...options.headers,
    },
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
  options.answered?.();
  let text = '';
  for await (const chunk of response) text += String(chunk);
  const isJson = String(response.headers['content-type'] ?? '').includes('application/json');
  return { status: response.statusCode ?? 0, headers: response.headers, text, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} };
}
