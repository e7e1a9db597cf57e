/** Hostile tokens, each with its right twin (redteam 6h: expired, other-audience, alg=none, kid-injection, RS→HS, rotation, skew). */
import { createHmac } from 'node:crypto';
import { exportSPKI, importJWK, type JWTPayload } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GwError } from '../../src/contract/gw-error.js';
import type { IssuerSettings } from '../../src/contract/settings.js';
import { type AuthenticatorOptions, createAuthenticator, type TokenAuthenticator } from '../../src/identity/index.js';
import { assemble, mint, type TestClock, TestIssuer, type TestKey, testClock, testKey } from './test-issuer.js';

let es: TestKey;
let rs: TestKey;
let issuer: TestIssuer;
let clock: TestClock;
let locked: Set<string>;
beforeEach(async () => {
  es = await testKey('es-1');
  rs = await testKey('rs-1', 'RS256');
  issuer = await TestIssuer.start(es, rs);
  clock = testClock();
  locked = new Set();
});
afterEach(() => issuer[Symbol.asyncDispose]());

const authenticator = (settings: Partial<IssuerSettings> = {}, options: Partial<AuthenticatorOptions> = {}): TokenAuthenticator =>
  createAuthenticator({
    issuers: [issuer.settings(settings)],
    clockSkewMs: 30_000,
    clock,
    isLocked: (iss, sub) => Promise.resolve(locked.has(`${iss}#${sub}`)),
    ...options,
  });

async function refusal(verifier: TokenAuthenticator, token: string): Promise<GwError> {
  const thrown: unknown = await verifier.verify(token).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(GwError);
  const error = GwError.from(thrown);
  // Whatever is wrong, the public side never repeats a part of the token.
  for (const part of token.split('.').filter((each) => each.length > 8)) expect(JSON.stringify(error.toBody())).not.toContain(part);
  return error;
}

const seconds = (offset: number): number => Math.floor(clock.now() / 1000) + offset;

describe('a good token', () => {
  it('becomes an identity with everything it says', async () => {
    const token = await mint(issuer, clock, {
      preferred_username: 'Alice',
      email: 'alice@example.com',
      email_verified: true,
      groups: ['engineers', 'on-call'],
    });
    const identity = await authenticator().verify(token);
    expect(identity).toMatchObject({
      issuer: issuer.url,
      subject: 'alice',
      kind: 'person',
      name: 'Alice',
      email: 'alice@example.com',
      emailVerified: true,
      groups: ['engineers', 'on-call'],
      onBehalfOf: null,
      expiresAt: clock.now() + 330_000,
    });
    expect(identity.claims['preferred_username']).toBe('Alice');
    expect(JSON.stringify(identity)).not.toContain(token.slice(-40));
  });

  it.each(['RS256', 'ES256', 'EdDSA'])('may be signed with %s', async (alg) => {
    const key = await testKey('k', alg);
    issuer.keys = [key];
    await expect(authenticator().verify(await mint(issuer, clock))).resolves.toMatchObject({ subject: 'alice' });
  });

  it('cannot be changed by anyone who reads it', async () => {
    const identity = await authenticator().verify(await mint(issuer, clock, { nested: { list: [1] } }));
    expect(Object.isFrozen(identity.claims)).toBe(true);
    expect(Object.isFrozen(identity.claims['nested'])).toBe(true);
  });

  it('needs no kid when the issuer has one fitting key', async () => {
    issuer.keys = [es];
    await expect(authenticator().verify(await mint(issuer, clock, {}, { kid: undefined }))).resolves.toMatchObject({ subject: 'alice' });
  });
});

