/** The path in front of a real sshd, and the system's own clients on the native port with a token as their password. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ssh } from '../../src/protocols/ssh/index.js';
import { readSession } from '../../src/recording/index.js';
import type { SessionItem } from '../../src/recording/recorded.js';
import { type PathWorld, type PathWorldOptions, startPathWorld } from './path-world.js';
import { type RealSshd, startRealSshd } from './real-sshd.js';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: Buffer;
  readonly err: string;
}

export interface RunOptions {
  readonly input?: Buffer | string;
  /** Called when it runs; its input stays open where none is given. */
  readonly during?: (child: import('node:child_process').ChildProcessWithoutNullStreams) => void;
  readonly env?: Readonly<Record<string, string>>;
  /** It goes on in the background with the same outputs: its own end is what counts. */
  readonly background?: boolean;
}

export function run(command: string, args: readonly string[], { input, during, env, background = false }: RunOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { stdio: 'pipe', env: { ...process.env, ...env } });
    const out: Buffer[] = [];
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    // A client that ended no longer takes input; its end says why.
    child.stdin.on('error', () => child.stdin.destroy());
    child.once('error', reject);
    child.once(background ? 'exit' : 'close', (code, signal) => resolve({ code, signal, out: Buffer.concat(out), err }));
    if (during === undefined) child.stdin.end(input);
    else during(child);
  });
}

export interface SshWorld extends AsyncDisposable {
  readonly sshd: RealSshd;
  readonly path: PathWorld;
  readonly dir: string;
  /** Options that lead ssh, scp and sftp to the gateway as `person`. */
  options(person?: string): readonly string[];
  readonly env: Readonly<Record<string, string>>;
  ssh(args: readonly string[], options?: RunOptions & { readonly person?: string }): Promise<Ended>;
  /** Everything recorded of all sessions so far, in order; each of them has ended or is cut off here. */
  recorded(): Promise<readonly SessionItem[]>;
}

export interface SshWorldOptions extends Omit<PathWorldOptions, 'server' | 'island'> {
  readonly sshd?: RealSshd;
  readonly settings?: readonly string[];
  readonly keyType?: string;
  readonly hostKeyType?: string;
  readonly username?: string;
  /** Names that the gateway has itself certified for. */
  readonly principals?: readonly string[];
  /** It holds no key for the target. */
  readonly noKey?: boolean;
  /** The gateway holds it for the target beside its key. */
  readonly password?: string;
}

export const ALLOW_ALL = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
  - id: lent-too
    effect: allow
    actions: [ssh.env, ssh.tunnel, ssh.forward.agent, ssh.forward.x11, ssh.forward.local, ssh.forward.local_socket, ssh.forward.remote, ssh.forward.remote_socket]
`;

export async function startSshWorld(options: SshWorldOptions = {}): Promise<SshWorld> {
  const sshd = options.sshd ?? (await startRealSshd(options.settings, options.keyType, options.hostKeyType));
  const path = await startPathWorld({
    policy: ALLOW_ALL,
    options: { hostKeys: [sshd.hostKey] },
    ...options,
    server: {
      port: sshd.port,
      username: options.username ?? sshd.username,
      password: options.password ?? null,
      ...(options.noKey === true ? {} : { key: sshd.key }),
      ...(options.principals === undefined ? {} : { principals: options.principals }),
    },
    island: { protocol: ssh, target: 'web-1' },
  });
  const dir = await mkdtemp(join(tmpdir(), 'gw-ssh-client-'));
  const knownHosts = join(dir, 'known_hosts');
  await writeFile(knownHosts, `gw ${path.serverKey ?? ''}\n`);
  await writeFile(join(dir, 'askpass'), '#!/bin/sh\nprintf "%s\\n" "$GW_TEST_TOKEN"\n', { mode: 0o755 });
  const config = join(dir, 'config');
  await writeFile(
    config,
    [
      'Host web-1',
      '  HostName 127.0.0.1',
      `  Port ${path.port}`,
      '  User web-1',
      '  HostKeyAlias gw',
      `  UserKnownHostsFile ${knownHosts}`,
      '  GlobalKnownHostsFile /dev/null',
      '  StrictHostKeyChecking yes',
      '  PreferredAuthentications password',
      '  NumberOfPasswordPrompts 1',
      '  LogLevel ERROR',
      '',
    ].join('\n'),
  );
  const env = { SSH_ASKPASS: join(dir, 'askpass'), SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' };
  return {
    sshd,
    path,
    dir,
    env: { ...env, GW_TEST_TOKEN: 'token-ann' },
    options: () => ['-F', config],
    ssh: (args, { person = 'ann', ...more } = {}) =>
      run('ssh', ['-F', config, ...args], { ...more, env: { ...env, GW_TEST_TOKEN: `token-${person}`, ...more.env } }),
    recorded: async () => {
      const items: SessionItem[] = [];
      for (const session of path.sessions) for await (const item of readSession(path.journalDir, path.bootId, session)) items.push(item);
      return items;
    },
    [Symbol.asyncDispose]: async () => {
      await path[Symbol.asyncDispose]();
      if (options.sshd === undefined) await sshd[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
