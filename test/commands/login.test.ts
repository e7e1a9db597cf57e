/** `gw login`, renewal, `gw logout` with the real CLI and a real OpenID Connect provider that rotates refresh tokens. */

import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GwError } from '../../src/contract/gw-error.js';
import { approveDevice } from '../../src/quickstart/approve-device.js';
import { clientSecretFile } from '../../src/quickstart/issuer-keys.js';
import { type RunningIssuer, startIssuer } from '../../src/quickstart/start-issuer.js';
import { type FakeGateway, person, startFakeGateway } from '../support/fake-gateway.js';
import { type CliHome, type CliOptions, makeHome, type RunningCli, tokenFor } from '../support/run-cli.js';
import { makeAuthority, type TestAuthority } from '../support/test-authority.js';

let authority: TestAuthority;
let issuer: RunningIssuer;
let issuerHome: CliHome;
let gateway: FakeGateway;
let home: CliHome;

beforeAll(async () => {
  authority = await makeAuthority();
  issuerHome = await makeHome();
  issuer = await startIssuer(0, issuerHome.folder);
  const keys = createRemoteJWKSet(new URL(`${issuer.url}/jwks`));
  gateway = await startFakeGateway({
    certificate: await authority.issue(),
    login: { issuer: issuer.url, clientId: 'gw', audience: 'gw', scopes: ['openid', 'profile', 'email', 'offline_access'] },
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, keys, { issuer: issuer.url, audience: 'gw' });
        return { ...person(payload.sub ?? '', (payload.exp ?? 0) * 1000), issuer: issuer.url, subject: payload.sub ?? '' };
      } catch {
        return new GwError('login.token_invalid', 'The token was not accepted (signature).');
      }
    },
  });
});

afterAll(async () => {
  await gateway.close();
  await issuer.stop();
  await issuerHome.remove();
});

beforeEach(async () => {
  home = await makeHome();
  await home.trust(gateway.port, authority.ca);
});

afterEach(() => home.remove());

async function confirm(cli: RunningCli, name: string): Promise<void> {
  const text = await cli.stderrHas('Waiting for you');
  const url = /Open (\S+)/.exec(text)?.[1] ?? '';
  const code = /confirm the code (\S+)/.exec(text)?.[1] ?? '';
  await approveDevice(`${url}?user_code=${code}`, name);
}

async function login(name: string, options: CliOptions = {}): Promise<RunningCli> {
  const cli = home.start(['login', '--gateway', gateway.url, '--json'], options);
  await confirm(cli, name);
  return cli;
}

const loginFile = (): string => join(home.folder, 'state', 'gw', 'logins', `localhost_${gateway.port}.json`);

interface Kept {
  token: string;
  refreshToken: string;
  expiresAt: number;
  obtainedAt: number;
}

async function age(): Promise<Kept> {
  const kept = JSON.parse(await readFile(loginFile(), 'utf8')) as Kept;
  await writeFile(loginFile(), JSON.stringify({ ...kept, obtainedAt: Date.now() - 7_200_000, expiresAt: Date.now() - 3_600_000 }), { mode: 0o600 });
  return kept;
}

