/** Starts the real CLI as a user would, with a home of its own and nothing of this process's environment but the PATH. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildCli, ROOT } from './build-cli.js';

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly child: ChildProcess;
  readonly done: Promise<CliResult>;
  /** Resolves when stdout holds `text`; rejects when the process ends without it. */
  stdoutHas(text: string): Promise<string>;
  stderrHas(text: string): Promise<string>;
}

export interface CliHome {
  readonly folder: string;
  readonly bin: string;
  readonly env: Readonly<Record<string, string>>;
  start(argv: readonly string[], options?: CliOptions): RunningCli;
  run(argv: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** Makes `authority` the one that this user trusts for the gateway at `port`. */
  trust(port: number, ca: string): Promise<void>;
  /** Puts an executable on the PATH. */
  program(name: string, source: string): Promise<string>;
  remove(): Promise<void>;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
}

function waiter(done: Promise<CliResult>, read: () => string, stream: NodeJS.ReadableStream | null, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (read().includes(text)) resolve(read());
    };
    stream?.on('data', look);
    look();
    void done.then((result) => reject(new Error(`ended without "${text}": ${JSON.stringify(result)}`)));
  });
}

/** A JSON Web Token with these claims and no signature that anyone could verify. */
export function tokenFor(name: string, lifetime = 3600, more: object = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iss: 'https://issuer.test', sub: `sub-${name}`, aud: 'gw-cli', name, iat: now, exp: now + lifetime, ...more })}.${Buffer.from(`signature of ${name} ${Math.random()}`).toString('base64url')}`;
}

export async function makeHome(): Promise<CliHome> {
  await buildCli();
  const folder = await mkdtemp(join(tmpdir(), 'gw-cli-'));
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await mkdir(join(folder, 'work'));
  const env = {
    HOME: folder,
    PATH: `${bin}:${dirname(process.execPath)}:/usr/bin:/bin`,
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_STATE_HOME: join(folder, 'state'),
    GW_KEYRING: 'file',
  };
  const start = (argv: readonly string[], options: CliOptions = {}): RunningCli => {
    const child = spawn(process.execPath, [join(ROOT, 'bin', 'run.js'), ...argv], {
      cwd: options.cwd ?? join(folder, 'work'),
      env: { ...env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    const done = new Promise<CliResult>((resolve) => child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr })));
    return {
      child,
      done,
      stdoutHas: (text) => waiter(done, () => stdout, child.stdout, text),
      stderrHas: (text) => waiter(done, () => stderr, child.stderr, text),
    };
  };
  return {
    folder,
    bin,
    env,
    start,
    run: (argv, options) => start(argv, options).done,
    async trust(port, ca) {
      const gateways = join(folder, 'config', 'gw', 'gateways');
      await mkdir(gateways, { recursive: true, mode: 0o700 });
      await writeFile(join(gateways, `localhost_${port}.pem`), ca);
    },
    async program(name, source) {
      const path = join(bin, name);
      await writeFile(path, source, { mode: 0o755 });
      return path;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
