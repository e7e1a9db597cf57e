import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../src/base/id.js';
import type { SessionList, SessionSummary } from '../../src/contract/api-types.js';
import type { ApprovalRecord } from '../../src/contract/approval.js';
import type { FoundOperation, IndexedOperation } from '../../src/contract/operation-index.js';
import { askingPolicy } from '../approval/asking-policy.js';
import { demand, identity, question } from '../approval/fixture.js';
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
beforeEach(async () => {
  world.audit.length = 0;
  (await world.heard()).length = 0;
  world.journalBroken = false;
});

const INDEXED: IndexedOperation = {
  session: 'ses_x',
  sequence: 1,
  at: '2026-01-01T00:00:00.000Z',
  issuer: '',
  subject: '',
  name: '',
  onBehalfOf: null,
  target: 'bank-db',
  verdict: 'deny',
  asked: false,
  status: 'refused',
  rule: null,
  kinds: ['delete'],
  relations: ['ledger.secret'],
  masked: ['ssn'],
  rows: 1,
  text: 'delete',
};

const kinds = (): string[] => world.audit.map(({ kind }) => kind);

describe('operations', () => {
  it("are searched among one's own, and among all by auditors alone; that is recorded", async () => {
    const operation = (sequence: number, name: string): IndexedOperation => ({
      session: 'ses_x',
      sequence,
      at: '2026-01-01T00:00:00.000Z',
      issuer: world.issuer.url,
      subject: `sub-${name}`,
      name,
      onBehalfOf: null,
      target: 'bank-db',
      verdict: 'allow',
      asked: false,
      status: 'ok',
      rule: null,
      kinds: ['select'],
      relations: [],
      masked: [],
      rows: 1,
      text: `select ${name}`,
    });
    await world.store.operations.add([operation(1, 'erin'), operation(2, 'frank'), operation(3, 'erin')]);
    const search = async (token: string, query: string): Promise<unknown> => {
      const { json } = await world.ask(`/api/v1/operations?q=${query}`, { token });
      return (json['operations'] as FoundOperation[]).map(({ sequence }) => sequence);
    };
    expect(await search(await world.token('erin'), 'select')).toEqual([3, 1]);
    expect(await search(await world.token('erin'), 'user:frank')).toEqual([]);
    expect(await search(await world.token('root', ['admins']), 'select')).toEqual([]);
    expect(kinds()).toEqual([]);
    expect(await search(await world.token('aud', ['auditors']), 'select')).toEqual([3, 2, 1]);
    expect(await search(await world.token('erin', ['auditors']), 'select&mine=true')).toEqual([3, 1]);
    expect(kinds()).toEqual(['log.read']);
    const page = await world.ask('/api/v1/operations?q=select&limit=1', { token: await world.token('erin') });
    expect(await search(await world.token('erin'), `select&before=${encodeURIComponent(String(page.json['next']))}`)).toEqual([1]);
    for (const query of ['q=%22open', 'q=', 'q=x&before=y', 'q=x&limit=0'])
      expect(codeOf(await world.ask(`/api/v1/operations?${query}`, { token: await world.token('erin') }))).toBe('usage.invalid');
  });
});

