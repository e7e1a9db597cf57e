/** The provider of the quickstart, spoken to by openid-client and verified through its published keys. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { approveDevice } from '../../src/quickstart/approve-device.js';
import { openIssuerKeys } from '../../src/quickstart/issuer-keys.js';
import { mintToken } from '../../src/quickstart/mint-token.js';
import { type RunningIssuer, startIssuer } from '../../src/quickstart/start-issuer.js';

let directory = '';
let issuer: RunningIssuer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gw-issuer-'));
  issuer = await startIssuer(0, directory);
});

afterAll(async () => {
  await issuer.stop();
  rmSync(directory, { recursive: true });
});

const discover = (clientId: string, secret?: string) =>
  oidc.discovery(new URL(issuer.url), clientId, undefined, secret === undefined ? oidc.None() : oidc.ClientSecretBasic(secret), {
    execute: [oidc.allowInsecureRequests],
  });

async function deviceLogin(config: oidc.Configuration, person: string) {
  const device = await oidc.initiateDeviceAuthorization(config, { scope: 'openid profile email offline_access', prompt: 'consent', nonce: 'n-1' });
  expect(device.interval).toBe(1);
  await approveDevice(device.verification_uri_complete ?? '', person);
  return oidc.pollDeviceAuthorizationGrant(config, { ...device, interval: 0.05 });
}

const verified = (token: string) =>
  jwtVerify(token, createRemoteJWKSet(new URL(`${issuer.url}/jwks`)), { issuer: issuer.url, audience: 'gw', algorithms: ['ES256'] });

describe('people: device flow', () => {
  test('the id token says who it is, signed by the published key', async () => {
    const tokens = await deviceLogin(await discover('gw'), 'alice');
    const { payload } = await verified(tokens.id_token ?? '');
    expect(payload).toMatchObject({
      sub: 'alice',
      aud: 'gw',
      preferred_username: 'alice',
      email: 'alice@example.com',
      email_verified: true,
      groups: ['engineers'],
      amr: ['user'],
      kind: 'person',
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600);
  });

  test('each login asks who it is: bob is bob', async () => {
    const config = await discover('gw');
    expect((await deviceLogin(config, 'alice')).claims()?.sub).toBe('alice');
    expect((await deviceLogin(config, 'bob')).claims()).toMatchObject({ sub: 'bob', groups: ['dba'] });
  });

  test('refresh tokens rotate: the old one is refused, and its use ends the new one too', async () => {
    const config = await discover('gw');
    const first = await deviceLogin(config, 'alice');
    const second = await oidc.refreshTokenGrant(config, first.refresh_token ?? '');
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect((await verified(second.id_token ?? '')).payload.sub).toBe('alice');
    await expect(oidc.refreshTokenGrant(config, first.refresh_token ?? '')).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(oidc.refreshTokenGrant(config, second.refresh_token ?? '')).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  test('a revoked refresh token is worth nothing', async () => {
    const config = await discover('gw');
    const tokens = await deviceLogin(config, 'carol');
    await oidc.tokenRevocation(config, tokens.refresh_token ?? '', { token_type_hint: 'refresh_token' });
    await expect(oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  test('before anybody confirmed the code there is no token; a code is good once', async () => {
    const config = await discover('gw');
    const device = await oidc.initiateDeviceAuthorization(config, { scope: 'openid' });
    await expect(oidc.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:device_code', { device_code: device.device_code })).rejects.toMatchObject({
      error: 'authorization_pending',
    });
    await approveDevice(device.verification_uri_complete ?? '', 'alice');
    await oidc.pollDeviceAuthorizationGrant(config, { ...device, interval: 0.05 });
    await expect(approveDevice(device.verification_uri_complete ?? '', 'bob')).rejects.toMatchObject({ code: 'login.failed' });
    await expect(oidc.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:device_code', { device_code: device.device_code })).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });

  test('a person who is not of this world cannot be picked', async () => {
    const device = await oidc.initiateDeviceAuthorization(await discover('gw'), { scope: 'openid' });
    await expect(approveDevice(device.verification_uri_complete ?? '', 'mallory')).rejects.toMatchObject({ code: 'login.failed' });
  });

  test('a code from the address bar is escaped, and pages load nothing', async () => {
    const page = await fetch(`${issuer.url}/device`);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).not.toMatch(/(?:src|href)=/);
  });
});

describe('machines: client credentials', () => {
  test.each([
    ['ci-bot', { kind: 'service', groups: ['ci'] }, undefined],
    ['ledger-agent', { kind: 'agent', groups: ['agents'] }, 'alice'],
  ] as const)('%s gets a JWT for the gateway that says what it is', async (name, claims, owner) => {
    const secret = (await openIssuerKeys(directory)).clientSecrets.get(name)?.expose();
    const tokens = await oidc.clientCredentialsGrant(await discover(name, secret), {});
    const { payload, protectedHeader } = await verified(tokens.access_token);
    expect(payload).toMatchObject({ sub: name, client_id: name, preferred_username: name, ...claims });
    expect(payload['owner']).toBe(owner);
    expect(protectedHeader.typ).toBe('at+jwt');
  });

  test('a wrong client secret gets nothing, and a machine has no device flow', async () => {
    await expect(oidc.clientCredentialsGrant(await discover('ci-bot', 'wrong'), {})).rejects.toMatchObject({ status: 401 });
    const secret = (await openIssuerKeys(directory)).clientSecrets.get('ci-bot')?.expose();
    await expect(oidc.initiateDeviceAuthorization(await discover('ci-bot', secret), { scope: 'openid' })).rejects.toMatchObject({
      error: 'invalid_request',
      status: 400,
    });
  });
});

describe('gw quickstart token', () => {
  test.each(['alice', 'bob', 'carol'])('%s: same claims as a real login, verified through the published keys', async (name) => {
    const { signing } = await openIssuerKeys(directory);
    const minted = await verified(await mintToken(name, issuer.url, signing));
    const real = (await deviceLogin(await discover('gw'), name)).claims();
    for (const claim of ['sub', 'iss', 'aud', 'preferred_username', 'name', 'email', 'email_verified', 'groups', 'kind', 'amr'])
      expect(minted.payload[claim]).toEqual(real?.[claim]);
    expect((minted.payload.exp ?? 0) - (minted.payload.iat ?? 0)).toBe(3600);
  });

  test.each(['ci-bot', 'ledger-agent'])('%s: same claims as a real login', async (name) => {
    const keys = await openIssuerKeys(directory);
    const token = await mintToken(name, issuer.url, keys.signing);
    const minted = await verified(token);
    const real = await verified((await oidc.clientCredentialsGrant(await discover(name, keys.clientSecrets.get(name)?.expose()), {})).access_token);
    for (const claim of ['sub', 'iss', 'aud', 'client_id', 'preferred_username', 'groups', 'kind', 'owner'])
      expect(minted.payload[claim]).toEqual(real.payload[claim]);
    expect(decodeProtectedHeader(token).typ).toBe(real.protectedHeader.typ);
  });

  test('a name that nobody has is refused with the list', async () => {
    const { signing } = await openIssuerKeys(directory);
    await expect(mintToken('mallory', issuer.url, signing)).rejects.toMatchObject({
      code: 'usage.invalid',
      hint: 'Choose one of: alice, bob, carol, ci-bot, ledger-agent.',
    });
  });
});

describe('the provider itself', () => {
  test('keys and secrets are 0600, and the same after a restart, so tokens stay valid', async () => {
    const { signing } = await openIssuerKeys(directory);
    const token = await mintToken('alice', issuer.url, signing);
    const { port } = issuer;
    await issuer.stop();
    issuer = await startIssuer(port, directory);
    expect((await verified(token)).payload.sub).toBe('alice');
    for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      expect(statSync(join(entry.parentPath, entry.name)).mode & 0o777).toBe(entry.isDirectory() ? 0o700 : 0o600);
    }
    const { d, ...published } = ((await (await fetch(`${issuer.url}/jwks`)).json()) as { keys: Record<string, unknown>[] }).keys[0] ?? {};
    expect(d).toBeUndefined();
    expect(published['kid']).toBe(signing.kid);
  });

  test('a page that names it by another host name is turned away (DNS rebinding)', async () => {
    const status = await new Promise((resolve, reject) => {
      request(
        { host: '127.0.0.1', port: issuer.port, path: '/.well-known/openid-configuration', headers: { host: `evil.example:${issuer.port}` } },
        (response) => resolve(response.statusCode),
      )
        .on('error', reject)
        .end();
    });
    expect(status).toBe(421);
  });

  test('a taken port is told by its number', async () => {
    await expect(startIssuer(issuer.port, directory)).rejects.toMatchObject({
      code: 'quickstart.start',
      message: expect.stringContaining(String(issuer.port)) as string,
    });
  });
});
