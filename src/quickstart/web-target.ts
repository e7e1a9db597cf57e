/**
 * The target `web-1`: the system's own sshd, or where there is none gw's own small server, on a port of loopback, below DIR/targets/web-1, with
 * keys made for the world and for no other use. A session on it is one of the account that started the world (under root: of the account that the
 * database servers run as), so it lets in one key only, which the gateway holds, forwards nothing, and ends with the world. Where that cannot be
 * had, the world does without it.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { readEnvironment } from '../config/environment.js';
import { openPath, type ServerAccount, serverAccount } from '../store/server-account.js';
import { firstWords } from './listening-server.js';
import { startOwnHostServer } from './own-host-server.js';
import { peersAreKnown } from './peer-account.js';
import { writePrivately } from './secret-file.js';
import { findSshd, isProgram, startSystemSshd } from './system-sshd.js';
import { keptKey } from './web-keys.js';

export interface WebTarget {
  readonly host: string;
  readonly port: number;
  /** Account of its sessions. */
  readonly username: string;
  /** Which server it is, for people. */
  readonly server: string;
  readonly exited: Promise<unknown>;
  stop(): Promise<void>;
}

/** Why there is none, as the end of a sentence. */
export interface LeftOut {
  readonly leftOut: string;
}

export interface WebTargetOptions {
  /** DIR/targets/web-1. */
  readonly directory: string;
  /** DIR. */
  readonly base: string;
  readonly port: number;
  /** Directory of the package. */
  readonly packageRoot: string;
  /** Where to look for an sshd. Left out: where systems have it, and on the PATH. */
  readonly sshdFolders?: readonly string[] | undefined;
}

const HOST = '127.0.0.1';
const NAME = 'web-1';
const USUAL_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/lib/ssh', '/opt/homebrew/sbin'];
const STOP_MS = 3_000;
/** Every system has it; accounts that run servers often have no shell for logins. */
const PLAIN_SHELL = '/bin/sh';

interface Owner {
  readonly account: ServerAccount | null;
  readonly username: string;
  readonly home: string;
  /** Null: it has none for logins. */
  readonly shell: string | null;
}

/** Never throws: a world without it is a world, too. */
export async function startWebTarget(options: WebTargetOptions): Promise<WebTarget | LeftOut> {
  try {
    if (!(await peersAreKnown())) return { leftOut: 'this system does not tell which account a connection is from, so other accounts could use it' };
    return await start(options, await owner());
  } catch (cause) {
    return { leftOut: cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : 'it could not be started' };
  }
}

async function start(options: WebTargetOptions, { account, username, home, shell }: Owner): Promise<WebTarget | LeftOut> {
  const { directory, base, port, packageRoot } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await openPath(account, directory, base);
  const [hostKey, authorizedKey] = [await keptKey(join(directory, 'host-key')), await keptKey(join(directory, 'gateway-key'))];
  await writePrivately(join(directory, 'known_hosts'), `${NAME} ${hostKey}\n`);
  const common = { directory, host: HOST, port, username, account, authorizedKey };
  // An sshd runs the login shell and nothing else.
  const sshd = shell === null ? null : await findSshd(options.sshdFolders ?? usualFolders());
  const server =
    sshd === null
      ? await startOwnHostServer({ ...common, packageRoot, home, shell: shell ?? PLAIN_SHELL })
      : await startSystemSshd({ ...common, program: sshd });
  const name = sshd === null ? "gw's own small server" : 'sshd';
  server.stdout.resume();
  const said = await firstWords(server);
  if (said !== null) {
    await server.stop(STOP_MS);
    return { leftOut: `${name} does not start: ${said}` };
  }
  return { host: HOST, port, username, server: name, exited: server.exited, stop: () => server.stop(STOP_MS) };
}

const usualFolders = (): readonly string[] => [...USUAL_FOLDERS, ...(readEnvironment('PATH') ?? '').split(delimiter).filter(isAbsolute)];

async function owner(): Promise<Owner> {
  const account = await serverAccount();
  const { username, homedir, shell } = account === null ? userInfo() : await passwdEntry(account);
  const forLogins = shell !== null && shell !== '' && !/\/(?:nologin|false)$/.test(shell) && (await isProgram(shell));
  return { account, username, home: homedir, shell: forLogins ? shell : null };
}

async function passwdEntry({ name }: ServerAccount): Promise<{ readonly username: string; readonly homedir: string; readonly shell: string | null }> {
  const fields = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .find((line) => line.startsWith(`${name}:`))
    ?.split(':');
  return { username: name, homedir: fields?.[5] ?? '/', shell: fields?.[6] ?? null };
}
