import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SessionSummary, TargetInfo } from '../../src/contract/api-types.js';
import { mint } from '../identity/test-issuer.js';
import { sessionEnd } from '../store/session-fixture.js';
import { eventually } from '../store/state-server.js';
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
        const reply = await world.ask(path, { method: route.method, ...(token === undefined ? {} : { token }), ...(route.method === 'POST' ? { body: {} } : {}) });
        expect([route.url, reply.status, codeOf(reply)]).toEqual([route.url, 401, code]);
      }
      expect(codeOf(await world.ask(path, { method: route.method, token: wrongKey, ...(route.method === 'POST' ? { body: {} } : {}) }))).toBe('login.token_invalid');
    }
    expect((await world.ask('/api/v1/whoami', { token: good })).status).toBe(200);
  });

  it('shows who the caller is, never the token, and makes the subject known (D21)', async () => {
    const token = await world.token('alice', ['engineers', 'admins']);
    const reply = await world.ask('/api/v1/whoami', { token });
    expect(reply.json).toMatchObject({ issuer: world.issuer.url, subject: 'sub-alice', name: 'alice', kind: 'person', roles: ['admin'], groups: ['engineers', 'admins'] });
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
    for (const headers of [{ host: 'gw.example.test:7443' }, { host: 'GW.example.test' }, { host: 'localhost:1' }, { host: '127.0.0.1' }, { origin: 'https://gw.example.test:7443' }]) {
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
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'content-security-policy': expect.stringContaining("default-src 'none'") });
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

describe('sessions', () => {
  const list = async (token: string, query = ''): Promise<string[]> => ((await world.ask(`/api/v1/sessions${query}`, { token })).json as unknown as { sessions: SessionSummary[] }).sessions.map(({ id }) => id);

  it('are one\'s own, for admins and auditors all; the same subject of another issuer is somebody else', async () => {
    const mine = await world.session('erin');
    const twin = await world.session('erin', world.other.url);
    const theirs = await world.session('frank');
    const erin = await world.token('erin');
    expect(await list(erin)).toEqual([mine]);
    expect(await list(erin, '?subject=sub-frank')).toEqual([]);
    expect(await list(erin, '?name=frank')).toEqual([]);
    expect(await list(erin, `?issuer=${encodeURIComponent(world.other.url)}`)).toEqual([]);
    expect(kinds()).toEqual([]);
    for (const role of ['admins', 'auditors']) {
      const all = await list(await world.token('root', [role]), '?state=live&limit=1000');
      expect(all).toEqual(expect.arrayContaining([mine, twin, theirs]));
    }
    expect(kinds()).toEqual(['log.read', 'log.read']);
    expect(await list(await world.token('erin', ['admins']), '?mine=true')).toEqual([mine]);
  });

  it('are not found when they are invisible, whatever the id looks like (enumeration)', async () => {
    const theirs = await world.session('frank');
    const token = await world.token('erin');
    for (const id of [theirs, 'ses_00000000000000000000000000', 'ses_x', '..%2f..%2fetc', "'%20or%201=1", '%00']) {
      for (const [path, ask] of [
        [`/api/v1/sessions/${id}`, {}],
        [`/api/v1/sessions/${id}/kill`, { body: { reason: 'x' } }],
        [`/api/v1/sessions/${id}/renew`, { body: {} }],
      ] as const) {
        const reply = await world.ask(path, { token, ...ask });
        expect([path, reply.status, codeOf(reply)]).toEqual([path, 404, 'session.unknown']);
      }
    }
  });

  it('show their record to the owner and to auditors, not to admins; each look is recorded', async () => {
    const id = await world.session('gina');
    world.record = { ...world.record, operations: [], problems: ['x'], intact: false };
    expect((await world.ask(`/api/v1/sessions/${id}`, { token: await world.token('gina') })).json).toMatchObject({ session: { id }, intact: false, problems: ['x'] });
    expect((await world.ask(`/api/v1/sessions/${id}`, { token: await world.token('aud', ['auditors']) })).status).toBe(200);
    expect(codeOf(await world.ask(`/api/v1/sessions/${id}`, { token: await world.token('root', ['admins']) }))).toBe('api.forbidden');
    expect(kinds()).toEqual(['log.read', 'log.read', 'api.denied']);
    expect(world.audit[1]?.data).toMatchObject({ session: id, actorSubject: 'sub-aud', sessionSubject: 'sub-gina', what: 'record', sensitive: { address: '127.0.0.1' } });
  });

  it('end here when they are here, and over the bus when they are elsewhere', async () => {
    const [here, elsewhere] = [await world.session('hank'), await world.session('hank')];
    world.local.add(here);
    const token = await world.token('hank');
    expect((await world.ask(`/api/v1/sessions/${here}/kill`, { token, body: { reason: 'done' } })).json).toEqual({ session: here, state: 'ending' });
    expect(world.killed.at(-1)).toEqual({ id: here, by: 'hank', reason: 'done' });
    expect((await world.ask(`/api/v1/sessions/${elsewhere}/kill`, { token, body: { reason: 'done' } })).status).toBe(200);
    await eventually('the kill is on the bus', () => world.events.length > 0);
    expect(world.events).toEqual([{ kind: 'session.kill', session: elsewhere, by: 'hank', reason: 'done' }]);
  });

  it('end by an admin, not by an auditor, and not twice', async () => {
    const id = await world.session('ivan');
    expect(codeOf(await world.ask(`/api/v1/sessions/${id}/kill`, { token: await world.token('a', ['auditors']), body: { reason: 'x' } }))).toBe('api.forbidden');
    expect((await world.ask(`/api/v1/sessions/${id}/kill`, { token: await world.token('r', ['admins']), body: { reason: 'x' } })).status).toBe(200);
    world.store.sessions.ended(id, sessionEnd());
    await world.store.sessions.flush();
    expect((await world.ask(`/api/v1/sessions/${id}/kill`, { token: await world.token('r', ['admins']), body: { reason: 'x' } })).json).toEqual({ session: id, state: 'ended' });
    expect(codeOf(await world.ask(`/api/v1/sessions/${id}/renew`, { token: await world.token('ivan'), body: {} }))).toBe('session.unknown');
  });

  it('are renewed by a fresh token of the same issuer and subject only, not even by an admin', async () => {
    const id = await world.session('judy');
    world.local.add(id);
    const fresh = await world.token('judy', ['engineers'], { exp: Math.floor(world.clock.now() / 1000) + 900 });
    const reply = await world.ask(`/api/v1/sessions/${id}/renew`, { token: fresh, body: {} });
    expect(Date.parse(String(reply.json['expiresAt']))).toBe(Math.floor(world.clock.now() / 1000) * 1000 + 900_000);
    expect(world.renewed.at(-1)).toMatchObject({ id, identity: { subject: 'sub-judy' } });
    for (const token of [await world.token('root', ['admins']), await mint(world.other, world.clock, { sub: 'sub-judy' })]) {
      expect(codeOf(await world.ask(`/api/v1/sessions/${id}/renew`, { token, body: {} }))).toBe('session.unknown');
    }
    world.local.delete(id);
    expect((await world.ask(`/api/v1/sessions/${id}/renew`, { token: fresh, method: 'POST' })).status).toBe(200);
    await eventually('the renewal is on the bus', () => world.events.length > 0);
    expect(world.events).toEqual([{ kind: 'session.renew', session: id, issuer: world.issuer.url, subject: 'sub-judy', expiresAt: Math.floor(world.clock.now() / 1000) * 1000 + 900_000 }]);
  });
});

describe('users', () => {
  it('are locked by admins only; the lock holds from the next request on, and goes over the bus', async () => {
    const kim = await world.token('kim');
    await world.ask('/api/v1/whoami', { token: kim });
    const body = { issuer: world.issuer.url, subject: 'sub-kim', reason: 'left the company' };
    for (const groups of [['engineers'], ['auditors']]) {
      expect(codeOf(await world.ask('/api/v1/users/lock', { token: await world.token('x', groups), body }))).toBe('api.forbidden');
    }
    expect((await world.ask('/api/v1/whoami', { token: kim })).status).toBe(200);
    const root = await world.token('root', ['admins']);
    expect((await world.ask('/api/v1/users/lock', { token: root, body })).json).toEqual({ issuer: world.issuer.url, subject: 'sub-kim', locked: true });
    const refused = await world.ask('/api/v1/whoami', { token: kim });
    expect([refused.status, codeOf(refused)]).toEqual([403, 'login.locked']);
    await eventually('the lock is on the bus', () => world.events.length > 0);
    expect(world.events).toEqual([{ kind: 'subject.locked', ...body, by: 'root' }]);
    const { users } = (await world.ask('/api/v1/users', { token: root })).json as unknown as { users: { subject: string; locked: boolean; lockedBy: string }[] };
    expect(users.find(({ subject }) => subject === 'sub-kim')).toMatchObject({ locked: true, lockedBy: 'root' });
    expect((await world.ask('/api/v1/users/unlock', { token: root, body })).status).toBe(200);
    expect((await world.ask('/api/v1/whoami', { token: kim })).status).toBe(200);
    expect(codeOf(await world.ask('/api/v1/users', { token: kim }))).toBe('api.forbidden');
  });

  it('that never logged in are not found', async () => {
    const reply = await world.ask('/api/v1/users/lock', { token: await world.token('root', ['admins']), body: { issuer: world.other.url, subject: 'ghost', reason: 'x' } });
    expect([reply.status, codeOf(reply)]).toEqual([404, 'subject.unknown']);
  });
});

describe('audit', () => {
  /** What makes each mutating route succeed. A new route must be added here, or the walk fails. */
  const bodies = async (): Promise<Record<string, { path: string; token: string; body: unknown }>> => {
    const id = await world.session('walker');
    await world.ask('/api/v1/whoami', { token: await world.token('walker') });
    const lock = { issuer: world.issuer.url, subject: 'sub-walker', reason: 'walk' };
    const [walker, root] = [await world.token('walker'), await world.token('root', ['admins'])];
    return {
      '/api/v1/sessions/:id/renew': { path: `/api/v1/sessions/${id}/renew`, token: walker, body: {} },
      '/api/v1/sessions/:id/kill': { path: `/api/v1/sessions/${id}/kill`, token: walker, body: { reason: 'walk' } },
      '/api/v1/users/lock': { path: '/api/v1/users/lock', token: root, body: lock },
      '/api/v1/users/unlock': { path: '/api/v1/users/unlock', token: root, body: lock },
    };
  };

  it('gets its event from every mutating route, before the route acts', async () => {
    const asks = await bodies();
    const mutating = world.api.routes.filter(({ method }) => method !== 'GET');
    expect(mutating.map(({ url }) => url).sort()).toEqual(Object.keys(asks).sort());
    for (const route of mutating) {
      const { path, token, body } = asks[route.url] ?? { path: '', token: '', body: {} };
      world.audit.length = 0;
      expect([route.url, (await world.ask(path, { token, body })).status]).toEqual([route.url, 200]);
      expect([route.url, kinds()]).toEqual([route.url, [route.audit]]);
      expect(world.audit[0]?.data).toMatchObject({ actorIssuer: world.issuer.url, request: expect.stringMatching(/^req_/) });
    }
  });

  it('that cannot be written stops the act (fail closed)', async () => {
    const asks = await bodies();
    world.journalBroken = true;
    for (const [url, { path, token, body }] of Object.entries(asks)) {
      const reply = await world.ask(path, { token, body });
      expect([url, reply.status, codeOf(reply)]).toEqual([url, 503, 'recording.failed']);
    }
    world.journalBroken = false;
    expect(world.events).toEqual([]);
    expect(await world.store.subjects.isLocked(world.issuer.url, 'sub-walker')).toBe(false);
  });
});

describe('while the state database is away', () => {
  it('answers with an error that says so, and goes on afterwards', async () => {
    const token = await world.token('alice');
    await world.server.stop();
    const reply = await world.ask('/api/v1/whoami', { token });
    expect([reply.status, codeOf(reply)]).toEqual([503, 'store.unavailable']);
    expect(reply.text).not.toMatch(/127\.0\.0\.1|ECONNREFUSED/);
    await world.server.start();
    await eventually('it answers again', async () => (await world.ask('/api/v1/whoami', { token })).status === 200);
  });
});
