/** The part of `gw doctor` that needs no gateway: runtime, files and keychain of this machine. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../environment.js';
import { systemKeychain } from '../keychain/system-keychain.js';
import type { ProfilePaths } from '../profile/paths.js';
import type { Finding } from './finding.js';

export function checkRuntime(): Finding {
  const [majorVersion = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (majorVersion > 20 || (majorVersion === 20 && minor >= 19)) return { check: 'runtime', result: 'ok', detail: `node ${process.version}`, next: null };
  return { check: 'runtime', result: 'fail', detail: `node ${process.version} is too old`, next: 'Install Node 20.19 or later.' };
}

async function exposed(path: string): Promise<boolean> {
  const mode = await stat(path).then(
    (found) => found.mode,
    () => 0,
  );
  return (mode & 0o077) !== 0;
}

/** Files that hold logins must be readable by their owner alone. */
export async function checkFiles(paths: ProfilePaths): Promise<readonly Finding[]> {
  if (process.platform === 'win32') return [];
  const logins = join(paths.state, 'logins');
  const names = await readdir(logins).catch((): string[] => []);
  const candidates = [paths.userFile, ...names.map((name) => join(logins, name))];
  const open: string[] = [];
  for (const path of candidates) if (await exposed(path)) open.push(path);
  if (open.length === 0) return [{ check: 'files', result: 'ok', detail: 'settings and logins are readable by you alone', next: null }];
  return [{ check: 'files', result: 'fail', detail: `readable by other users: ${open.join(', ')}`, next: `chmod 600 ${open.join(' ')}` }];
}

export function checkKeychain(environment: Environment): Finding {
  if (environment.keyring === 'file' || environment.keyringPassphrase !== null) {
    return {
      check: 'keychain',
      result: 'ok',
      detail: `not used: logins go to ${environment.keyringPassphrase === null ? 'a plain file, as GW_KEYRING says' : 'an encrypted file'}`,
      next: null,
    };
  }
  if (systemKeychain(environment) !== null) return { check: 'keychain', result: 'ok', detail: 'the keychain of this machine can be used', next: null };
  return {
    check: 'keychain',
    result: 'warn',
    detail: 'there is none; logins go to a plain file that you alone can read',
    next: 'Set GW_KEYRING_PASSPHRASE to encrypt it.',
  };
}
