import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Logger, silentLogger } from '../../src/base/logger.js';
import { carryIdentity } from '../../src/contract/carried-identity.js';
import type { BusEvent } from '../../src/contract/session-store.js';
import { openStore } from '../../src/store/index.js';
import { sessionEnd, sessionStart } from './session-fixture.js';
import { eventually, type StateServer, startStateServer } from './state-server.js';

let server: StateServer;

beforeAll(async () => {
  server = await startStateServer();
});
afterAll(async () => {
  await server?.close();
});

describe('while the database is away', () => {
  it('keeps what was queued, stores it in order after the restart, and the bus listens again after a re-sync', async () => {
    const errors: string[] = [];
    const logger: Logger = { ...silentLogger, error: (_fields, message) => errors.push(message) };
    const store = await openStore({ url: await server.database(), logger });
    const events: BusEvent[] = [];
    let resyncs = 0;
    store.bus.subscribe((event) => events.push(event));
    store.bus.onResync(() => resyncs++);
    try {
      const before = sessionStart();
      store.sessions.started(before, 'j1');
      await store.sessions.flush();
      await server.stop();
      await eventually('the loss is noticed', () => !store.bus.connected);
      const during = sessionStart();
      store.sessions.started(during, 'j1');
      store.sessions.ended(before.session, sessionEnd());
      await eventually('the outage is logged', () => errors.length > 0);
      expect(store.waiting).toBe(2);
      await expect(store.ping()).rejects.toMatchObject({ code: 'store.unavailable' });
      await expect(store.subjects.isLocked('i', 's')).rejects.toMatchObject({ code: 'store.unavailable' });
      await expect(store.bus.publish({ kind: 'session.kill', session: 's', by: 'b', reason: 'r' })).rejects.toMatchObject({ code: 'store.unavailable' });
      expect(errors).toHaveLength(1);
      await server.start();
      await store.sessions.flush();
      expect(await store.sessions.find(during.session)).toMatchObject({ state: 'live' });
      expect(await store.sessions.find(before.session)).toMatchObject({ state: 'ended' });
      await eventually('the bus is back', () => store.bus.connected);
      expect(resyncs).toBe(1);
      const kill = { kind: 'session.kill', session: 's_1', by: 'bob', reason: 'why' } as const;
      await store.bus.publish(kill);
      await eventually('the event arrives', () => events.length > 0);
      expect(events).toEqual([kill]);
    } finally {
      await store.close();
    }
  });

  it('refuses new sessions when too many wait, still takes the ends of those it knows, and recovers', async () => {
    const store = await openStore({ url: await server.database(), logger: silentLogger, queueLimit: 3 });
    try {
      const known = sessionStart();
      store.sessions.started(known, 'j1');
      await store.sessions.flush();
      await server.stop();
      for (let i = 0; i < 3; i++) store.sessions.started(sessionStart(), 'j1');
      expect(store.saturated).toBe(true);
      expect(() => store.sessions.started(sessionStart(), 'j1')).toThrow(expect.objectContaining({ code: 'session.limit' }));
      store.sessions.ended(known.session, sessionEnd());
      await server.start();
      await store.sessions.flush();
      expect(store.saturated).toBe(false);
      expect(await store.sessions.find(known.session)).toMatchObject({ state: 'ended' });
      store.sessions.started(sessionStart(), 'j1');
    } finally {
      await store.close();
    }
  });

  it('gives up at the deadline of close, and says so', async () => {
    const errors: string[] = [];
    const store = await openStore({ url: await server.database(), logger: { ...silentLogger, error: (_fields, message) => errors.push(message) } });
    await server.stop();
    store.sessions.started(sessionStart(), 'j1');
    await store.close(50);
    expect(errors.some((message) => message.includes('not stored'))).toBe(true);
    await server.start();
  });

  it('is refused at the start with an error of the catalogue', async () => {
    await expect(openStore({ url: 'postgres://gw:x@127.0.0.1:1/none', logger: silentLogger })).rejects.toMatchObject({ code: 'store.unavailable' });
  });
});

