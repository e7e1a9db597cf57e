/**
 * Where logins are kept: the system's keychain; the encrypted file when GW_KEYRING_PASSPHRASE is set; the plain 0600 file when there is
 * no keychain that works, which is announced. A login is never dropped silently: what cannot be kept in the first place goes to the
 * next, and what is kept in a place that has since become unreadable is an error, not "no login".
 */
import type { LoginStore, StoredLogin } from '../../client/stored-login.js';
import { GwError } from '../../contract/gw-error.js';
import type { Environment } from '../environment.js';
import type { ProfilePaths } from '../profile/paths.js';
import { FileLoginStore } from './file-login-store.js';
import { decodeLogin, encodeLogin } from './login-codec.js';
import { type SystemKeychain, systemKeychain } from './system-keychain.js';

export interface LoginStoreOptions {
  readonly environment: Environment;
  readonly paths: ProfilePaths;
  /** Tells the user where a login went when it is not where one would expect it. */
  announce(message: string): void;
}

type Place = 'keychain' | 'file' | 'either';

function placeOf(environment: Environment): Place {
  const { keyring } = environment;
  if (keyring === 'keychain' || keyring === 'file') return keyring;
  if (keyring !== null) throw new GwError('usage.invalid', `GW_KEYRING is "${keyring}".`, { hint: 'Set it to keychain or to file.' });
  return environment.keyringPassphrase === null ? 'either' : 'file';
}

export function openLoginStore(options: LoginStoreOptions): LoginStore {
  const place = placeOf(options.environment);
  const file = new FileLoginStore(options.paths, options.environment.keyringPassphrase);
  // Loaded at the first need: opening a keychain may ask the user.
  let opened: SystemKeychain | null | undefined;
  const keychain = (): SystemKeychain | null => {
    opened ??= place === 'file' ? null : systemKeychain(options.environment);
    if (opened === null && place === 'keychain') throw new GwError('login.store', 'This machine has no keychain that works, and GW_KEYRING asks for one.');
    return opened;
  };

  return {
    async read(gateway) {
      const inFile = await file.read(gateway);
      if (inFile !== null && place !== 'keychain') return inFile;
      const chain = keychain();
      if (chain === null) return null;
      let text: string | null;
      try {
        text = await chain.get(gateway);
      } catch (cause) {
        throw new GwError('login.store', 'The keychain of this machine could not be read.', { cause });
      }
      return text === null ? null : decodeLogin(text, gateway);
    },

    async write(login: StoredLogin) {
      const chain = keychain();
      let why = 'there is no keychain that works here';
      if (chain !== null) {
        try {
          await chain.set(login.gateway, encodeLogin(login));
          await file.remove(login.gateway);
          return 'the keychain';
        } catch (cause) {
          if (place === 'keychain') throw new GwError('login.store', 'The keychain of this machine did not take the login.', { cause });
          why = 'the keychain did not take it';
        }
      }
      const known = await file.read(login.gateway).catch(() => null);
      const where = await file.write(login);
      if (place === 'either' && known === null) {
        options.announce(
          `The login is kept in ${where}, readable by you alone, because ${why}.\nSet GW_KEYRING_PASSPHRASE to encrypt it, or GW_KEYRING=file to choose the file without this notice.`,
        );
      }
      return where;
    },

    async remove(gateway) {
      const wasInFile = await file.remove(gateway);
      try {
        return ((await keychain()?.delete(gateway)) ?? false) || wasInFile;
      } catch (cause) {
        throw new GwError('login.store', 'The login could not be removed from the keychain of this machine.', { cause });
      }
    },
  };
}
