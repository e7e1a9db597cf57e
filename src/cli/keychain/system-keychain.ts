/**
 * The keychain of the operating system (macOS Keychain, Windows Credential Manager, Secret Service on Linux) through keytar's
 * interface. On Linux without a session bus the library would fall back to the kernel's keyring, which another process may not see: a
 * login kept there would be lost silently, so such a keychain counts as missing, and a fresh entry is read back by another process.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as Keytar from 'keytar/keytar.js';
import { GwError } from '../../contract/gw-error.js';
import type { Environment } from '../environment.js';

const SERVICE = 'gw';
const require = createRequire(import.meta.url);
/** A keychain that must be unlocked may ask the user. Milliseconds. */
const TIMEOUT = 60_000;

export interface SystemKeychain {
  get(account: string): Promise<string | null>;
  /** Rejects when another process would not find the entry. */
  set(account: string, value: string): Promise<void>;
  delete(account: string): Promise<boolean>;
}

const READ_BACK = `require(process.argv[1]).getPassword(process.argv[2], process.argv[3]).then((value) => process.stdout.write(require('node:crypto').createHash('sha256').update(value ?? '').digest('hex')))`;

function readByOther(account: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['-e', READ_BACK, require.resolve('keytar/keytar.js'), SERVICE, account], { timeout: TIMEOUT }, (error, stdout) => {
      if (error) reject(error);
      else resolve(stdout);
    });
  });
}

function isNoEntry(cause: unknown): boolean {
  return cause instanceof Error && /no (matching )?entry|no result/i.test(cause.message);
}

/** Null when this machine has no keychain that keeps what it is given. */
export function systemKeychain(environment: Pick<Environment, 'dbus' | 'runtimeDir'>): SystemKeychain | null {
  if (process.platform === 'linux' && !environment.dbus && !(environment.runtimeDir !== null && existsSync(join(environment.runtimeDir, 'bus')))) return null;
  let keytar: typeof Keytar;
  try {
    keytar = require('keytar/keytar.js') as typeof Keytar;
  } catch {
    // No binary for this platform: the same as no keychain; the caller says where logins go instead.
    return null;
  }
  const get = async (account: string): Promise<string | null> => {
    try {
      return (await keytar.getPassword(SERVICE, account)) ?? null;
    } catch (cause) {
      if (isNoEntry(cause)) return null;
      throw cause;
    }
  };
  return {
    get,
    async set(account, value) {
      await keytar.setPassword(SERVICE, account, value);
      const digest = createHash('sha256').update(value).digest('hex');
      if (process.platform === 'linux' && (await readByOther(account)) !== digest)
        throw new GwError('login.store', 'The keychain of this machine does not keep what it is given.');
    },
    async delete(account) {
      try {
        return await keytar.deletePassword(SERVICE, account);
      } catch (cause) {
        if (isNoEntry(cause)) return false;
        throw cause;
      }
    },
  };
}