const RENEWAL = {
  kind: 'session.renew',
  session: 's',
  identity: carryIdentity({
    issuer: 'i',
    subject: 's',
    kind: 'person',
    name: 'n',
    email: null,
    emailVerified: false,
    groups: ['dba'],
    onBehalfOf: null,
    claims: { long: 'x'.repeat(3_000), odd: '\0\ud800' },
    expiresAt: 5,
  }),
} satisfies BusEvent;

describe('bus', () => {
  it('carries an identity as it is: nothing of it is cut or replaced', async () => {
    const store = await openStore({ url: await server.database(), logger: silentLogger });
    try {
      const seen: BusEvent[] = [];
      store.bus.subscribe((event) => seen.push(event));
      await store.bus.publish(RENEWAL);
      await eventually('the renewal arrives', () => seen.length > 0);
      expect(seen).toEqual([RENEWAL]);
    } finally {
      await store.close();
    }
  });

  it('refuses to carry what does not fit, instead of a part of it', async () => {
    const store = await openStore({ url: await server.database(), logger: silentLogger });
    try {
      const identity = { ...RENEWAL.identity, name: 'x'.repeat(9_000) };
      await expect(store.bus.publish({ ...RENEWAL, identity })).rejects.toMatchObject({ code: 'usage.invalid', hint: 'Connect again.' });
    } finally {
      await store.close();
    }
  });

  it('reaches every process of the deployment, and its own', async () => {
    const url = await server.database();
    const stores = await Promise.all([openStore({ url, logger: silentLogger }), openStore({ url, logger: silentLogger })]);
    try {
      const seen: string[] = [];
      for (const [index, store] of stores.entries()) store.bus.subscribe((event) => seen.push(`${index} ${event.kind}`));
      await stores[0].bus.publish({ kind: 'subject.locked', issuer: 'i', subject: 's', by: 'b', reason: 'r' });
      await stores[1].bus.publish(RENEWAL);
      await eventually('four deliveries', () => seen.length === 4);
      expect(seen.sort()).toEqual(['0 session.renew', '0 subject.locked', '1 session.renew', '1 subject.locked']);
    } finally {
      await Promise.all(stores.map((store) => store.close()));
    }
  });

  it('ignores payloads that are not events, and goes on', async () => {
    const url = await server.database();
    const store = await openStore({ url, logger: silentLogger });
    try {
      const seen: BusEvent[] = [];
      store.bus.subscribe((event) => seen.push(event));
      for (const payload of [
        '',
        '{',
        'null',
        '{"kind":"session.kill"}',
        '{"kind":"__proto__"}',
        '{"kind":"session.renew","session":"s","issuer":"i","subject":"s","expiresAt":5}',
        ...[
          { kind: 'root' },
          { expiresAt: 'soon' },
          { onBehalfOf: 'me' },
          { rights: { kind: 'whole', groups: 'dba', claims: {} } },
          { rights: { kind: 'digest' } },
        ].map((wrong) => JSON.stringify({ ...RENEWAL, identity: { ...RENEWAL.identity, ...wrong } })),
      ]) {
        await server.query(url, "select pg_notify('gw_bus', $1)", [payload]);
      }
      await store.bus.publish({ kind: 'session.cancel', keyDigest: 'ab' });
      await eventually('the good event arrives', () => seen.length > 0);
      expect(seen).toEqual([{ kind: 'session.cancel', keyDigest: 'ab' }]);
    } finally {
      await store.close();
    }
  });

  it('connects again when the server drops its connection', async () => {
    const url = await server.database();
    const store = await openStore({ url, logger: silentLogger });
    try {
      const back = new Promise<void>((resolve) => store.bus.onResync(resolve));
      await server.dropConnections();
      await back;
      const seen = new Promise<BusEvent>((resolve) => store.bus.subscribe(resolve));
      await store.bus.publish({ kind: 'session.cancel', keyDigest: 'cd' });
      expect(await seen).toEqual({ kind: 'session.cancel', keyDigest: 'cd' });
    } finally {
      await store.close();
    }
  });

  it('refuses an event that is too long to travel (D16)', async () => {
    const store = await openStore({ url: await server.database(), logger: silentLogger });
    try {
      const long = 'é'.repeat(2_000);
      await expect(store.bus.publish({ kind: 'subject.locked', issuer: long, subject: long, by: long, reason: long })).rejects.toMatchObject({
        code: 'usage.invalid',
      });
    } finally {
      await store.close();
    }
  });
});