describe('sessions', () => {
  const list = async (token: string, query = ''): Promise<string[]> =>
    ((await world.ask(`/api/v1/sessions${query}`, { token })).json as unknown as { sessions: SessionSummary[] }).sessions.map(({ id }) => id);

  it("are one's own, for admins and auditors all; the same subject of another issuer is somebody else", async () => {
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

  it('are found by what they did among all by auditors alone, and by others among their own; that is said', async () => {
    const [own, theirs] = [await world.session('rosa'), await world.session('frank')];
    const operation = (session: string, name: string): IndexedOperation => ({ ...INDEXED, session, name, subject: `sub-${name}`, issuer: world.issuer.url });
    await world.store.operations.add([operation(own, 'rosa'), operation(theirs, 'frank')]);
    for (const query of ['relation=ledger.secret', 'action=delete&since=2020-01-01T00:00:00Z', 'verdict=deny', 'masked=ssn']) {
      const asked = async (token: string) => (await world.ask(`/api/v1/sessions?${query}`, { token })).json as unknown as SessionList;
      const ids = ({ sessions }: SessionList): string[] => sessions.map(({ id }) => id).sort();
      expect([query, ids(await asked(await world.token('aud', ['auditors'])))]).toEqual([query, [own, theirs].sort()]);
      for (const groups of [['engineers'], ['admins']]) {
        const { notes, ...found } = await asked(await world.token('rosa', groups));
        expect([query, ids(found)]).toEqual([query, [own]]);
        expect(notes?.some((note) => note.includes('only auditors may ask')) === true).toBe(groups.includes('admins'));
      }
    }
  });

  it('are not erased by whom they are of, nor by those for whom they acted', async () => {
    const root = await world.token('root', ['admins']);
    const agentOf = (subject: string) => world.session('agent', world.issuer.url, { issuer: null, subject, verified: true });
    const erase = async (id: string): Promise<number> => (await world.ask(`/api/v1/sessions/${id}/erase`, { token: root, body: { reason: 'x' } })).status;
    const before = world.erased.length;
    for (const id of [await world.session('root'), await agentOf('sub-root')]) expect(await erase(id)).toBe(403);
    expect(world.erased).toHaveLength(before);
    for (const id of [await world.session('frank'), await agentOf('sub-frank')]) expect(await erase(id)).toBe(200);
    expect(world.erased).toHaveLength(before + 2);
  });

  it('are not released from a hold by whom they are of, nor by those for whom they acted', async () => {
    const root = await world.token('root', ['admins']);
    const held = async (scope: 'session' | 'subject' | 'target', value: string): Promise<string> =>
      (
        await world.store.holds.add(
          { id: newId('hld'), scope, value, issuer: scope === 'subject' ? world.issuer.url : null, reason: 'x', addedBy: 'other' },
          () => Promise.resolve(),
        )
      ).id;
    const release = async (id: string): Promise<number> => (await world.ask(`/api/v1/holds/${id}/release`, { token: root, body: { reason: 'x' } })).status;
    const agent = await world.session('agent', world.issuer.url, { issuer: null, subject: 'sub-root', verified: true });
    for (const id of [await held('session', await world.session('root')), await held('session', agent), await held('subject', 'sub-root')]) {
      expect(await release(id)).toBe(403);
      expect((await world.store.holds.find(id))?.releasedAt).toBe(null);
    }
    const others = [
      await held('session', await world.session('frank')),
      await held('session', 'ses_gone'),
      await held('subject', 'sub-frank'),
      await held('target', 'sub-root'),
    ];
    for (const id of others) expect(await release(id)).toBe(200);
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
    expect((await world.ask(`/api/v1/sessions/${id}`, { token: await world.token('gina') })).json).toMatchObject({
      session: { id },
      intact: false,
      problems: ['x'],
    });
    expect((await world.ask(`/api/v1/sessions/${id}`, { token: await world.token('aud', ['auditors']) })).status).toBe(200);
    expect(codeOf(await world.ask(`/api/v1/sessions/${id}`, { token: await world.token('root', ['admins']) }))).toBe('api.forbidden');
    expect(kinds()).toEqual(['log.read', 'log.read', 'api.denied']);
    expect(world.audit[1]?.data).toMatchObject({
      session: id,
      actorSubject: 'sub-aud',
      sessionSubject: 'sub-gina',
      what: 'record',
      sensitive: { address: '127.0.0.1' },
    });
  });

  it('are exported for the owner and for auditors, not for admins; each export is recorded before it begins', async () => {
    const id = await world.session('gina');
    const reply = await world.ask(`/api/v1/sessions/${id}/export?format=sql`, { token: await world.token('gina') });
    expect([reply.status, reply.headers['content-type'], reply.text]).toEqual([200, 'application/sql', `${id} sql\none\ntwo\n`]);
    expect((await world.ask(`/api/v1/sessions/${id}/export`, { token: await world.token('aud', ['auditors']) })).text).toContain(`${id} ndjson`);
    expect(codeOf(await world.ask(`/api/v1/sessions/${id}/export`, { token: await world.token('root', ['admins']) }))).toBe('api.forbidden');
    expect(codeOf(await world.ask(`/api/v1/sessions/${id}/export`, { token: await world.token('frank') }))).toBe('session.unknown');
    expect(codeOf(await world.ask(`/api/v1/sessions/${id}/export?format=exe`, { token: await world.token('gina') }))).toBe('usage.invalid');
    expect(kinds()).toEqual(['log.read', 'log.read', 'api.denied']);
    expect(world.audit[1]?.data).toMatchObject({ session: id, actorSubject: 'sub-aud', what: 'export ndjson' });
    world.journalBroken = true;
    expect(codeOf(await world.ask(`/api/v1/sessions/${id}/export`, { token: await world.token('gina') }))).toBe('recording.failed');
  });

  it('are watched by the owner and by auditors, not by admins; that is recorded before it begins', async () => {
    const id = await world.session('gina');
    expect((await world.ask(`/api/v1/sessions/${id}/watch`, { token: await world.token('gina') })).text).toContain(`${id} watch`);
    expect((await world.ask(`/api/v1/sessions/${id}/watch`, { token: await world.token('aud', ['auditors']) })).status).toBe(200);
    expect(codeOf(await world.ask(`/api/v1/sessions/${id}/watch`, { token: await world.token('root', ['admins']) }))).toBe('api.forbidden');
    expect(codeOf(await world.ask(`/api/v1/sessions/${id}/watch`, { token: await world.token('frank') }))).toBe('session.unknown');
    expect(world.audit.map(({ kind, data }) => [kind, data['what']])).toEqual([
      ['log.read', 'watch'],
      ['log.read', 'watch'],
      ['api.denied', undefined],
    ]);
  });

  it('cut the connection when the export cannot be gone on with: half of it never looks whole', async () => {
    const id = await world.session('gina');
    world.exported = ['one\n', new Error('the disk is gone')];
    await expect(world.ask(`/api/v1/sessions/${id}/export`, { token: await world.token('gina') })).rejects.toThrow(/aborted|hang up/);
    world.exported = ['one\n'];
  });

  it('end here when they are here, and over the bus when they are elsewhere', async () => {
    const [here, elsewhere] = [await world.session('hank'), await world.session('hank')];
    world.local.add(here);
    const token = await world.token('hank');
    expect((await world.ask(`/api/v1/sessions/${here}/kill`, { token, body: { reason: 'done' } })).json).toEqual({ session: here, state: 'ending' });
    expect(world.killed.at(-1)).toEqual({ id: here, by: 'hank', reason: 'done' });
    expect((await world.ask(`/api/v1/sessions/${elsewhere}/kill`, { token, body: { reason: 'done' } })).status).toBe(200);
    expect(await world.heard()).toEqual([{ kind: 'session.kill', session: elsewhere, by: 'hank', reason: 'done' }]);
  });

  it('end by an admin, not by an auditor, and not twice', async () => {
    const id = await world.session('ivan');
    expect(codeOf(await world.ask(`/api/v1/sessions/${id}/kill`, { token: await world.token('a', ['auditors']), body: { reason: 'x' } }))).toBe(
      'api.forbidden',
    );
    expect((await world.ask(`/api/v1/sessions/${id}/kill`, { token: await world.token('r', ['admins']), body: { reason: 'x' } })).status).toBe(200);
    world.store.sessions.ended(id, sessionEnd());
    await world.store.sessions.flush();
    expect((await world.ask(`/api/v1/sessions/${id}/kill`, { token: await world.token('r', ['admins']), body: { reason: 'x' } })).json).toEqual({
      session: id,
      state: 'ended',
    });
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
    expect(await world.heard()).toEqual([
      {
        kind: 'session.renew',
        session: id,
        identity: expect.objectContaining({
          issuer: world.issuer.url,
          subject: 'sub-judy',
          kind: 'person',
          expiresAt: Math.floor(world.clock.now() / 1000) * 1000 + 900_000,
          rights: { kind: 'whole', groups: ['engineers'], claims: expect.objectContaining({ sub: 'sub-judy', groups: ['engineers'] }) },
        }),
      },
    ]);
  });

  it('are not renewed by a token that makes the owner an agent, or an agent of somebody', async () => {
    const id = await world.session('judy');
    world.local.add(id);
    const before = world.renewed.length;
    const agent = await mint(world.issuer, world.clock, { sub: 'sub-mallory', act: { sub: 'sub-judy' } });
    expect(codeOf(await world.ask(`/api/v1/sessions/${id}/renew`, { token: agent, body: {} }))).toBe('api.forbidden');
    expect(world.renewed).toHaveLength(before);
    expect((await world.ask(`/api/v1/sessions/${id}/renew`, { token: await world.token('judy'), body: {} })).status).toBe(200);
  });
});

describe('users', () => {
  it('are not locked by themselves, who could not take it back', async () => {
    const root = await world.token('root', ['admins']);
    const body = { issuer: world.issuer.url, subject: 'sub-root', reason: 'a slip' };
    await world.ask('/api/v1/whoami', { token: root });
    expect(codeOf(await world.ask('/api/v1/users/lock', { token: root, body }))).toBe('usage.invalid');
    expect(kinds()).toEqual([]);
    expect((await world.ask('/api/v1/whoami', { token: root })).status).toBe(200);
    const other = await world.token('rita', ['admins']);
    expect((await world.ask('/api/v1/users/lock', { token: other, body })).status).toBe(200);
    expect((await world.ask('/api/v1/users/unlock', { token: other, body })).status).toBe(200);
  });

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
    expect(await world.heard()).toEqual([{ kind: 'subject.locked', ...body, by: 'root' }]);
    const { users } = (await world.ask('/api/v1/users', { token: root })).json as unknown as {
      users: { subject: string; locked: boolean; lockedBy: string }[];
    };
    expect(users.find(({ subject }) => subject === 'sub-kim')).toMatchObject({ locked: true, lockedBy: 'root' });
    expect((await world.ask('/api/v1/users/unlock', { token: root, body })).status).toBe(200);
    expect((await world.ask('/api/v1/whoami', { token: kim })).status).toBe(200);
    expect(codeOf(await world.ask('/api/v1/users', { token: kim }))).toBe('api.forbidden');
  });

  it('that never logged in are not found', async () => {
    const reply = await world.ask('/api/v1/users/lock', {
      token: await world.token('root', ['admins']),
      body: { issuer: world.other.url, subject: 'ghost', reason: 'x' },
    });
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
    const asks = askingPolicy(world.inForce.current(), { access: demand({ grantMs: 3_600_000 }) });
    world.inForce = { current: () => asks };
    const bob = await world.token('bob', ['dba']);
    const waits = async (): Promise<ApprovalRecord> => {
      const asker = { ...identity('walker'), issuer: world.issuer.url };
      const access = question('', {
        kind: 'access',
        identity: asker,
        operation: null,
        session: null,
        policy: asks.digest,
        demand: demand({ grantMs: 3_600_000 }),
      });
      return world.desk.submit(await world.desk.draft(access, 3_600_000));
    };
    const [approved, denied, cancelled, granted] = [await waits(), await waits(), await waits(), await waits()];
    await world.desk.approve(granted.id, { identity: identity('bob'), groups: ['dba'] }, { digest: granted.digest, confirm: null, reason: null });
    const hold = await world.store.holds.add({ id: newId('hld'), scope: 'target', value: 'elsewhere', issuer: null, reason: 'walk', addedBy: 'root' }, () =>
      Promise.resolve(),
    );
    const { json: begun } = await world.ask('/api/v1/recordings', { token: walker, body: { targets: ['bank-db'] } });
    const recording = `/api/v1/recordings/${String(begun['id'])}`;
    const request = (id: string, action: string): string => `/api/v1/requests/${id}/${action}`;
    return {
      '/api/v1/policy/explain': { path: '/api/v1/policy/explain', token: root, body: { target: 'bank-db' } },
      '/api/v1/policy/simulate': {
        path: '/api/v1/policy/simulate',
        token: root,
        body: { files: [{ path: 'p.yaml', text: 'version: 1\nrules: [{ id: r, effect: allow, actions: [connect] }]' }], since: '2026-01-01T00:00:00Z' },
      },
      '/api/v1/targets/:name/masking-scan': { path: '/api/v1/targets/bank-db/masking-scan', token: root, body: {} },
      '/api/v1/requests': { path: '/api/v1/requests', token: walker, body: { target: 'bank-db', for: 600, reason: 'walk' } },
      '/api/v1/requests/:id/approve': { path: request(approved.id, 'approve'), token: bob, body: { digest: approved.digest } },
      '/api/v1/requests/:id/deny': { path: request(denied.id, 'deny'), token: bob, body: { reason: 'walk' } },
      '/api/v1/requests/:id/cancel': { path: request(cancelled.id, 'cancel'), token: walker, body: {} },
      '/api/v1/grants/:id/revoke': { path: `/api/v1/grants/${granted.id}/revoke`, token: bob, body: { reason: 'walk' } },
      '/api/v1/sessions/:id/renew': { path: `/api/v1/sessions/${id}/renew`, token: walker, body: {} },
      '/api/v1/sessions/:id/kill': { path: `/api/v1/sessions/${id}/kill`, token: walker, body: { reason: 'walk' } },
      '/api/v1/sessions/:id/erase': { path: `/api/v1/sessions/${id}/erase`, token: root, body: { reason: 'walk' } },
      '/api/v1/holds': { path: '/api/v1/holds', token: root, body: { scope: 'target', value: 'nowhere', reason: 'walk' } },
      '/api/v1/holds/:id/release': { path: `/api/v1/holds/${hold.id}/release`, token: root, body: { reason: 'walk' } },
      '/api/v1/certificates': { path: '/api/v1/certificates', token: walker, body: { protocol: 'postgres', publicKey: 'k' } },
      '/api/v1/recordings': { path: '/api/v1/recordings', token: walker, body: { targets: ['bank-db'] } },
      '/api/v1/recordings/:id/pieces': { path: `${recording}/pieces`, token: walker, body: { offset: 0, bytes: 'eA==' } },
      '/api/v1/recordings/:id/end': { path: `${recording}/end`, token: walker, body: { bytes: 1, digest: createHash('sha256').update('x').digest('hex') } },
      '/api/v1/retention/run': { path: '/api/v1/retention/run', token: root, body: {} },
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
      // What it found the upload to be is an entry of its own.
      expect([route.url, kinds()]).toEqual([route.url, route.audit === 'client_recording.end' ? [route.audit, 'client_recording.judge'] : [route.audit]]);
      expect(world.audit[0]?.data).toMatchObject({ actorIssuer: world.issuer.url, request: expect.stringMatching(/^req_/) });
    }
  });

  it('that cannot be written stops the act (fail closed)', async () => {
    const asks = await bodies();
    world.events.length = 0;
    world.journalBroken = true;
    for (const [url, { path, token, body }] of Object.entries(asks)) {
      const reply = await world.ask(path, { token, body });
      expect([url, reply.status, codeOf(reply)]).toEqual([url, 503, 'recording.failed']);
    }
    world.journalBroken = false;
    expect((await world.heard()).filter(({ kind }) => kind !== 'approval.changed')).toEqual([]);
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
