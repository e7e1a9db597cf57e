/** Recordings of clients in a real state database: a session that goes on after its recording ended shows as soon as it does, whenever it was uploaded. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { CLIENT_RECORDING_LIMIT, LOOSE_RECORDINGS_LIMIT } from '../../src/contract/client-recording.js';
import type { Identity } from '../../src/contract/identity.js';
import { ClientRecordings } from '../../src/recording/index.js';
import { openStore, type Store } from '../../src/store/index.js';
import { sessionEnd, sessionStart } from './session-fixture.js';
import { type StateServer, startStateServer } from './state-server.js';

let server: StateServer;
let store: Store;

let url: string;

beforeAll(async () => {
  server = await startStateServer();
  url = await server.database();
  store = await openStore({ url, logger: silentLogger });
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

describe('recordings without a session', () => {
  let now = BEGAN;
  const recordings = (): ClientRecordings => new ClientRecordings(store.clientRecordings, { now: () => now, monotonic: () => now }, () => null);
  const identityOf = (subject: string): Identity => ({ ...sessionStart().identity, subject, claims: {} }) as Identity;
  const limit = { code: 'recording.limit' };

  async function begun(subject: string): Promise<string> {
    const id = recordings().newId();
    await recordings().begin(id, identityOf(subject), ['bank-db']);
    return id;
  }

  async function openUnder(id: string): Promise<void> {
    store.sessions.started(sessionStart({ recording: id }), 'journal');
    await store.sessions.flush();
  }

  it('are so many of a subject and no more, until one has a session or a day has gone by', async () => {
    const ids: string[] = [];
    for (let at = 0; at < LOOSE_RECORDINGS_LIMIT; at++) {
      await recordings().requireRoom(identityOf('sub-many'));
      ids.push(await begun('sub-many'));
    }
    await expect(recordings().requireRoom(identityOf('sub-many'))).rejects.toMatchObject(limit);
    await recordings().requireRoom(identityOf('sub-other'));
    await openUnder(ids[0] ?? '');
    await recordings().requireRoom(identityOf('sub-many'));
    await begun('sub-many');
    await expect(recordings().requireRoom(identityOf('sub-many'))).rejects.toMatchObject(limit);
    now += 86_400_000;
    await recordings().requireRoom(identityOf('sub-many'));
  });

  it('take so many bytes of a subject together and no more; one with a session takes its own', async () => {
    const [first, second, third] = [await begun('sub-large'), await begun('sub-large'), await begun('sub-large')];
    for (const id of [first, second]) await server.query(url, 'update gw.client_recordings set received = $2 where id = $1', [id, CLIENT_RECORDING_LIMIT]);
    const append = async (id: string): Promise<number> => {
      const recording = await recordings().find(id);
      if (recording === null) throw new Error('there is no recording');
      return recordings().append(recording, recording.received, Buffer.from('x'));
    };
    await expect(append(third)).rejects.toMatchObject(limit);
    expect(await append(await begun('sub-small'))).toBe(1);
    await openUnder(third);
    expect(await append(third)).toBe(1);
  });
});