describe('claims: each wrong one with its right twin', () => {
  const cases: readonly [string, JWTPayload, JWTPayload, string, string][] = [
    ['expired', { exp: -31 }, { exp: -29 }, 'login.expired', 'The token has expired (claim "exp").'],
    ['not valid yet', { nbf: 31 }, { nbf: 29 }, 'login.token_invalid', 'not valid yet (claim "nbf")'],
    ['issued in the future', { iat: 31 }, { iat: 29 }, 'login.token_invalid', 'issued in the future (claim "iat")'],
    ['issued after its expiry', { iat: 20, exp: 10 }, { iat: 5, exp: 10 }, 'login.token_invalid', 'expires before it was issued'],
  ];
  it.each(cases)('%s', async (_, wrong, right, code, message) => {
    const at = (claims: JWTPayload): JWTPayload => Object.fromEntries(Object.entries(claims).map(([name, offset]) => [name, seconds(offset as number)]));
    const verifier = authenticator();
    await expect(verifier.verify(await mint(issuer, clock, { iat: seconds(-600), ...at(right) }))).resolves.toMatchObject({ subject: 'alice' });
    expect(await refusal(verifier, await mint(issuer, clock, { iat: seconds(-600), ...at(wrong) }))).toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
  });

  const plain: readonly [string, Record<string, unknown>, Record<string, unknown>, string][] = [
    ['another audience', { aud: 'other' }, { aud: 'gw' }, 'not issued for this gateway (claim "aud")'],
    ['an audience that only begins like ours', { aud: 'gw-staging' }, { aud: 'gw' }, 'claim "aud"'],
    ['a list without our audience', { aud: ['a', 'b'] }, { aud: ['a', 'gw'] }, 'claim "aud"'],
    ['no audience', { aud: undefined }, { aud: 'gw' }, 'no claim "aud"'],
    ['no expiry', { exp: undefined }, {}, 'no claim "exp"'],
    ['an expiry that is text', { exp: '9999999999' }, {}, 'claim "exp"'],
    ['an expiry beyond all bounds', { exp: 1e300 }, {}, 'no usable expiry'],
    ['a time of issue that is text', { iat: 'now' }, {}, 'claim "iat"'],
    ['no subject', { sub: undefined }, { sub: 's' }, 'no claim "sub"'],
    ['an empty subject', { sub: '' }, { sub: 's' }, 'The subject (claim "sub") of the token is empty'],
    ['a subject that is a number', { sub: 7 }, { sub: '7' }, 'The subject (claim "sub") of the token is not text'],
    ['a subject that is too long', { sub: 'x'.repeat(256) }, { sub: 'x'.repeat(255) }, 'longer than 255'],
    ['a subject with a line break', { sub: 'alice\nadmin' }, { sub: 'alice admin' }, 'control characters'],
    ['a subject with a NUL', { sub: 'alice\0' }, { sub: 'alice' }, 'control characters'],
    ['a subject that reorders text', { sub: 'alice\u202enimda' }, { sub: 'алиса' }, 'control characters'],
    ['a group with an escape sequence', { groups: ['\u001b[2Jdba'] }, { groups: ['dba'] }, 'control characters'],
    ['groups as text', { groups: 'dba' }, { groups: ['dba'] }, 'not a list'],
    ['groups as an object', { groups: { 0: 'dba', length: 1 } }, { groups: [] }, 'not a list'],
    ['groups of numbers', { groups: [1] }, { groups: ['1'] }, 'A group of the token is not text'],
    [
      'too many groups',
      { groups: Array.from({ length: 1001 }, (_, i) => `g${i}`) },
      { groups: Array.from({ length: 1000 }, (_, i) => `g${i}`) },
      'more than 1000 groups',
    ],
    ['an e-mail address that is a list', { email: ['a@b'] }, { email: 'a@b' }, 'The e-mail address of the token is not text'],
    ['a token of its holder alone', { cnf: { jkt: 'x' } }, {}, 'claim "cnf"'],
    ['a logout event', { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }, {}, 'claim "events"'],
    [
      'claims nested too deeply',
      { deep: JSON.parse('['.repeat(40) + ']'.repeat(40)) as unknown },
      { deep: JSON.parse('['.repeat(30) + ']'.repeat(30)) as unknown },
      'nested deeper',
    ],
    ['a pull request of a CI system', { event_name: 'pull_request' }, { event_name: 'push' }, 'pull request'],
    ['a pull request by its other name', { event_name: 'pull_request_target' }, { event_name: 'schedule' }, 'pull request'],
    ['several audiences and an unknown client', { aud: ['gw', 'x'], azp: 'evil' }, { aud: ['gw', 'x'], azp: 'gw-cli' }, 'claim "azp"'],
  ];
  it.each(plain)('%s', async (_, wrong, right, message) => {
    const verifier = authenticator();
    await expect(verifier.verify(await mint(issuer, clock, right as JWTPayload))).resolves.toMatchObject({ issuer: issuer.url });
    expect(await refusal(verifier, await mint(issuer, clock, wrong as JWTPayload))).toMatchObject({
      code: 'login.token_invalid',
      message: expect.stringContaining(message) as string,
    });
  });

  it('a client that is not on the list, or does not say who it is', async () => {
    const verifier = authenticator({ authorizedParties: ['ci'] });
    await expect(verifier.verify(await mint(issuer, clock, { azp: 'ci' }))).resolves.toMatchObject({ subject: 'alice' });
    expect(await refusal(verifier, await mint(issuer, clock, { azp: 'gw-cli' }))).toMatchObject({ message: expect.stringContaining('"azp"') as string });
    expect(await refusal(verifier, await mint(issuer, clock))).toMatchObject({ message: expect.stringContaining('"azp"') as string });
  });
});

