/**
 * The target `web-1`: the system's own sshd on a port of loopback, below DIR/targets/web-1, with keys made for the world and for no other use.
 * A session on it is one of the account that started the world (under root: of the account that the database servers run as), so it lets in
 * one key only, which the gateway holds, forwards nothing, and ends with the world. Where that cannot be had, the world does without it.
 */
import { execFile } from 'node:child_process';
import { access, chown, constants, mkdir, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { readIfThere } from '../base/read-if-there.js';
import { readEnvironment } from '../config/environment.js';
import { openPath, type ServerAccount, serverAccount } from '../store/server-account.js';
import { type SupervisedProcess, superviseProcess } from '../store/supervised-process.js';
import { peersAreKnown } from './peer-account.js';
import { writePrivately } from './secret-file.js';

export interface WebTarget {
  readonly host: string;
  readonly port: number;
  /** Account of its sessions. */
  readonly username: string;
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
}

const HOST = '127.0.0.1';
const NAME = 'web-1';
const SERVERS = ['/usr/sbin', '/usr/local/sbin', '/usr/lib/ssh', '/opt/homebrew/sbin'];
/** Of the server to say that it listens, and to end. */
const START_MS = 10_000;
const STOP_MS = 3_000;
const IS_ROOT = userInfo().uid === 0;
/** Where an sshd under root locks itself in; Debian makes it when the service starts. */
const SEPARATION = '/run/sshd';
const run = promisify(execFile);

/** Never throws: a world without it is a world, too. */
export async function startWebTarget(options: WebTargetOptions): Promise<WebTarget | LeftOut> {
  try {
    const program = await findServer();
    if (program === null) return { leftOut: 'this machine has no sshd (Debian, Ubuntu: apt install openssh-server)' };
    if (!(await peersAreKnown())) return { leftOut: 'this system does not tell which account a connection is from, so other accounts could use it' };
    const account = await serverAccount();
    const { username, shell } = await who(account);
    if (!(await runs(shell)) || /\/(?:nologin|false)$/.test(shell)) return { leftOut: `the account ${username} has no login shell` };
    await prepare(options, username, account);
    return await started(program, options, username);
  } catch (cause) {
    return { leftOut: cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : 'it could not be started' };
  }
}

async function findServer(): Promise<string | null> {
  const onPath = (readEnvironment('PATH') ?? '').split(delimiter).filter(isAbsolute);
  // It starts itself anew for each connection, which it can by a full path only.
  for (const folder of [...SERVERS, ...onPath]) if (await runs(join(folder, 'sshd'))) return join(folder, 'sshd');
  return null;
}

const runs = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

async function who(account: ServerAccount | null): Promise<{ readonly username: string; readonly shell: string }> {
  if (account === null) {
    const { username, shell } = userInfo();
    return { username, shell: shell ?? '' };
  }
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((each) => each.startsWith(`${account.name}:`));
  return { username: account.name, shell: line?.split(':')[6] ?? '' };
}

async function prepare({ directory, base, port }: WebTargetOptions, username: string, account: ServerAccount | null): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await openPath(account, directory, base);
  const file = (name: string): string => join(directory, name);
  for (const name of ['host-key', 'gateway-key']) if ((await readIfThere(file(name))) === null) await makeKey(file(name));
  const publicKey = async (name: string): Promise<string> => (await readFile(`${file(name)}.pub`, 'utf8')).trim();
  await writePrivately(file('known_hosts'), `${NAME} ${await publicKey('host-key')}\n`);
  await writePrivately(file('authorized_keys'), `restrict,pty ${await publicKey('gateway-key')}\n`);
  await writePrivately(file('sshd_config'), `${settings(directory, port, username).join('\n')}\n`);
  // What the server itself reads, and no more.
  if (account !== null) for (const name of ['host-key', 'authorized_keys', 'sshd_config']) await chown(file(name), account.uid, account.gid);
}

const makeKey = (file: string): Promise<unknown> => run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'gw quickstart', '-f', file]);

function settings(directory: string, port: number, username: string): readonly string[] {
  return [
    '# Written at each start of the quickstart.',
    `ListenAddress ${HOST}:${port}`,
    `HostKey "${join(directory, 'host-key')}"`,
    `AuthorizedKeysFile "${join(directory, 'authorized_keys')}"`,
    `AllowUsers ${username}`,
    'AuthenticationMethods publickey',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin no',
    // Without it an sshd under root lets in no account that has no password.
    `UsePAM ${IS_ROOT ? 'yes' : 'no'}`,
    // Its folder is ours alone; what lies above is not its affair.
    'StrictModes no',
    'PidFile none',
    // What of it is let through is the gateway's policy to say, as of commands.
    'Subsystem sftp internal-sftp',
    'DisableForwarding yes',
    'PermitUserRC no',
    'PermitUserEnvironment no',
    'AcceptEnv LANG LC_*',
    'PrintMotd no',
    'UseDNS no',
    'MaxStartups 100',
    'MaxSessions 50',
  ];
}

async function started(program: string, { directory, port }: WebTargetOptions, username: string): Promise<WebTarget | LeftOut> {
  // Under root it stays root, as the system's own does, and gives each session away: an sshd that is not cannot make a terminal another's everywhere.
  if (IS_ROOT) await mkdir(SEPARATION, { recursive: true, mode: 0o755 });
  const server = superviseProcess({
    command: program,
    args: ['-D', '-e', '-f', join(directory, 'sshd_config')],
    stopSignal: 'TERM',
    cwd: directory,
    account: null,
  });
  server.stdout.resume();
  const said = await firstWords(server);
  if (said !== null) {
    await server.stop(STOP_MS);
    return { leftOut: `sshd does not start: ${said}` };
  }
  return { host: HOST, port, username, exited: server.exited, stop: () => server.stop(STOP_MS) };
}

/** Null: it listens. Else what it said last. */
function firstWords(server: SupervisedProcess): Promise<string | null> {
  let said = '';
  const last = (): string => said.trim().split('\n').at(-1) ?? '';
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(last() || 'it says nothing'), START_MS);
    const answer = (words: string | null): void => {
      clearTimeout(timer);
      resolve(words);
    };
    server.stderr.on('data', (chunk: Buffer) => {
      // What it says of sessions later is in the records of the gateway.
      if (said.length < 4_096) said += chunk.toString();
      if (said.includes('Server listening')) answer(null);
    });
    void server.exited.then(({ error }) => answer(error?.message ?? last()));
  });
}
