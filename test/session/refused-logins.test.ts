/**
 * Refused logins in the audit log: with the field classes of the log, bounded whatever comes in, and never in the way: neither of other
 * connections nor of the refusal itself.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { GwError } from '../../src/contract/gw-error.js';
import type { Journal } from '../../src/contract/recording.js';
import type { RefusedLogin } from '../../src/session/path-services.js';
import { RefusedLogins } from '../../src/session/refused-logins.js';
import { complete, ready, type StubServer, startStubServer } from '../protocols/postgres/hostile/stub-server.js';
import { startPathWorld } from '../support/path-world.js';
import { query, RawClient, shape } from '../support/raw-client.js';

const INVALID = new GwError('login.token_invalid', 'The token is not valid.');
const THROTTLED = new GwError('login.throttled', 'Too many failed logins from this address.');

let server: StubServer;
beforeAll(async () => {
  server = await startStubServer({ onMessage: ({ socket }, { type }) => type === 'Q' && socket.write(Buffer.concat([complete('SELECT 0'), ready()])) });
});
afterAll(() => server?.[Symbol.asyncDispose]());

/** Events of the gateway itself that pass between the path and its journal. */
function watched(synced: () => Promise<void> | null = () => null, event: () => void = () => undefined) {
  const events: { kind: string; data: Readonly<Record<string, unknown>> }[] = [];
  const wrapJournal = (journal: Journal): Journal => ({
    begin: (start) => journal.begin(start),
    event: (kind, data) => {
      event();
      events.push({ kind, data });
      journal.event(kind, data);
    },
    commit: () => journal.commit(),
    synced: () => synced() ?? journal.synced(),
    get healthy() {
      return journal.healthy;
    },
    close: () => journal.close(),
  });
  return { events, wrapJournal };
}

describe('a refused login', () => {
  it('is recorded with the classes of its fields', async () => {
    const { events, wrapJournal } = watched();
    await using world = await startPathWorld({ server, wrapJournal });
    await expect(RawClient.login(world.port, 'bank-db', 'wrong', 'bank-db')).rejects.toThrow('The token is not valid.');
    expect(events).toEqual([
      {
        kind: 'login.refused',
        data: { via: 'native', code: 'login.token_invalid', count: 1, sensitive: { address: '127.0.0.1', message: 'The token is not valid.' } },
      },
    ]);
  });

  it('that is throttled is counted, and said in one record for all', async () => {
    const { events, wrapJournal } = watched();
    const world = await startPathWorld({ server, wrapJournal, limits: { loginFailuresPerMinute: 2 } });
    for (let i = 0; i < 12; i++) await expect(RawClient.login(world.port, 'bank-db', i < 2 ? 'wrong' : 'token-alice', 'bank-db')).rejects.toThrow();
    expect(events.map(({ data }) => data['code'])).toEqual(['login.token_invalid', 'login.token_invalid']);
    expect(world.path.counters).toMatchObject({ loginFailures: 2, throttledLogins: 10, sessions: 0 });
    await world[Symbol.asyncDispose]();
    expect(events.slice(2)).toEqual([{ kind: 'login.refused', data: { count: 10, throttled: 10 } }]);
  });

  it('whose record cannot be written stays refused, in its own words', async () => {
    const { wrapJournal } = watched(undefined, () => {
      throw new GwError('recording.failed', 'The journal cannot be written.');
    });
    await using world = await startPathWorld({ server, wrapJournal });
    await expect(RawClient.login(world.port, 'bank-db', 'wrong', 'bank-db')).rejects.toThrow('The token is not valid.');
    expect(world.path.live.count()).toBe(0);
  });

  it('whose record waits for the disk is refused meanwhile, and so are others', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let holding = true;
    const { events, wrapJournal } = watched(() => (holding ? held : null));
    await using world = await startPathWorld({ server, wrapJournal });
    await expect(RawClient.login(world.port, 'bank-db', 'wrong', 'bank-db')).rejects.toThrow('The token is not valid.');
    await expect(RawClient.login(world.port, 'bank-db', 'wrong', 'bank-db')).rejects.toThrow('The token is not valid.');
    holding = false;
    const client = await RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
    expect(shape(await client.run(query('SELECT 1')))).toBe('C Z:I');
    expect(events).toHaveLength(2);
    client.close();
    release();
  });
});

describe('many refused logins', () => {
  function counting() {
    const records: RefusedLogin[] = [];
    const time = { now: 0 };
    let fails = false;
    const refused = new RefusedLogins({
      audit: {
        record: (_kind, data) => {
          if (fails) return Promise.reject(new GwError('recording.failed', 'The journal cannot be written.'));
          records.push(data);
          return Promise.resolve();
        },
      },
      clock: { now: () => time.now, monotonic: () => time.now },
      logger: silentLogger,
    });
    return { records, time, refused, fail: (on: boolean) => (fails = on) };
  }

  it('of one address do not hide those of another, and are counted', () => {
    const { records, refused } = counting();
    for (let i = 0; i < 5_000; i++) refused.note('192.0.2.1', 'native', INVALID);
    refused.note('192.0.2.2', 'native', INVALID);
    expect(records).toHaveLength(31);
    expect(records.at(-1)).toMatchObject({ address: '192.0.2.2', count: 1 });
    refused.stop();
    expect(records.slice(31)).toEqual([{ count: 4_970, throttled: 0 }]);
  });

  it('of many addresses are bounded too; after a minute there is room again', async () => {
    const { records, time, refused } = counting();
    // What is being written counts as well, so the records of the first ones are let finish.
    for (let i = 0; i < 2_000; i++) {
      refused.note(`2001:db8::${i.toString(16)}`, 'tunnel', INVALID);
      if (i % 100 === 0) await Promise.resolve();
    }
    refused.note('192.0.2.1', 'native', THROTTLED);
    expect(records).toHaveLength(600);
    time.now += 60_000;
    await new Promise((resolve) => setImmediate(resolve));
    refused.note('192.0.2.3', 'native', INVALID);
    expect(records.slice(600)).toEqual([{ count: 1_401, throttled: 1 }, expect.objectContaining({ address: '192.0.2.3', count: 1 })]);
    refused.stop();
    expect(records).toHaveLength(602);
  });

  it('that cannot be written do not throw', async () => {
    const { records, refused, fail } = counting();
    fail(true);
    refused.note('192.0.2.1', 'native', INVALID);
    await new Promise((resolve) => setImmediate(resolve));
    fail(false);
    refused.note('192.0.2.1', 'native', INVALID);
    expect(records).toHaveLength(1);
    refused.stop();
  });
});
