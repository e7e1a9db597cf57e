/**
 * The system's own sshd for a test file, on a free port and for the account that runs the tests: keys, configuration and home below a temporary
 * directory, no PAM, no other account.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../src/base/free-port.js';

const exec = promisify(execFile);
const SSHD = '/usr/sbin/sshd';

export interface RealSshd extends AsyncDisposable {
  readonly port: number;
  readonly username: string;
  /** Private key that the server lets in, in OpenSSH's format; and its file. */
  readonly key: string;
  readonly keyFile: string;
  /** `TYPE BASE64` of the host key. */
  readonly hostKey: string;
  readonly dir: string;
  /** What it said so far. */
  log(): string;
}

async function makeKey(file: string, type = 'ed25519', format: readonly string[] = []): Promise<string> {
  await exec('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'test', '-f', file, ...format]);
  return readFile(file, 'utf8');
}

/** Replaces the names in a known_hosts file by their hashes. */
export async function hashKnownHosts(file: string): Promise<void> {
  await exec('ssh-keygen', ['-q', '-H', '-f', file]);
}

const publicKey = async (file: string): Promise<string> => (await readFile(`${file}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ');

/** `settings`: further lines of sshd_config. `keyType`: of the client's key. `certify` makes a certificate of the host key in a file, and gives the file with it. */
export async function startRealSshd(
  settings: readonly string[] = [],
  keyType = 'ed25519',
  hostKeyType = 'ed25519',
  port?: number,
  certify?: (hostKeyFile: string) => Promise<string>,
): Promise<RealSshd> {
  const dir = await mkdtemp(join(tmpdir(), 'gw-sshd-'));
  await chmod(dir, 0o755);
  await mkdir(join(dir, 'files'));
  const hostKeyFile = join(dir, 'host');
  await makeKey(hostKeyFile, hostKeyType);
  const keyFile = join(dir, 'client');
  const key = await makeKey(keyFile, keyType);
  await writeFile(join(dir, 'authorized'), await publicKey(keyFile), { mode: 0o600 });
  // sshd wants its folder for privilege separation, even where it has no privileges to separate.
  if (userInfo().uid === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const listening = port ?? (await freePort());
  const config = [
    `Port ${listening}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${hostKeyFile}`,
    ...(certify === undefined ? [] : [`HostCertificate ${await certify(hostKeyFile)}`]),
    `AuthorizedKeysFile ${join(dir, 'authorized')}`,
    `PidFile ${join(dir, 'pid')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin yes',
    'Subsystem sftp internal-sftp',
    'AcceptEnv LANG LC_* GW_*',
    'MaxStartups 200',
    'MaxSessions 100',
    'LogLevel VERBOSE',
    ...settings,
  ];
  await writeFile(join(dir, 'config'), `${config.join('\n')}\n`);
  const child = spawn(SSHD, ['-D', '-e', '-f', join(dir, 'config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('Server listening')) resolve();
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`sshd: ${log}`)));
  });
  return {
    port: listening,
    username: userInfo().username,
    key,
    keyFile,
    hostKey: await publicKey(hostKeyFile),
    dir,
    log: () => log,
    [Symbol.asyncDispose]: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
