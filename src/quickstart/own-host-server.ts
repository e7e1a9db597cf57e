/**
 * gw's own small server as the server of web-1, where the system has no sshd: a process that runs as the account of its sessions from its
 * first moment on, so under root it is never root's. That account must be able to read the program, which a gw in root's home keeps from it.
 */
import { chown } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { GwError } from '../contract/gw-error.js';
import { canEnter, type ServerAccount } from '../store/server-account.js';
import { type SupervisedProcess, superviseProcess } from '../store/supervised-process.js';
import { writePrivately } from './secret-file.js';
import type { HostSettings } from './web-host/host-settings.js';

export interface OwnHostServerOptions extends Omit<HostSettings, 'hostKeyFile'> {
  readonly directory: string;
  readonly account: ServerAccount | null;
  /** Directory of the package: the compiled program is what runs. */
  readonly packageRoot: string;
}

const LIBRARIES = ['ssh2', '@lydell/node-pty'] as const;

/** @throws GwError `quickstart.start` where the account cannot read what it runs */
export async function startOwnHostServer({ directory, account, packageRoot, ...settings }: OwnHostServerOptions): Promise<SupervisedProcess> {
  const program = join(packageRoot, 'dist', 'quickstart', 'web-host', 'host-main.js');
  const { resolve } = createRequire(program);
  const needed = [() => process.execPath, () => dirname(program), ...LIBRARIES.map((name) => () => dirname(resolve(name)))];
  for (const find of needed) {
    const path = find();
    if (await canEnter(account, path)) continue;
    throw new GwError(
      'quickstart.start',
      `gw's own small server runs as ${account?.name ?? settings.username}, which may not enter ${path}; install gw where everyone may, such as in /opt`,
    );
  }
  const hostKeyFile = join(directory, 'host-key');
  const file = join(directory, 'host.json');
  await writePrivately(file, `${JSON.stringify({ ...settings, hostKeyFile } satisfies HostSettings, null, 2)}\n`);
  // What the server itself reads, and no more.
  if (account !== null) for (const name of [hostKeyFile, file]) await chown(name, account.uid, account.gid);
  // It has nothing of our environment: what is in it is not for the sessions on web-1.
  return superviseProcess({ command: process.execPath, args: [program, file], stopSignal: 'TERM', cwd: directory, env: {}, account });
}
