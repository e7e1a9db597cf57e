import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TargetInfo } from '../../src/contract/api-types.js';
import { mint } from '../identity/test-issuer.js';
import { ApiWorld, codeOf } from './api-world.js';

let world: ApiWorld;

beforeAll(async () => {
  world = await ApiWorld.start();
});
afterAll(async () => {
  await world?.close();
});
beforeEach(() => {
  world.audit.length = 0;
  world.events.length = 0;
  world.journalBroken = false;
  world.loginFailuresPerMinute = 1_000;
  world.clock.advance(60_000);
});

async function rawAnswer(bytes: string): Promise<string> {
  const socket = connect(world.port, '127.0.0.1');
  socket.end(bytes);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

const kinds = (): string[] => world.audit.map(({ kind }) => kind);

describe('authentication', () => {
  it('refuses every authenticated route without a token, and with each wrong one', async () => {
    const good = await world.token('alice');
    const wrong: Record<string, string | undefined> = {
      'login.required': undefined,
      'login.token_invalid': await mint(world.issuer, world.clock, { aud: 'another' }),
      'login.expired': await mint(world.issuer, world.clock, { exp: Math.floor(world.clock.now() / 1000) - 60 }),
    };
    const wrongKey = await mint(world.issuer, world.clock, {}, { kid: 'k1' }, world.other.keys[0]);
    for (const route of world.api.routes) {
      const path = route.url.replace(':id', 'ses_00000000000000000000000000');
      for (const [code, token] of Object.entries(wrong)) {
        const reply = await world.ask(path, {
          method: route.method,
          ...(token === undefined ? {} : { token }),
          ...(route.method === 'POST' ? { body: {} } : {}),
        });
        expect([route.url, reply.status, codeOf(reply)]).toEqual([route.url, 401, code]);
      }
      expect(codeOf(await world.ask(path, { method: route.method, token: wrongKey, ...(route.method === 'POST' ? { body: {} } : {}) }))).toBe(
        'login.token_invalid',
      );
    }
    expect((await world.ask('/api/v1/whoami', { token: good })).status).toBe(200);
  });

  it('shows who the caller is, never the token, and makes the subject known (D21)', async () => {
    const token = await world.token('alice', ['engineers', 'admins']);
    const reply = await world.ask('/api/v1/whoami', { token });
    expect(reply.json).toMatchObject({
      issuer: world.issuer.url,
      subject: 'sub-alice',
      name: 'alice',
      kind: 'person',
      roles: ['admin'],
      groups: ['engineers', 'admins'],
    });
    expect(reply.text).not.toContain(token.split('.')[2]);
    expect((await world.store.subjects.list()).map(({ subject }) => subject)).toContain('sub-alice');
  });

  it('takes a role from a group or from a single subject with its issuer, and from nothing else', async () => {
    const roles = async (token: string): Promise<unknown> => (await world.ask('/api/v1/whoami', { token })).json['roles'];
    expect(await roles(await world.token('dave', ['auditors']))).toEqual(['auditor']);
    expect(await roles(await world.token('carol', []))).toEqual(['auditor']);
    expect(await roles(await mint(world.other, world.clock, { sub: 'sub-carol' }))).toEqual([]);
    expect(await roles(await world.token('admins', ['Admins']))).toEqual([]);
  });

  it('gives no role by a group to whoever acts for a person, and none by what another issuer calls a group', async () => {
    const roles = async (token: string): Promise<unknown> => (await world.ask('/api/v1/whoami', { token })).json['roles'];
    const groups = ['admins', 'auditors'];
    const minted = (claims: Record<string, unknown>, issuer = world.issuer): Promise<string> => mint(issuer, world.clock, claims);
    expect(await roles(await minted({ sub: 'alice', groups }))).toEqual(['admin', 'auditor']);
    expect(await roles(await minted({ sub: 'alice', groups, act: { sub: 'ledger-agent' } }))).toEqual([]);
    expect(await roles(await minted({ sub: 'alice', groups }, world.other))).toEqual([]);
    expect(await roles(await minted({ sub: 'build', groups, kind: 'service' }))).toEqual([]);
    // Named as a subject: an auditor may be an agent, an administrator may not.
    expect(await roles(await minted({ sub: 'sub-root-robot' }))).toEqual(['admin', 'auditor']);
    expect(await roles(await minted({ sub: 'alice', act: { sub: 'sub-root-robot' } }))).toEqual(['auditor']);
    expect(codeOf(await world.ask('/api/v1/users', { token: await minted({ sub: 'alice', groups, act: { sub: 'ledger-agent' } }) }))).toBe('api.forbidden');
  });

  it('makes an address wait after too many refused tokens, and only for a minute', async () => {
    world.loginFailuresPerMinute = 3;
    const bad = await mint(world.issuer, world.clock, { aud: 'another' });
    const good = await world.token('alice');
    for (let i = 0; i < 3; i++) expect((await world.ask('/api/v1/whoami', { token: bad })).status).toBe(401);
    const throttled = await world.ask('/api/v1/whoami', { token: good });
    expect([throttled.status, codeOf(throttled)]).toEqual([429, 'login.throttled']);
    world.clock.advance(60_000);
    expect((await world.ask('/api/v1/whoami', { token: await world.token('alice') })).status).toBe(200);
  });
});

describe('requests', () => {
  it('are refused when they name another host or origin (DNS rebinding), and never believe forwarded headers (D15)', async () => {
    for (const headers of [{ host: 'evil.test' }, { host: '10.9.8.7' }, { host: 'evil.test@127.0.0.1' }, { origin: 'https://evil.test' }, { origin: 'null' }]) {
      const reply = await world.ask('/healthz', { headers });
      expect([headers, reply.status, codeOf(reply)]).toEqual([headers, 403, 'api.origin']);
    }
    for (const headers of [
      { host: 'gw.example.test:7443' },
      { host: 'GW.example.test' },
      { host: 'localhost:1' },
      { host: '127.0.0.1' },
      { origin: 'https://gw.example.test:7443' },
    ]) {
      expect([headers, (await world.ask('/healthz', { headers })).status]).toEqual([headers, 200]);
    }
    expect((await world.ask('/healthz', { headers: { host: 'evil.test', 'x-forwarded-host': 'gw.example.test' } })).status).toBe(403);
    expect(await rawAnswer('GET /healthz HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 403/);
    world.metricsFrom = ['10.0.0.1'];
    expect((await world.ask('/metrics', { headers: { 'x-forwarded-for': '10.0.0.1', forwarded: 'for=10.0.0.1' } })).status).toBe(401);
    world.metricsFrom = ['127.0.0.1'];
  });

  it('carry a request id in every answer, and errors the same one with code and hint', async () => {
    const reply = await world.ask('/api/v1/nothing', { headers: { 'x-request-id': 'chosen-by-client' } });
    expect(reply.status).toBe(404);
    expect(reply.headers['x-request-id']).toMatch(/^req_[0-9a-z]{26}$/);
    expect(reply.json).toMatchObject({ error: { code: 'api.not_found', requestId: reply.headers['x-request-id'], retryable: false } });
  });

  it('get security headers and no CORS', async () => {
    const { headers } = await world.ask('/healthz', { headers: { origin: 'https://gw.example.test:7443' } });
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("default-src 'none'"),
    });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('are limited in size and form (D6, D16)', async () => {
    const token = await world.token('root', ['admins']);
    const lock = { issuer: 'i', subject: 's', reason: 'r' };
    const cases: [string, Parameters<ApiWorld['ask']>[1], number][] = [
      ['too long', { raw: JSON.stringify({ ...lock, reason: 'x'.repeat(70_000) }) }, 413],
      ['not JSON', { raw: '{' }, 400],
      ['another media type', { raw: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415],
      ['prototype poisoning', { raw: '{"__proto__":{"admin":true},"issuer":"i","subject":"s","reason":"r"}' }, 400],
      ['an unknown field', { body: { ...lock, force: true } }, 400],
      ['a missing field', { body: { issuer: 'i', subject: 's' } }, 400],
      ['a wrong type', { body: { ...lock, subject: ['s'] } }, 400],
      ['a reason that is too long', { body: { ...lock, reason: 'x'.repeat(501) } }, 400],
      ['an empty reason', { body: { ...lock, reason: ' ' } }, 400],
    ];
    for (const [what, ask, status] of cases) {
      const reply = await world.ask('/api/v1/users/lock', { token, ...ask });
      expect([what, reply.status, codeOf(reply)]).toEqual([what, status, 'usage.invalid']);
    }
    expect(codeOf(await world.ask('/api/v1/sessions?limit=100000', { token }))).toBe('usage.invalid');
    expect(codeOf(await world.ask('/api/v1/sessions?drop=1', { token }))).toBe('usage.invalid');
    expect(codeOf(await world.ask('/api/v1/sessions?approval=perhaps', { token }))).toBe('usage.invalid');
    expect(kinds()).toEqual([]);
  });

  it('that are not HTTP end their own connection only', async () => {
    expect(await rawAnswer('\x16\x03\x01garbage\r\n\r\n')).toMatch(/^HTTP\/1\.1 400/);
    expect((await world.ask('/healthz')).status).toBe(200);
  });
});

describe('public routes', () => {
  it('say how to log in, without a login', async () => {
    expect((await world.ask('/api/v1/login')).json).toMatchObject({ issuer: world.issuer.url, clientId: 'gw-cli', audience: 'gw', gateway: world.publicUrl });
  });

  it('give metrics to configured addresses, elsewhere to admins and auditors only', async () => {
    expect((await world.ask('/metrics')).text).toContain('gw_workers');
    world.metricsFrom = [];
    expect((await world.ask('/metrics')).status).toBe(401);
    expect((await world.ask('/metrics', { token: await world.token('alice') })).status).toBe(403);
    expect((await world.ask('/metrics', { token: await world.token('a', ['auditors']) })).status).toBe(200);
    world.metricsFrom = ['127.0.0.1'];
  });

  it('turn readiness red while draining, and ask clients to leave, while health stays green', async () => {
    expect((await world.ask('/readyz')).status).toBe(200);
    world.draining = true;
    const red = await world.ask('/readyz');
    expect([red.status, red.json['ready']]).toEqual([503, false]);
    expect(red.headers.connection).toBe('close');
    expect((await world.ask('/healthz')).status).toBe(200);
    world.draining = false;
  });
});

describe('targets', () => {
  it('are listed with the decision of the policy and the reason', async () => {
    const { targets } = (await world.ask('/api/v1/targets', { token: await world.token('alice') })).json as unknown as { targets: TargetInfo[] };
    expect(targets.map(({ name, reachable, rule, native, database }) => ({ name, reachable, rule, native, database }))).toEqual([
      { name: 'bank-db', reachable: true, rule: 'policy/engineers', native: 'gw.example.test:5432', database: 'bank' },
      { name: 'vault', reachable: false, rule: null, native: null, database: 'bank' },
    ]);
    expect(targets[1]?.reasons.join()).not.toBe('');
    expect(JSON.stringify(targets)).not.toContain('10.0.0.1');
    const other = (await world.ask('/api/v1/targets', { token: await world.token('bob', ['sales']) })).json as unknown as { targets: TargetInfo[] };
    expect(other.targets.map(({ reachable }) => reachable)).toEqual([false, false]);
  });
});
