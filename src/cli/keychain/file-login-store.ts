/**
 * Logins in files of this user's state folder, 0600: encrypted when there is a passphrase, plain when there is none. The plain form is
 * never chosen silently; the caller announces it. A file that other users may read is refused, because its login must count as known.
 */
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredLogin } from '../../client/stored-login.js';
import { GwError } from '../../contract/gw-error.js';
import { gatewayFileName, type ProfilePaths, writePrivateFile } from '../profile/paths.js';
import { decodeLogin, encodeLogin } from './login-codec.js';
import { isSealed, seal, unseal } from './sealed-box.js';

export class FileLoginStore {
  readonly #paths: ProfilePaths;
  readonly #passphrase: string | null;

  constructor(paths: ProfilePaths, passphrase: string | null) {
    this.#paths = paths;
    this.#passphrase = passphrase;
  }

  path(gateway: string): string {
    return join(this.#paths.state, 'logins', `${gatewayFileName(new URL(gateway))}.json`);
  }

  async read(gateway: string): Promise<StoredLogin | null> {
    const path = this.path(gateway);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw new GwError('login.store', `The stored login in ${path} cannot be read.`, { cause });
    }
    if (process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0) {
      throw new GwError('login.store', `The stored login in ${path} can be read by other users of this machine.`, {
        hint: `Run \`gw logout\` and \`gw login\`; or, if you trust them, \`chmod 600 ${path}\`.`,
      });
    }
    const box = this.#parse(text);
    if (box === null) return decodeLogin(text, gateway);
    if (this.#passphrase === null) throw new GwError('login.store', `The stored login for ${gateway} is encrypted.`, { hint: 'Set GW_KEYRING_PASSPHRASE.' });
    return decodeLogin(unseal(box, this.#passphrase, gateway), gateway);
  }

  async write(login: StoredLogin): Promise<string> {
    const path = this.path(login.gateway);
    const text = encodeLogin(login);
    await writePrivateFile(path, this.#passphrase === null ? text : JSON.stringify(seal(text, this.#passphrase, login.gateway)));
    return this.#passphrase === null ? `the plain file ${path}` : `the encrypted file ${path}`;
  }

  async remove(gateway: string): Promise<boolean> {
    try {
      await rm(this.path(gateway));
      return true;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw new GwError('login.store', `The stored login in ${this.path(gateway)} cannot be removed.`, { cause });
    }
  }

  #parse(text: string): Parameters<typeof unseal>[0] | null {
    try {
      const value: unknown = JSON.parse(text);
      return isSealed(value) ? value : null;
    } catch {
      // Not JSON at all: `decodeLogin` says so with the right words.
      return null;
    }
  }
}