describe('gw login by device code', () => {
  it('logs a person in, prints no token, keeps the login readable by its owner alone, and remembers the gateway', async () => {
    const result = await (await login('alice')).done;
    expect(result.code).toBe(0);
    expect(JSON.parse(result.stdout)).toMatchObject({ gateway: gateway.url, method: 'device', name: 'alice', issuer: issuer.url });
    const kept = JSON.parse(await readFile(loginFile(), 'utf8')) as Kept;
    for (const secret of [kept.token, kept.refreshToken]) {
      expect(secret.length).toBeGreaterThan(20);
      expect(result.stdout + result.stderr).not.toContain(secret);
    }
    expect((await stat(loginFile())).mode & 0o777).toBe(0o600);
    expect((await stat(join(home.folder, 'config', 'gw', 'config.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(home.folder, 'state', 'gw', 'logins'))).mode & 0o077).toBe(0);
    const status = await home.run(['status', '--json']);
    expect(status.code).toBe(0);
    expect(JSON.parse(status.stdout)).toMatchObject({ gateway: gateway.url, reachable: true, login: { name: 'alice' } });
  });

  it('encrypts the login under GW_KEYRING_PASSPHRASE, and a wrong passphrase does not open it', async () => {
    await (await login('alice', { env: { GW_KEYRING_PASSPHRASE: 'open sesame' } })).done;
    const text = await readFile(loginFile(), 'utf8');
    expect(text).toContain('gw-login-sealed/1');
    expect(text).not.toContain('alice');
    expect((await home.run(['status'], { env: { GW_KEYRING_PASSPHRASE: 'open sesame' } })).code).toBe(0);
    const wrong = await home.run(['status', '--json'], { env: { GW_KEYRING_PASSPHRASE: 'open barley' } });
    expect(JSON.parse(wrong.stdout)).toMatchObject({ login: null, problem: { code: 'login.store' } });
    expect(wrong.code).toBe(1);
  });

  it('says where a login goes when there is no keychain', async () => {
    const result = await (await login('alice', { env: { GW_KEYRING: '' } })).done;
    expect(result.stderr).toContain('there is no keychain that works here');
    expect(result.stderr).toContain(loginFile());
  });

  it('shows a QR code on demand', async () => {
    const cli = home.start(['login', '--gateway', gateway.url, '--qr']);
    expect(await cli.stderrHas('Waiting for you')).toMatch(/[█▀▄]{10}/);
    cli.child.kill('SIGINT');
    expect((await cli.done).signal).toBe('SIGINT');
  });

  it('does not wait for a person where there is none', async () => {
    for (const options of [{ env: { CI: 'true' } }, { env: { GW_NO_INPUT: '1' } }]) {
      const result = await home.run(['login', '--gateway', gateway.url], options);
      expect(result).toMatchObject({ code: 4, stdout: '' });
      expect(result.stderr).toContain('GW_ID_TOKEN');
    }
  });
});

describe('renewal', () => {
  it('is silent, and keeps the new refresh token', async () => {
    await (await login('alice')).done;
    const old = await age();
    const result = await home.run(['status', '--json']);
    expect(JSON.parse(result.stdout)).toMatchObject({ login: { name: 'alice' } });
    expect(result.stderr).toBe('');
    const kept = JSON.parse(await readFile(loginFile(), 'utf8')) as Kept;
    expect(kept.refreshToken).not.toBe(old.refreshToken);
    expect((await home.run(['status'])).code).toBe(0);
  });

  it('happens once when several processes need it: a rotating refresh token is not burnt', async () => {
    await (await login('alice')).done;
    await age();
    const results = await Promise.all([1, 2, 3, 4].map(() => home.run(['status'])));
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    await age();
    // The family of tokens is still alive, so no token of it was used twice.
    expect((await home.run(['status'])).code).toBe(0);
  });

  it('that the issuer refuses is a login error, not a loss without words', async () => {
    await (await login('alice')).done;
    await age();
    const kept = JSON.parse(await readFile(loginFile(), 'utf8')) as Kept;
    await writeFile(loginFile(), JSON.stringify({ ...kept, refreshToken: 'not-a-refresh-token' }), { mode: 0o600 });
    const result = await home.run(['ls']);
    expect(result.code).toBe(4);
    expect(result.stderr).toContain('invalid_grant');
    expect(result.stderr).not.toContain('not-a-refresh-token');
  });
});

describe('gw logout', () => {
  it('revokes the refresh token and removes the login', async () => {
    await (await login('alice')).done;
    const kept = JSON.parse(await readFile(loginFile(), 'utf8')) as Kept;
    const result = await home.run(['logout', '--json']);
    expect(JSON.parse(result.stdout)).toEqual({ gateway: gateway.url, removed: true, revoked: true });
    await expect(stat(loginFile())).rejects.toMatchObject({ code: 'ENOENT' });
    const answer = await fetch(`${issuer.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: kept.refreshToken, client_id: 'gw' }),
    });
    expect(answer.status).toBe(400);
    expect((await home.run(['status'])).code).toBe(4);
  });

  it('says that there was none', async () => {
    expect(await home.run(['logout', '--gateway', gateway.url])).toMatchObject({ code: 0, stdout: '' });
  });
});

describe('machines', () => {
  it('log in with client credentials, and the secret file is read again at renewal', async () => {
    const file = clientSecretFile(issuerHome.folder, 'ci-bot');
    const result = await home.run(['login', '--gateway', gateway.url, '--client-id', 'ci-bot', '--client-secret-file', file, '--json']);
    expect(JSON.parse(result.stdout)).toMatchObject({ method: 'client-credentials', name: 'ci-bot' });
    const secret = (await readFile(file, 'utf8')).trim();
    expect(await readFile(loginFile(), 'utf8')).not.toContain(secret);
    await age();
    expect((await home.run(['status'])).code).toBe(0);
  });

  it('use client credentials of the environment without a login, and a wrong secret is refused', async () => {
    const clientSecret = (await readFile(clientSecretFile(issuerHome.folder, 'ci-bot'), 'utf8')).trim();
    const env = { GW_GATEWAY: gateway.url, GW_CLIENT_ID: 'ci-bot', GW_CLIENT_SECRET: clientSecret };
    expect(JSON.parse((await home.run(['status', '--json'], { env })).stdout)).toMatchObject({ login: { name: 'ci-bot', origin: 'GW_CLIENT_ID' } });
    const wrong = await home.run(['ls', '--json'], { env: { ...env, GW_CLIENT_SECRET: `${clientSecret}x` } });
    expect(wrong.code).toBe(4);
    expect(JSON.parse(wrong.stdout)).toMatchObject({ error: { code: 'login.failed' } });
    expect(wrong.stdout + wrong.stderr).not.toContain(clientSecret);
  });

  it('present a token of GW_ID_TOKEN or of a file; a forged one is refused', async () => {
    await (await login('bob')).done;
    const { token } = JSON.parse(await readFile(loginFile(), 'utf8')) as Kept;
    await home.run(['logout']);
    const file = join(home.folder, 'token');
    await writeFile(file, `${token}\n`);
    expect(JSON.parse((await home.run(['login', '--id-token-file', file, '--json'])).stdout)).toMatchObject({ method: 'token-file', name: 'bob' });
    expect(await readFile(loginFile(), 'utf8')).not.toContain(token);
    expect((await home.run(['status'])).code).toBe(0);
    await writeFile(file, tokenFor('mallory'));
    expect((await home.run(['ls'])).code).toBe(4);
    for (const [value, code] of [
      [token, 0],
      [tokenFor('mallory'), 4],
      [tokenFor('alice', -60), 4],
      ['garbage', 4],
    ] as const) {
      const result = await home.run(['ls'], { env: { GW_ID_TOKEN: value } });
      expect(result.code).toBe(code);
      expect(result.stdout + result.stderr).not.toContain(value);
    }
  });

  it('are found in GitHub Actions: the audience is the gateway’s', async () => {
    await (await login('alice')).done;
    const { token } = JSON.parse(await readFile(loginFile(), 'utf8')) as Kept;
    const asked: string[] = [];
    const actions = createServer((request, response) => {
      asked.push(`${request.headers.authorization ?? ''} ${request.url ?? ''}`);
      response.end(JSON.stringify({ value: token }));
    }).listen(0, '127.0.0.1');
    await once(actions, 'listening');
    const env = {
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${(actions.address() as AddressInfo).port}/?api-version=2`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'runner',
      CI: 'true',
    };
    const result = await home.run(['status', '--json'], { env });
    actions.close();
    expect(JSON.parse(result.stdout)).toMatchObject({ login: { origin: 'GitHub Actions' } });
    expect(asked).toEqual(['Bearer runner /?api-version=2&audience=gw']);
  });

  it('are found in GitLab, by the variable of the job’s id_tokens', async () => {
    await (await login('alice')).done;
    const { token } = JSON.parse(await readFile(loginFile(), 'utf8')) as Kept;
    await home.run(['logout']);
    const result = await home.run(['status', '--json'], { env: { GITLAB_CI: 'true', GITLAB_OIDC_TOKEN: token } });
    expect(JSON.parse(result.stdout)).toMatchObject({ login: { origin: 'GITLAB_OIDC_TOKEN', name: String(decodeJwt(token).sub) } });
  });
});
