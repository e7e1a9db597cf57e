/** Recordings of clients in a real state database: a session that goes on after its recording ended shows as soon as it does, whenever it was uploaded. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { openStore, type Store } from '../../src/store/index.js';
import { sessionEnd, sessionStart } from './session-fixture.js';
import { type StateServer, startStateServer } from './state-server.js';

let server: StateServer;
let store: Store;

beforeAll(async () => {
  server = await startStateServer();
  store = await openStore({ url: await server.database(), logger: silentLogger });
});
afterAll(async () => {
  await store?.close();
  await server?.close();
});

const BEGAN = Date.parse('2026-01-02T03:04:05.000Z');
const DURATION_MS = 60_000;

/** A whole recording of a minute, and a session under it with this end, or none yet. */
async function recorded(
  id: string,
  end: Parameters<typeof sessionEnd>[0] | null,
): Promise<{ readonly session: string; problems(): Promise<readonly string[]> }> {
  const by = { issuer: 'https://idp.test', subject: 'sub-alice', name: 'alice' };
  await store.clientRecordings.create({ id, ...by, targets: ['bank-db'], createdAt: new Date(BEGAN).toISOString() }, Buffer.alloc(32));
  const start = sessionStart({ startedAt: BEGAN, recording: id });
  store.sessions.started(start, 'journal');
  if (end !== null) store.sessions.ended(start.session, sessionEnd(end));
  await store.sessions.flush();
  const whole = { state: 'complete', digest: 'd', durationMs: DURATION_MS, problems: [], compared: [], uncompared: [] } as const;
  await store.clientRecordings.end(id, whole, [start.session]);
  return { session: start.session, problems: async () => (await store.clientRecordings.find(id))?.problems ?? ['there is none'] };
}

it.each([
  ['ended with it', BEGAN + DURATION_MS, 'client', false],
  ['ended within ten seconds of it', BEGAN + DURATION_MS + 10_000, 'client', false],
  ['ended later', BEGAN + DURATION_MS + 10_001, 'client', true],
  ['was cut off when its gateway died, and found by the next', BEGAN + 3_600_000, 'interrupted', false],
])('a session that %s', async (what, endedAt, reason, outlasts) => {
  const { session, problems } = await recorded(`rec_${what}`, { endedAt, reason });
  expect(await problems()).toEqual(outlasts ? [`the session ${session} went on after it ended`] : []);
});

it('a session that had not ended when its recording was uploaded as whole, and goes on', async () => {
  const { session, problems } = await recorded('rec_live', null);
  expect(await problems()).toEqual([`the session ${session} went on after it ended`]);
  expect((await store.clientRecordings.list({ limit: 10 })).find(({ id }) => id === 'rec_live')?.problems).toEqual(await problems());
  store.sessions.ended(session, sessionEnd({ endedAt: BEGAN + 3_600_000 }));
  await store.sessions.flush();
  expect(await problems()).toEqual([`the session ${session} went on after it ended`]);
});

it('a session that turns up under a recording after it was judged', async () => {
  const { session, problems } = await recorded('rec_late', { endedAt: BEGAN + DURATION_MS });
  expect(await problems()).toEqual([]);
  const late = sessionStart({ startedAt: BEGAN, recording: 'rec_late' });
  store.sessions.started(late, 'journal');
  store.sessions.ended(late.session, sessionEnd({ endedAt: BEGAN + DURATION_MS }));
  await store.sessions.flush();
  expect(late.session).not.toBe(session);
  expect(await problems()).toEqual([`it does not name the session ${late.session}, which was opened under it while it was judged`]);
});

it('a recording that is being judged takes nothing more, and can still be ended by a gateway that comes later', async () => {
  const by = { issuer: 'https://idp.test', subject: 'sub-alice', name: 'alice' };
  await store.clientRecordings.create({ id: 'rec_closed', ...by, targets: ['bank-db'], createdAt: new Date(BEGAN).toISOString() }, Buffer.alloc(32));
  expect(await store.clientRecordings.append('rec_closed', 0, Buffer.from('one'))).toBe(3);
  expect(await store.clientRecordings.isClosed('rec_closed')).toBe(false);
  await store.clientRecordings.close('rec_closed');
  expect(await store.clientRecordings.isClosed('rec_closed')).toBe(true);
  expect(await store.clientRecordings.append('rec_closed', 3, Buffer.from('two'))).toBe(3);
  expect(await store.clientRecordings.find('rec_closed')).toMatchObject({ state: 'open', received: 3 });
  const end = { state: 'complete', digest: 'd', durationMs: 1, problems: [], compared: [], uncompared: [] } as const;
  expect(await store.clientRecordings.end('rec_closed', end, [])).toBe(true);
  expect(await store.clientRecordings.find('rec_closed')).toMatchObject({ state: 'complete', problems: [] });
});
