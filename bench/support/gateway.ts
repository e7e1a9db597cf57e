/** The gateway as its users run it (from `dist`), in front of given targets, with tokens of an issuer in this process. */
import type { ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/base/clock.js';
import type { Durability } from '../../src/contract/settings.js';
import { mint, TestIssuer, testKey } from '../../test/identity/test-issuer.js';
import { testCertificate } from '../../test/support/test-certificate.js';
import { run, start, stop } from './process.js';

export const ROOT = join(import.meta.dirname, '../..');
export const GW = join(ROOT, 'bin/run.js');
const WITHOUT_RECORDING = join(import.meta.dirname, 'without-recording.mjs');

const TOKEN_SECONDS = 4 * 60 * 60;

/** What a bank would keep: guardrails on, everything decided and recorded. */
const ACCESS = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers] } }
`;

export interface BenchTarget {
  readonly name: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  readonly durability?: Durability;
}

export interface BenchHost {
  readonly name: string;
  readonly port: number;
  readonly username: string;
  readonly key: string;
  readonly hostKey: string;
}

export interface BenchGateway {
  readonly url: string;
  /** Port of the native PostgreSQL listener: plain and TLS. */
  readonly port: number;
  /** Port of the native SSH listener. */
  readonly sshPort: number;
  readonly token: string;
  readonly process: ChildProcess;
  readonly caFile: string;
  /** Environment for the CLI. */
  readonly env: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

export interface BenchOptions {
  /** What the policy says of sensitive data, as YAML; left out: nothing. */
  readonly masking?: string;
  readonly hosts?: readonly BenchHost[];
  /** False: with a journal that keeps nothing (`without-recording`). */
  readonly recorded?: boolean;
}

export async function startGateway(workers: number | 'auto', targets: readonly BenchTarget[], options: BenchOptions = {}): Promise<BenchGateway> {
  const { masking = null, hosts = [], recorded = true } = options;
  const dir = await mkdtemp(join(tmpdir(), 'gw-bench-gateway-'));
  await chmod(dir, 0o755);
  const issuer = await TestIssuer.start(await testKey('bench'));
  const certificate = await testCertificate();
  const caFile = join(dir, 'ca.pem');
  const config = {
    version: 1,
    gateway: {
      name: 'bench',
      listen: '127.0.0.1:0',
      tls: { certificate: 'cert.pem', key: 'key.pem' },
      workers,
      dataDir: 'data',
      native: [
        { protocol: 'postgres', listen: '127.0.0.1:0', plaintext: 'loopback' },
        { protocol: 'ssh', listen: '127.0.0.1:0' },
      ],
    },
    identity: { issuers: [{ issuer: issuer.url, audience: 'gw', login: { clientId: 'gw-cli' } }] },
    policy: { files: ['access.yaml', 'guardrails.yaml', ...(masking === null ? [] : ['masking.yaml'])] },
    limits: { preLoginConnections: 2000, preLoginPerAddress: 2000, maxSessions: 5000 },
    log: { level: 'warn' },
    targets: [
      ...targets.map(({ name, port, username, password, database, durability = 'batch' }) => ({
        name,
        protocol: 'postgres',
        address: `127.0.0.1:${port}`,
        durability,
        credential: { username, password: { literal: password } },
        options: { database, databases: ['*'], tls: { mode: 'disable' } },
      })),
      ...hosts.map(({ name, port, username, hostKey }) => ({
        name,
        protocol: 'ssh',
        address: `127.0.0.1:${port}`,
        credential: { username, key: { file: `${name}.key` } },
        options: { hostKeys: [hostKey] },
      })),
    ],
  };
  await writeFile(join(dir, 'gateway.yaml'), JSON.stringify(config));
  await writeFile(join(dir, 'access.yaml'), ACCESS);
  if (masking !== null) await writeFile(join(dir, 'masking.yaml'), `version: 1\n${masking}`);
  await writeFile(join(dir, 'guardrails.yaml'), await readFile(join(ROOT, 'policies/guardrails.yaml')));
  for (const { name, key } of hosts) await writeFile(join(dir, `${name}.key`), key, { mode: 0o600 });
  await writeFile(join(dir, 'cert.pem'), certificate.cert);
  await writeFile(join(dir, 'key.pem'), certificate.key, { mode: 0o600 });
  await writeFile(caFile, certificate.ca);
  const program = recorded ? GW : await run(process.execPath, [WITHOUT_RECORDING]);
  const child = start(process.execPath, [program, 'gateway', 'start', '--config', join(dir, 'gateway.yaml'), '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ready = await new Promise<{ gateway: string; native: Record<string, string> }>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${String(code)}`)));
    if (child.stdout === null) throw new Error('no output');
    createInterface(child.stdout).once('line', (line) => resolve(JSON.parse(line) as { gateway: string; native: Record<string, string> }));
  });
  // A section with many rounds takes longer than a login usually lasts.
  const exp = Math.floor(systemClock.now() / 1000) + TOKEN_SECONDS;
  const token = await mint(issuer, systemClock, { sub: 'bench', preferred_username: 'bench', groups: ['engineers'], exp });
  return {
    url: ready.gateway,
    port: Number(ready.native['postgres']?.split(':').at(-1)),
    sshPort: Number(ready.native['ssh']?.split(':').at(-1)),
    token,
    process: child,
    caFile,
    env: { PATH: process.env['PATH'], HOME: dir, GW_GATEWAY: ready.gateway, GW_ID_TOKEN: token, GW_CA_FILE: caFile },
    stop: async () => {
      await stop(child, 'SIGTERM');
      await issuer[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** `gw connect --listen`: the local port of the tunnel, held open by the real CLI. */
export async function openTunnel(gateway: BenchGateway, target: string): Promise<{ port: number; user: string; password: string; stop(): Promise<void> }> {
  const child = start(process.execPath, [GW, 'connect', target, '--print', 'json'], { env: gateway.env, stdio: ['ignore', 'pipe', 'inherit'] });
  const printed = await new Promise<Record<string, unknown>>((resolve, reject) => {
    let text = '';
    child.once('exit', (code) => reject(new Error(`gw connect ended with ${String(code)}: ${text}`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      try {
        resolve(JSON.parse(text) as Record<string, unknown>);
      } catch (error) {
        if (!(error instanceof SyntaxError)) reject(error);
      }
    });
  });
  const env = printed['env'] as Record<string, string>;
  return { port: Number(env['PGPORT']), user: env['PGUSER'] ?? '', password: env['PGPASSWORD'] ?? '', stop: () => stop(child, 'SIGTERM') };
}
