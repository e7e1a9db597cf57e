/**
 * Adapter: as whom an embedded server runs. PostgreSQL refuses root, so under root it runs as an unprivileged account that every Debian
 * has (`postgres` when installed, else `nobody`), and that account must be able to enter each directory on the way to its data. Only
 * directories of gw's own (below `base`) are opened for it, and only for its group, to enter and not to list.
 */
import { chmod, chown, lchown, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { GwError } from '../contract/gw-error.js';

export interface ServerAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The account for a server, or null when we are not root and the server runs as ourselves. */
export async function serverAccount(): Promise<ServerAccount | null> {
  if (process.geteuid?.() !== 0) return null;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    const uid = Number(fields?.[2]);
    const gid = Number(fields?.[3]);
    if (Number.isInteger(uid) && Number.isInteger(gid) && uid > 0) return { name, uid, gid };
  }
  throw new GwError('store.start', 'PostgreSQL does not run as root, and this machine has neither a user `postgres` nor `nobody` to run it as.', {
    hint: 'Run gw as an ordinary user.',
  });
}

/** Whether the account may enter `path` and every directory above it. Null accounts (ourselves) always may. */
export async function canEnter(account: ServerAccount | null, path: string): Promise<boolean> {
  return account === null || (await firstClosed(account, path)) === null;
}

/**
 * Makes sure that the account may enter `path`, opening directories below or at `base` that are ours.
 * @throws GwError `store.start` naming the first directory that is closed and is not ours to open.
 */
export async function openPath(account: ServerAccount | null, path: string, base: string | null): Promise<void> {
  if (account === null) return;
  for (;;) {
    const closed = await firstClosed(account, path);
    if (closed === null) return;
    const own = base !== null && !relative(base, closed.path).startsWith('..') && closed.uid === 0;
    if (!own) {
      throw new GwError(
        'store.start',
        `PostgreSQL runs as the user ${account.name} (it refuses root), and that user cannot enter ${closed.path} on the way to ${path}.`,
        { hint: `Choose a directory it can reach, such as one below /var/lib/gw, or run: chmod o+x ${closed.path}`, detail: { directory: closed.path } },
      );
    }
    await chown(closed.path, 0, account.gid);
    await chmod(closed.path, (closed.mode & 0o7707) | 0o010);
  }
}

async function firstClosed(account: ServerAccount, path: string): Promise<{ path: string; uid: number; mode: number } | null> {
  const chain: string[] = [path];
  for (let at = path; dirname(at) !== at; at = dirname(at)) chain.unshift(dirname(at));
  for (const step of chain) {
    const { uid, gid, mode } = await stat(step);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return { path: step, uid, mode: mode & 0o7777 };
  }
  return null;
}

/** Gives a whole tree to the account. Symbolic links are changed themselves, never followed. */
export async function giveTree(account: ServerAccount | null, path: string): Promise<void> {
  if (account === null) return;
  if ((await stat(path)).uid === account.uid) return;
  for (const entry of await readdir(path, { recursive: true })) await lchown(join(path, entry), account.uid, account.gid);
  // The top goes last: it is what tells a later start that the whole tree was given.
  await lchown(path, account.uid, account.gid);
}
