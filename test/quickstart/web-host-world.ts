/** web-1 on a machine without an sshd: gw's own small server as the quickstart starts it, with files of its account and options for the system's clients. */
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { type IPty, spawn as spawnTerminal } from '@lydell/node-pty';
import { freePort } from '../../src/base/free-port.js';
import { startWebTarget, type WebTarget } from '../../src/quickstart/web-target.js';
import { serverAccount } from '../../src/store/server-account.js';
import { buildCli, ROOT } from '../support/build-cli.js';
import type { RealSshd } from '../support/real-sshd.js';
import { type Ended, type RunOptions, run } from '../support/ssh-world.js';

export interface WebHostWorld extends AsyncDisposable {
  readonly target: WebTarget;
  /** DIR/targets/web-1. */
  readonly keys: string;
  /** A folder that the account of web-1 may write to. */
  readonly files: string;
  /** Account of its sessions. */
  readonly uid: number;
  readonly options: readonly string[];
  /** `USER@HOST`. */
  readonly login: string;
  ssh(args: readonly string[], options?: RunOptions): Promise<Ended>;
  /** The same server, as a gateway's tests know one. */
  asSshd(): Promise<RealSshd>;
}

/** Starts it below a new directory, or again below that of another one. */
export async function startWebHost(again?: string): Promise<WebHostWorld> {
  await buildCli();
  const base = again ?? (await realpath(await mkdtemp(join(tmpdir(), 'gw-web-host-'))));
  await chmod(base, 0o755);
  const keys = join(base, 'targets', 'web-1');
  const port = await freePort();
  const target = await startWebTarget({ directory: keys, base, port, packageRoot: ROOT, sshdFolders: [] });
  if ('leftOut' in target) throw new Error(target.leftOut);
  const account = await serverAccount();
  const files = join(base, 'files');
  await mkdir(files, { recursive: true });
  if (account !== null) await chown(files, account.uid, account.gid);
  const options = [
    ...['-F', '/dev/null', '-o', `UserKnownHostsFile=${join(keys, 'known_hosts')}`, '-o', 'HostKeyAlias=web-1', '-o', 'StrictHostKeyChecking=yes'],
    ...['-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes', '-o', 'LogLevel=ERROR', '-o', `Port=${port}`],
  ];
  const login = `${target.username}@127.0.0.1`;
  const withKey = [...options, '-i', join(keys, 'gateway-key')];
  return {
    target,
    keys,
    files,
    uid: account?.uid ?? userInfo().uid,
    options: withKey,
    login,
    ssh: (args, more) => run('ssh', [...withKey, login, ...args], more),
    asSshd: async () => ({
      port,
      username: target.username,
      key: await readFile(join(keys, 'gateway-key'), 'utf8'),
      keyFile: join(keys, 'gateway-key'),
      hostKey: (await readFile(join(keys, 'known_hosts'), 'utf8')).trim().split(' ').slice(1).join(' '),
      dir: base,
      log: () => '',
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
    [Symbol.asyncDispose]: async () => {
      await target.stop();
      if (again === undefined) await rm(base, { recursive: true, force: true });
    },
  };
}

export interface TypedTerminal {
  readonly pty: IPty;
  /** Waits until what it showed matches, and gives the match. */
  shows(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<number>;
}

/** A program on a terminal of 100 columns and 30 rows. */
export function atTerminal(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): TypedTerminal {
  const pty = spawnTerminal(command, [...args], { name: 'xterm', cols: 100, rows: 30, env: { PATH: process.env['PATH'] ?? '', ...env } });
  let shown = '';
  let looks: () => void = () => undefined;
  pty.onData((text) => {
    shown += text;
    looks();
  });
  const ended = new Promise<number>((resolve) => pty.onExit(({ exitCode }) => resolve(exitCode)));
  return {
    pty,
    ended,
    shows: (pattern) =>
      new Promise((resolve, reject) => {
        looks = () => {
          const found = pattern.exec(shown);
          if (found !== null) resolve(found);
        };
        looks();
        void ended.then(() => reject(new Error(`it ended: ${shown}`)));
      }),
  };
}

/** First bytes that a program says. */
export async function firstOutput(stream: NodeJS.ReadableStream): Promise<string> {
  const [chunk] = (await once(stream, 'data')) as [Buffer];
  return chunk.toString();
}
