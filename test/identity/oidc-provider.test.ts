/** Tokens of a real OpenID provider in this process: a person through the authorization code flow, a service with client credentials. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import type { IssuerSettings } from '../../src/contract/settings.js';
import { createAuthenticator, type TokenAuthenticator } from '../../src/identity/index.js';
import { testKey } from './test-issuer.js';

const REDIRECT = 'http://127.0.0.1/callback';
const AUDIENCE = 'https://gw.example.com';
let server: Server;
let issuer: string;

beforeAll(async () => {
  server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const signing = await Promise.all([testKey('rs', 'RS256'), testKey('es', 'ES256')]);
  const { exportJWK } = await import('jose');
  const keys = await Promise.all(signing.map(async (key) => ({ ...(await exportJWK(key.privateKey)), kid: key.kid, alg: key.alg, use: 'sig' })));
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: 'gw-cli',
        token_endpoint_auth_method: 'none',
        redirect_uris: [REDIRECT],
        grant_types: ['authorization_code'],
        response_types: ['code'],
        application_type: 'native',
        id_token_signed_response_alg: 'ES256',
      },
      { client_id: 'ci-bot', client_secret: 'ci-secret', redirect_uris: [], grant_types: ['client_credentials'], response_types: [] },
    ],
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
    conformIdTokenClaims: false,
    scopes: ['openid', 'profile'],
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: 'Alice', groups: ['engineers'] }) }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({ scope: 'api', audience: AUDIENCE, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } }, accessTokenTTL: 300 }),
      },
    },
    extraTokenClaims: (_, token) => ({ groups: ['clientId' in token && token.clientId === 'ci-bot' ? 'ci' : 'engineers'] }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/interaction/') !== true) {
      void answer(request, response);
      return;
    }
    // Everybody who comes is alice, and agrees to everything.
    void (async () => {
      const { prompt, params } = await provider.interactionDetails(request, response);
      if (prompt.name === 'login') return provider.interactionFinished(request, response, { login: { accountId: 'alice' } });
      const grant = new provider.Grant({ accountId: 'alice', clientId: String(params['client_id']) });
      grant.addOIDCScope('openid profile');
      grant.addResourceScope(AUDIENCE, 'api');
      return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
    })().catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const authenticator = (extra: Partial<IssuerSettings> = {}): TokenAuthenticator =>
  createAuthenticator({
    issuers: [
      {
        issuer,
        audience: [AUDIENCE, 'gw-cli'],
        algorithms: ['RS256', 'ES256'],
        login: { clientId: 'gw-cli', scopes: ['openid'] },
        authorizedParties: [],
        require: [],
        claims: {},
        ca: null,
        ...extra,
      },
    ],
    clockSkewMs: 30_000,
    clock: systemClock,
    isLocked: () => Promise.resolve(false),
  });

async function logIn(): Promise<{ id_token: string; access_token: string }> {
  const verifier = randomBytes(32).toString('base64url');
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const query = new URLSearchParams({
    client_id: 'gw-cli',
    response_type: 'code',
    redirect_uri: REDIRECT,
    scope: 'openid profile api',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    resource: AUDIENCE,
  });
  const cookies = new Map<string, string>();
  let url = `${issuer}/auth?${query.toString()}`;
  for (let hop = 0; !url.startsWith(REDIRECT); hop++) {
    if (hop > 20) throw new TypeError('the provider keeps redirecting');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') } });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';');
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    const location = response.headers.get('location');
    if (location === null) throw new TypeError(`the provider answered ${response.status}: ${(await response.text()).slice(0, 500)}`);
    url = new URL(location, issuer).href;
  }
  const code = new URL(url).searchParams.get('code') ?? '';
  return token({ grant_type: 'authorization_code', client_id: 'gw-cli', redirect_uri: REDIRECT, code, code_verifier: verifier, resource: AUDIENCE });
}

async function token(body: Record<string, string>): Promise<{ id_token: string; access_token: string }> {
  const response = await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(body) });
  const answer = (await response.json()) as { id_token: string; access_token: string };
  expect(answer).toHaveProperty('access_token');
  return answer;
}

describe('a provider that others wrote', () => {
  it("issues an access token that makes a person's identity", async () => {
    const { access_token } = await logIn();
    await expect(authenticator().verify(access_token)).resolves.toMatchObject({ issuer, subject: 'alice', kind: 'person', groups: ['engineers'] });
  });

  it('issues an ID token that does so too, where the client is named as an audience', async () => {
    const { id_token } = await logIn();
    await expect(authenticator().verify(id_token)).resolves.toMatchObject({ issuer, subject: 'alice', name: 'Alice', groups: ['engineers'] });
    await expect(authenticator({ audience: [AUDIENCE] }).verify(id_token)).rejects.toMatchObject({
      code: 'login.token_invalid',
      message: expect.stringContaining('"aud"') as string,
    });
  });

  it('issues a token for a service', async () => {
    const { access_token } = await token({
      grant_type: 'client_credentials',
      client_id: 'ci-bot',
      client_secret: 'ci-secret',
      resource: AUDIENCE,
      scope: 'api',
    });
    const claims = { kind: 'claims.sub == claims.client_id ? "service" : "person"' };
    await expect(authenticator({ claims }).verify(access_token)).resolves.toMatchObject({ issuer, subject: 'ci-bot', kind: 'service', groups: ['ci'] });
    await expect(authenticator({ audience: ['https://other.example.com'] }).verify(access_token)).rejects.toMatchObject({ code: 'login.token_invalid' });
  });
});