describe('signatures and keys: each wrong one next to the token that is right', () => {
  const payload = (): object => ({ iss: issuer.url, aud: 'gw', sub: 'alice', iat: seconds(0), exp: seconds(300) });
  const attacks: readonly [string, () => Promise<string>, string][] = [
    ['alg=none', () => Promise.resolve(assemble({ alg: 'none', typ: 'JWT' }, payload())), 'The token is not signed.'],
    [
      'alg=None, with a signature',
      () => Promise.resolve(assemble({ alg: 'None', kid: es.kid }, payload(), () => Buffer.alloc(64, 7))),
      'The token is not signed.',
    ],
    [
      'RS→HS: the public key as the shared secret (PEM)',
      async () => {
        const pem = await exportSPKI(await importJWK({ ...rs.jwk, kty: 'RSA', ext: true }, 'RS256', { extractable: true }));
        return assemble({ alg: 'HS256', kid: rs.kid }, payload(), (input) => createHmac('sha256', pem).update(input).digest());
      },
      'algorithm that is not accepted',
    ],
    [
      'RS→HS: the public key as the shared secret (JWK)',
      () => Promise.resolve(assemble({ alg: 'HS256', kid: rs.kid }, payload(), (input) => createHmac('sha256', JSON.stringify(rs.jwk)).update(input).digest())),
      'algorithm that is not accepted',
    ],
    [
      'an algorithm outside the allow-list',
      async () => {
        const ps = await testKey('ps-1', 'PS256');
        issuer.keys = [es, rs, ps];
        return mint(issuer, clock, {}, {}, ps);
      },
      'algorithm that is not accepted',
    ],
    [
      'a key of somebody else under the right kid',
      async () => mint(issuer, clock, {}, {}, { ...(await testKey('x')), kid: es.kid }),
      'The signature of the token is not valid.',
    ],
    ['a kid that the issuer does not have', async () => mint(issuer, clock, {}, {}, await testKey('unknown')), 'not signed with a key of its issuer'],
    ['the kid of a key of another kind', () => mint(issuer, clock, {}, { kid: rs.kid }, es), 'not signed with a key of its issuer'],
    ['kid as a path', async () => mint(issuer, clock, {}, {}, await testKey('../../../../dev/null')), 'not signed with a key of its issuer'],
    ['kid as a URL', async () => mint(issuer, clock, {}, {}, await testKey('http://127.0.0.1:1/jwks')), 'not signed with a key of its issuer'],
    ['kid as SQL', async () => mint(issuer, clock, {}, {}, await testKey("x' UNION SELECT 'key'--")), 'not signed with a key of its issuer'],
    ['a kid without end', async () => mint(issuer, clock, {}, {}, await testKey('k'.repeat(600))), 'header "kid"'],
    ['a kid that is no text', async () => mint(issuer, clock, {}, { kid: ['es-1'] }), 'header "kid"'],
    [
      'no kid where several keys fit',
      async () => {
        issuer.keys = [es, await testKey('es-2'), rs];
        return mint(issuer, clock, {}, { kid: undefined });
      },
      'no "kid"',
    ],
    [
      'an embedded key (jwk)',
      async () => {
        const own = await testKey('own');
        return mint(issuer, clock, {}, { jwk: own.jwk, kid: undefined }, own);
      },
      'header "jwk"',
    ],
    ['a key from elsewhere (jku)', async () => mint(issuer, clock, {}, { jku: `${issuer.url}/jwks` }), 'header "jku"'],
    ['a certificate from elsewhere (x5u)', async () => mint(issuer, clock, {}, { x5u: 'https://evil.example/cert' }), 'header "x5u"'],
    ['an embedded certificate (x5c)', async () => mint(issuer, clock, {}, { x5c: ['MIIB'] }), 'header "x5c"'],
    ['a critical extension', async () => mint(issuer, clock, {}, { crit: ['exp-override'], 'exp-override': 1 }), 'header "crit"'],
    ['a logout token', async () => mint(issuer, clock, {}, { typ: 'logout+jwt' }), 'header "typ"'],
    [
      'a changed payload',
      async () => {
        const [header, , signature] = (await mint(issuer, clock)).split('.');
        return `${header ?? ''}.${Buffer.from(JSON.stringify({ ...payload(), sub: 'root' })).toString('base64url')}.${signature ?? ''}`;
      },
      'The signature of the token is not valid.',
    ],
    ['a signature cut short', async () => (await mint(issuer, clock)).slice(0, -10), 'not valid'],
    ['an unknown issuer', async () => mint(issuer, clock, { iss: 'https://evil.example' }), 'an issuer that this gateway does not trust'],
    ['our issuer with a slash more', async () => mint(issuer, clock, { iss: `${issuer.url}/` }), 'an issuer that this gateway does not trust'],
    ['no issuer', async () => mint(issuer, clock, { iss: undefined } as unknown as JWTPayload), 'names no issuer'],
    ['an issuer that is a list', async () => mint(issuer, clock, { iss: [issuer.url] } as unknown as JWTPayload), 'names no issuer'],
    ['nothing', () => Promise.resolve(''), 'empty'],
    ['noise', () => Promise.resolve('hunter2-hunter2'), 'not a signed JWT'],
    ['parts that are not JSON', () => Promise.resolve('aGVsbG8.d29ybGQ.c2ln'), 'not a signed JWT'],
    ['a header that is a list', () => Promise.resolve(assemble([], {})), 'not a signed JWT'],
    ['five parts', () => Promise.resolve('a.b.c.d.e'), 'encrypted|not a signed JWT'],
    ['a line break at the end', async () => `${await mint(issuer, clock)}\n`, 'not a signed JWT'],
    ['more than 16 KiB', async () => mint(issuer, clock, { padding: 'x'.repeat(16 * 1024) }), 'larger than 16 KiB'],
  ];
  it.each(attacks)('%s', async (_, attack, message) => {
    const verifier = authenticator();
    const token = await attack();
    await expect(verifier.verify(await mint(issuer, clock, {}, {}, es))).resolves.toMatchObject({ subject: 'alice' });
    const error = await refusal(verifier, token);
    expect(error.code).toBe('login.token_invalid');
    expect(error.message).toMatch(new RegExp(message.replaceAll('(', '\\(').replaceAll(')', '\\)')));
  });

  it('a large token that is just within the limit is taken', async () => {
    const token = await mint(issuer, clock, { padding: 'x'.repeat(11_000) });
    expect(token.length).toBeLessThanOrEqual(16 * 1024);
    await expect(authenticator().verify(token)).resolves.toMatchObject({ subject: 'alice' });
  });

  it('a token of another trusted issuer is that subject of that issuer, and cannot speak for the first', async () => {
    const otherKey = await testKey('es-1');
    await using other = await TestIssuer.start(otherKey);
    const verifier = authenticator({}, { issuers: [issuer.settings(), other.settings()] });
    await expect(verifier.verify(await mint(other, clock))).resolves.toMatchObject({ issuer: other.url, subject: 'alice' });
    await expect(verifier.verify(await mint(issuer, clock))).resolves.toMatchObject({ issuer: issuer.url, subject: 'alice' });
    expect(await refusal(verifier, await mint(issuer, clock, {}, {}, otherKey))).toMatchObject({ message: 'The signature of the token is not valid.' });
  });
});

