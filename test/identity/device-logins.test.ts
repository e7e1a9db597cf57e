/** The device grant from the gateway's side, at a real provider: what it shows, what it waits for, and everything that ends it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import type { IssuerSettings } from '../../src/contract/settings.js';
import { createAuthenticator, createDeviceLogins } from '../../src/identity/index.js';
import { approveDevice } from '../../src/quickstart/approve-device.js';
import { type RunningIssuer, startIssuer } from '../../src/quickstart/start-issuer.js';

let directory = '';
let provider: RunningIssuer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gw-device-'));
  provider = await startIssuer(0, directory);
});
afterAll(async () => {
  await provider.stop();
  rmSync(directory, { recursive: true });
});

const settings = (issuer: string): IssuerSettings => ({
  issuer,
  audience: ['gw'],
  algorithms: ['ES256'],
  login: { clientId: 'gw', scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'] },
  authorizedParties: [],
  require: [],
  claims: {},
  ca: null,
});
const logins = (issuer: IssuerSettings | null) => createDeviceLogins({ issuer: () => issuer, clock: systemClock });

describe('a login with a browser', () => {
  it('gives an address and a code, and then a token of the person who confirmed, that is verified like any other', async () => {
    const abort = new AbortController();
    const login = await logins(settings(provider.url)).begin(abort.signal);
    expect(login.url).toContain(provider.url);
    expect(login.completeUrl).toContain(login.code);
    expect(login.expiresAt - Date.now()).toBeLessThanOrEqual(300_000);
    const token = login.token();
    await approveDevice(login.completeUrl ?? '', 'bob');
    const authenticator = createAuthenticator({
      issuers: [settings(provider.url)],
      clockSkewMs: 0,
      clock: systemClock,
      isLocked: () => Promise.resolve(false),
    });
    expect(await authenticator.verify((await token).expose())).toMatchObject({ subject: 'bob', groups: ['dba'] });
    abort.abort();
  });

  it('ends with its connection', async () => {
    const abort = new AbortController();
    const login = await logins(settings(provider.url)).begin(abort.signal);
    const token = login.token();
    abort.abort();
    await expect(token).rejects.toMatchObject({ code: 'login.failed' });
  });

  it('is had by a few at a time, and by the next as soon as one has ended', async () => {
    const all = logins(settings(provider.url));
    const aborts = Array.from({ length: 32 }, () => new AbortController());
    await Promise.all(aborts.map(({ signal }) => all.begin(signal)));
    await expect(all.begin(new AbortController().signal)).rejects.toMatchObject({ code: 'session.limit' });
    aborts[0]?.abort();
    const next = new AbortController();
    expect((await all.begin(next.signal)).code).not.toBe('');
    for (const each of [...aborts, next]) each.abort();
  });

  it('is not to be had without an issuer at which people log in', async () => {
    expect(logins(null).possible).toBe(false);
    await expect(logins(null).begin(new AbortController().signal)).rejects.toMatchObject({ code: 'login.required' });
    expect(logins({ ...settings(provider.url), login: null }).possible).toBe(false);
  });
});

describe('a provider that is not as it should be', () => {
  /** Answers each path with this status and document. */
  async function begun(answers: (url: string) => Record<string, readonly [number, unknown]>, issuerOf = (url: string): string => url): Promise<string> {
    let paths: Record<string, readonly [number, unknown]> = {};
    const server: Server = createServer((request, response) => {
      const [status, document] = paths[request.url ?? ''] ?? [404, {}];
      response.writeHead(status).end(typeof document === 'string' ? document : JSON.stringify(document));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    paths = answers(url);
    const abort = new AbortController();
    try {
      const login = await logins(settings(issuerOf(url))).begin(abort.signal);
      await login.token();
      return 'a token';
    } catch (error) {
      return (error as { code: string }).code;
    } finally {
      abort.abort();
      server.closeAllConnections();
      server.close();
    }
  }
  const described = (url: string, change: object = {}): Record<string, readonly [number, unknown]> => ({
    '/.well-known/openid-configuration': [200, { issuer: url, device_authorization_endpoint: `${url}/device`, token_endpoint: `${url}/token`, ...change }],
    '/device': [200, { device_code: 'd', user_code: 'U', verification_uri: `${url}/go`, interval: 0.01, expires_in: 60 }],
  });

  it('lets nobody in: another issuer, no endpoint, no code, no JSON, a refusal, an error, nobody there', async () => {
    expect(await begun((url) => described(url, { issuer: 'http://127.0.0.1:1' }))).toBe('login.unavailable');
    expect(await begun((url) => described(url, { device_authorization_endpoint: undefined }))).toBe('login.unavailable');
    expect(await begun((url) => described(url, { token_endpoint: 'ftp://127.0.0.1/token' }))).toBe('login.unavailable');
    expect(await begun((url) => ({ ...described(url), '/device': [200, { user_code: 'U' }] }))).toBe('login.unavailable');
    expect(await begun((url) => ({ ...described(url), '/device': [200, '<html>'] }))).toBe('login.unavailable');
    expect(await begun((url) => ({ ...described(url), '/token': [400, { error: 'access_denied' }] }))).toBe('login.failed');
    expect(await begun((url) => ({ ...described(url), '/token': [400, { error: 'expired_token' }] }))).toBe('login.failed');
    expect(await begun((url) => ({ ...described(url), '/token': [200, { access_token: 'x' }] }))).toBe('login.failed');
    expect(
      await begun(
        () => ({}),
        () => 'http://127.0.0.1:1',
      ),
    ).toBe('login.unavailable');
  });
});
