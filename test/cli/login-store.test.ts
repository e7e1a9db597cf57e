/** Where logins are kept, and that none is lost or moved silently. */
import { chmod, copyFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childEnvironment, readEnvironment } from '../../src/cli/environment.js';
import { openLoginStore } from '../../src/cli/keychain/login-store.js';
import { seal, unseal } from '../../src/cli/keychain/sealed-box.js';
import { systemKeychain } from '../../src/cli/keychain/system-keychain.js';
import { profilePaths } from '../../src/cli/profile/paths.js';
import type { StoredLogin } from '../../src/client/stored-login.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gw-store-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const login = (gateway: string): StoredLogin => ({
  version: 1,
  gateway,
  method: 'device',
  issuer: 'https://issuer.test',
  clientId: 'gw',
  subject: 'sub',
  name: 'alice',
  audience: 'gw',
  scopes: [],
  token: 'the-token',
  refreshToken: 'the-refresh-token',
  obtainedAt: 1,
  expiresAt: 2,
  secretFile: null,
  tokenFile: null,
});

function storeWith(name: string, variables: Record<string, string>) {
  const environment = readEnvironment({ XDG_STATE_HOME: join(folder, name), XDG_CONFIG_HOME: join(folder, name), ...variables });
  const said: string[] = [];
  const paths = profilePaths(environment);
  return {
    store: openLoginStore({ environment, paths, announce: (message) => said.push(message) }),
    said,
    file: (gateway: string) => join(paths.state, 'logins', `${gateway}.json`),
  };
}

describe('the store', () => {
  it('announces a plain file once, keeps it 0600, and gives the login back', async () => {
    const { store, said, file } = storeWith('plain', {});
    await store.write(login('https://a.test:1'));
    await store.write(login('https://a.test:1'));
    expect(said).toHaveLength(1);
    expect((await stat(file('a.test_1'))).mode & 0o777).toBe(0o600);
    expect(await store.read('https://a.test:1')).toEqual(login('https://a.test:1'));
    expect(await store.read('https://b.test:1')).toBeNull();
    expect(await store.remove('https://a.test:1')).toBe(true);
    expect(await store.remove('https://a.test:1')).toBe(false);
  });

  it('does not announce a file that was chosen', async () => {
    const chosen = storeWith('chosen', { GW_KEYRING: 'file' });
    await chosen.store.write(login('https://a.test:1'));
    expect(chosen.said).toEqual([]);
  });

  it('refuses a login that other users can read', async () => {
    const { store, file } = storeWith('open', { GW_KEYRING: 'file' });
    await store.write(login('https://a.test:1'));
    await chmod(file('a.test_1'), 0o640);
    await expect(store.read('https://a.test:1')).rejects.toMatchObject({ code: 'login.store' });
  });

  it('refuses a login that was copied to another gateway’s place, plain and encrypted', async () => {
    for (const variables of [{ GW_KEYRING: 'file' }, { GW_KEYRING_PASSPHRASE: 'pass' }]) {
      const { store, file } = storeWith('moved', variables);
      await store.write(login('https://a.test:1'));
      await copyFile(file('a.test_1'), file('evil.test_1'));
      await expect(store.read('https://evil.test:1')).rejects.toMatchObject({ code: 'login.store' });
    }
  });

  it('says when a keychain is asked for and there is none, instead of using a file', async () => {
    const { store, file } = storeWith('none', { GW_KEYRING: 'keychain' });
    await expect(store.write(login('https://a.test:1'))).rejects.toMatchObject({ code: 'login.store' });
    await expect(readFile(file('a.test_1'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('counts a Linux session without a bus as one without a keychain: the kernel’s keyring would lose the login', () => {
    expect(systemKeychain({ dbus: false, runtimeDir: null }) === null).toBe(process.platform === 'linux');
  });
});

describe('a sealed box', () => {
  it('opens with its passphrase and for its gateway only, and not after any change', () => {
    const box = seal('the text', 'pass', 'https://a.test');
    expect(unseal(box, 'pass', 'https://a.test')).toBe('the text');
    expect(() => unseal(box, 'Pass', 'https://a.test')).toThrow(/passphrase/);
    expect(() => unseal(box, 'pass', 'https://b.test')).toThrow();
    for (const field of ['salt', 'nonce', 'tag', 'data'] as const) {
      const bytes = Buffer.from(box[field], 'base64');
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      expect(() => unseal({ ...box, [field]: bytes.toString('base64') }, 'pass', 'https://a.test')).toThrow();
    }
    // A tag that is cut short would be easier to guess.
    expect(() => unseal({ ...box, tag: Buffer.from(box.tag, 'base64').subarray(0, 4).toString('base64') }, 'pass', 'https://a.test')).toThrow();
  });
});

describe('the environment of a child', () => {
  it('has no secret of gw, and keeps everything else', () => {
    const env = childEnvironment(
      { A: '1', B: null },
      { GW_ID_TOKEN: 't', GW_CLIENT_SECRET: 's', GW_KEYRING_PASSPHRASE: 'p', GITLAB_OIDC_TOKEN: 'g', B: '2', C: '3', GW_GATEWAY: 'https://g' },
    );
    expect(env).toEqual({ A: '1', C: '3', GW_GATEWAY: 'https://g' });
  });
});