describe('locks', () => {
  it('hold at the next call, for a token that is known too', async () => {
    const verifier = authenticator();
    const token = await mint(issuer, clock);
    await expect(verifier.verify(token)).resolves.toMatchObject({ subject: 'alice' });
    locked.add(`${issuer.url}#alice`);
    expect(await refusal(verifier, token)).toMatchObject({ code: 'login.locked' });
    locked.clear();
    await expect(verifier.verify(token)).resolves.toMatchObject({ subject: 'alice' });
  });

  it('are those of one issuer only', async () => {
    locked.add('https://other.example#alice');
    await expect(authenticator().verify(await mint(issuer, clock))).resolves.toMatchObject({ subject: 'alice' });
  });

  it('on a person hold for whoever acts for that person, when no issuer is named for the person too', async () => {
    const verifier = authenticator({ claims: { onBehalfOf: '{"issuer": null, "subject": claims.owner}' } });
    const token = await mint(issuer, clock, { sub: 'robot', owner: 'alice' });
    expect((await verifier.verify(token)).onBehalfOf).toEqual({ issuer: null, subject: 'alice', verified: true });
    locked.add(`${issuer.url}#alice`);
    expect((await refusal(verifier, token)).code).toBe('login.locked');
  });

  it('on a person hold for the agent that acts for that person', async () => {
    const verifier = authenticator();
    const token = await mint(issuer, clock, { act: { sub: 'ledger-agent' } });
    await expect(verifier.verify(token)).resolves.toMatchObject({ subject: 'ledger-agent' });
    locked.add(`${issuer.url}#alice`);
    expect(await refusal(verifier, token)).toMatchObject({ code: 'login.locked' });
    locked = new Set([`${issuer.url}#ledger-agent`]);
    expect(await refusal(verifier, token)).toMatchObject({ code: 'login.locked' });
  });

  it('that cannot be asked for let nobody in', async () => {
    const verifier = authenticator({}, { isLocked: () => Promise.reject(new GwError('internal.error', 'the store is away')) });
    expect(await refusal(verifier, await mint(issuer, clock))).toMatchObject({ code: 'internal.error' });
  });
});

describe('tokens that are known', () => {
  it('are not verified again, until they expire', async () => {
    const verifier = authenticator();
    const token = await mint(issuer, clock);
    const first = await verifier.verify(token);
    expect(await verifier.verify(token)).toBe(first);
    clock.advance(329_000);
    expect(await verifier.verify(token)).toBe(first);
    clock.advance(2000);
    expect(await refusal(verifier, token)).toMatchObject({ code: 'login.expired' });
  });
});
