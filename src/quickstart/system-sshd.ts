/** The system's own sshd as the server of web-1: which program it is, its configuration, and its process. */
import { access, chown, constants, mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { ServerAccount } from '../store/server-account.js';
import { type SupervisedProcess, superviseProcess } from '../store/supervised-process.js';
import { writePrivately } from './secret-file.js';

const IS_ROOT = userInfo().uid === 0;
/** Where an sshd under root locks itself in; Debian makes it when the service starts. */
const SEPARATION = '/run/sshd';

export interface SystemSshdOptions {
  readonly program: string;
  readonly directory: string;
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly account: ServerAccount | null;
  /** `TYPE BASE64` of the one key that is let in. */
  readonly authorizedKey: string;
}

/** The sshd in the first folder that has one. It starts itself anew for each connection, which it can by a full path only. */
export async function findSshd(folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) if (await isProgram(join(folder, 'sshd'))) return join(folder, 'sshd');
  return null;
}

export const isProgram = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

export async function startSystemSshd(options: SystemSshdOptions): Promise<SupervisedProcess> {
  const { directory, account } = options;
  const file = (name: string): string => join(directory, name);
  await writePrivately(file('authorized_keys'), `restrict,pty ${options.authorizedKey}\n`);
  await writePrivately(file('sshd_config'), `${settings(options).join('\n')}\n`);
  // What the server itself reads, and no more.
  if (account !== null) for (const name of ['host-key', 'authorized_keys', 'sshd_config']) await chown(file(name), account.uid, account.gid);
  // Under root it stays root, as the system's own does, and gives each session away: an sshd that is not cannot make a terminal another's everywhere.
  if (IS_ROOT) await mkdir(SEPARATION, { recursive: true, mode: 0o755 });
  return superviseProcess({ command: options.program, args: ['-D', '-e', '-f', file('sshd_config')], stopSignal: 'TERM', cwd: directory, account: null });
}

function settings({ directory, host, port, username }: SystemSshdOptions): readonly string[] {
  return [
    '# Written at each start of the quickstart.',
    `ListenAddress ${host}:${port}`,
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
