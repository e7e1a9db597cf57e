/** Keys of an issuer over their life: found lazily, rotated, withdrawn, unreachable (redteam 6h: JWKS rotation mid-session). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GwError } from '../../src/contract/gw-error.js';
import { createAuthenticator, createIssuerFetch, type FetchJson, type TokenAuthenticator } from '../../src/identity/index.js';
import { mint, type TestClock, TestIssuer, type TestKey, testClock, testKey } from './test-issuer.js';

let first: TestKey;
let second: TestKey;
let issuer: TestIssuer;
let clock: TestClock;
beforeEach(async () => {
  [first, second] = await Promise.all([testKey('key-1'), testKey('key-2')]);
  issuer = await TestIssuer.start(first);
  clock = testClock();
});
afterEach(() => issuer[Symbol.asyncDispose]());

const authenticator = (fetchJson?: FetchJson): TokenAuthenticator =>
  createAuthenticator({
    issuers: [issuer.settings()],
    clockSkewMs: 30_000,
    clock,
    isLocked: () => Promise.resolve(false),
    ...(fetchJson === undefined ? {} : { fetchJson }),
  });
const longLived = (key?: TestKey): Promise<string> => mint(issuer, clock, { exp: Math.floor(clock.now() / 1000) + 86_400 }, {}, key ?? issuer.keys[0]);
const refusal = async (verifier: TokenAuthenticator, token: string): Promise<GwError> =>
  GwError.from(await verifier.verify(token).catch((error: unknown) => error));

describe('keys', () => {
  it('are not asked for before the first token, and once for many', async () => {
    const verifier = authenticator();
    expect(issuer.requests).toEqual([]);
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, i) => mint(issuer, clock, { sub: `s${i}` })));
    await Promise.all(tokens.map((token) => verifier.verify(token)));
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  it('can be fetched ahead', async () => {
    const verifier = authenticator();
    await expect(verifier.warmUp()).resolves.toEqual([{ issuer: issuer.url, problem: null }]);
    issuer.status = 500;
    await expect(verifier.verify(await longLived())).resolves.toMatchObject({ subject: 'alice' });
  });

  it('are renewed at once when a token names a new one', async () => {
    const verifier = authenticator();
    await verifier.verify(await longLived());
    issuer.keys = [first, second];
    await expect(verifier.verify(await longLived(second))).resolves.toMatchObject({ subject: 'alice' });
    await expect(verifier.verify(await longLived(first))).resolves.toMatchObject({ subject: 'alice' });
    expect(issuer.fetchesOfKeys).toBe(2);
  });

  it('that were withdrawn verify nothing any more, known tokens included', async () => {
    const verifier = authenticator();
    const old = await longLived(first);
    await verifier.verify(old);
    issuer.keys = [second];
    clock.advance(11 * 60_000);
    expect(await refusal(verifier, old)).toMatchObject({
      code: 'login.token_invalid',
      message: expect.stringContaining('not signed with a key of its issuer') as string,
    });
    await expect(verifier.verify(await longLived(second))).resolves.toMatchObject({ subject: 'alice' });
  });

  it('forged key ids cannot be turned into load on the issuer, and rotation still works soon after', async () => {
    const verifier = authenticator();
    await verifier.verify(await longLived());
    const forged = await Promise.all(Array.from({ length: 50 }, async (_, i) => mint(issuer, clock, {}, { kid: `forged-${i}` }, second)));
    for (const token of forged) expect((await refusal(verifier, token)).code).toBe('login.token_invalid');
    expect(issuer.fetchesOfKeys).toBeLessThanOrEqual(6);
    issuer.keys = [first, second];
    clock.advance(10_000);
    await expect(verifier.verify(await longLived(second))).resolves.toMatchObject({ subject: 'alice' });
  });

  it('meant for shared secrets or published with their private half are not used', async () => {
    issuer.keyDocument = JSON.stringify({
      keys: [
        { kty: 'oct', k: 'c2VjcmV0', kid: 'key-1' },
        { ...first.jwk, d: 'AAAA' },
      ],
    });
    expect(await refusal(authenticator(), await longLived())).toMatchObject({ code: 'login.token_invalid' });
  });
});

describe('an issuer that cannot be reached', () => {
  it('does not stop the gateway, is asked again with pauses, and is used once it is back', async () => {
    const verifier = authenticator();
    issuer.status = 503;
    const token = await longLived();
    await expect(verifier.warmUp()).resolves.toEqual([{ issuer: issuer.url, problem: expect.stringContaining('status 503') as string }]);
    for (let i = 0; i < 20; i++) expect(await refusal(verifier, token)).toMatchObject({ code: 'login.unavailable', entry: { retry: true, http: 503 } });
    expect(issuer.requests).toHaveLength(1);
    clock.advance(1001);
    await refusal(verifier, token);
    await refusal(verifier, token);
    expect(issuer.requests).toHaveLength(2);
    issuer.status = 200;
    clock.advance(2001);
    await expect(verifier.verify(token)).resolves.toMatchObject({ subject: 'alice' });
  });

  it('is believed for an hour on the keys it gave, and no longer', async () => {
    const verifier = authenticator();
    const token = await longLived();
    await verifier.verify(token);
    issuer.status = 503;
    clock.advance(50 * 60_000);
    await expect(verifier.verify(token)).resolves.toMatchObject({ subject: 'alice' });
    clock.advance(11 * 60_000);
    expect(await refusal(verifier, token)).toMatchObject({ code: 'login.unavailable' });
    issuer.status = 200;
    clock.advance(31_000);
    await expect(verifier.verify(token)).resolves.toMatchObject({ subject: 'alice' });
  });

  it('nobody listens: the message names the issuer, the cause stays inside', async () => {
    const token = await longLived();
    const verifier = createAuthenticator({
      issuers: [{ ...issuer.settings(), issuer: 'http://127.0.0.1:1' }],
      clockSkewMs: 0,
      clock,
      isLocked: () => Promise.resolve(false),
    });
    expect(await refusal(verifier, await mint(issuer, clock, { iss: 'http://127.0.0.1:1' }))).toMatchObject({
      code: 'login.unavailable',
      message: 'The keys of the issuer http://127.0.0.1:1 are not to be had: it could not be reached.',
    });
    expect((await refusal(verifier, token)).code).toBe('login.token_invalid');
  });
});

describe('a discovery document is not believed when', () => {
  it.each([
    ['it names another issuer', { issuer: 'https://evil.example' }, 'names another issuer'],
    ['it names the issuer with a slash more', { issuer: 'SLASH' }, 'names another issuer'],
    ['its keys are somewhere over plain http', { jwks_uri: 'http://keys.example/jwks' }, 'no usable "jwks_uri"'],
    ['its keys are in a file', { jwks_uri: 'file:///etc/passwd' }, 'no usable "jwks_uri"'],
    ['it has no keys', { jwks_uri: null }, 'no usable "jwks_uri"'],
  ])('%s', async (_, metadata: { issuer?: string; jwks_uri?: string | null }, message) => {
    issuer.metadata = metadata.issuer === 'SLASH' ? { issuer: `${issuer.url}/` } : metadata;
    expect(await refusal(authenticator(), await longLived())).toMatchObject({ code: 'login.unavailable', message: expect.stringContaining(message) as string });
  });

  it.each([
    ['a redirect', (each: TestIssuer) => (each.status = 302)],
    ['a key set that is none', (each: TestIssuer) => (each.keyDocument = '{"keys":{}}')],
    ['no JSON', (each: TestIssuer) => (each.keyDocument = '<html>')],
    ['more than 1 MiB', (each: TestIssuer) => (each.keyDocument = `{"keys":[],"x":"${'x'.repeat(1024 * 1024)}"}`)],
  ])('the answer is %s', async (_, change) => {
    change(issuer);
    expect(await refusal(authenticator(), await longLived())).toMatchObject({ code: 'login.unavailable' });
  });
});

it('a fetch of the caller is used instead of the network', async () => {
  const seen: string[] = [];
  const verifier = authenticator((url) => {
    seen.push(url);
    return Promise.resolve(url.endsWith('/jwks') ? { keys: [first.jwk] } : { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` });
  });
  await expect(verifier.verify(await longLived())).resolves.toMatchObject({ subject: 'alice' });
  expect(seen).toHaveLength(2);
  expect(issuer.requests).toEqual([]);
});

it('a bundle of authorities that is not there is an issuer that cannot be reached', async () => {
  await expect(createIssuerFetch('/nonexistent/ca.pem')(issuer.url)).rejects.toThrow(/ENOENT/);
  await expect(createIssuerFetch(null)(issuer.url)).resolves.toMatchObject({ issuer: issuer.url });
});
