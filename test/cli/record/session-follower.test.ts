/** `gw sessions ls --follow` against a list that answers as the API does: every beginning and every end is told once, however many there are and however old. */
import { beforeEach, describe, expect, it } from 'vitest';
import { SessionFollower } from '../../../src/cli/record/session-follower.js';
import type { SessionQuery } from '../../../src/client/gateway-client.js';
import type { SessionList, SessionSummary } from '../../../src/contract/api-types.js';

const START = Date.parse('2026-11-21T07:00:00Z');

let sessions: Map<string, SessionSummary>;
let queries: SessionQuery[];
/** Milliseconds since the start. */
let now: number;
/** Sessions with a request that waits for approval. */
let pending: Set<string>;

beforeEach(() => {
  sessions = new Map();
  queries = [];
  now = 0;
  pending = new Set();
});

const time = (): string => new Date(START + now).toISOString();

function begin(count = 1, change: Partial<SessionSummary> = {}): string[] {
  return Array.from({ length: count }, () => {
    now++;
    const id = `ses_${String(now).padStart(8, '0')}`;
    sessions.set(id, { id, state: 'live', startedAt: time(), endedAt: null, name: 'alice', ...change } as SessionSummary);
    return id;
  });
}

function end(...ids: readonly string[]): void {
  now++;
  for (const id of ids) sessions.set(id, { ...(sessions.get(id) as SessionSummary), state: 'ended', endedAt: time() });
}

async function ask(query: SessionQuery): Promise<SessionList> {
  queries.push(query);
  const { state, name, since = '', until = '9', before = '~', limit = 100, approval } = query;
  const found = [...sessions.values()]
    .filter((each) => (state === undefined || each.state === state) && (name === undefined || each.name === name))
    .filter(({ id, startedAt }) => startedAt >= since && startedAt < until && id < before && (approval === undefined || pending.has(id)))
    .toSorted((a, b) => (a.id < b.id ? 1 : -1))
    .slice(0, limit);
  return { sessions: found, next: found.length === limit ? (found.at(-1)?.id ?? null) : null };
}

async function follow(query: SessionQuery = {}) {
  const follower = new SessionFollower(ask, { limit: 50, ...query });
  const begun = await follower.start();
  queries = [];
  return {
    begun: begun.sessions.map(({ id }) => id),
    /** What one look tells, as `id state`. */
    look: async () => (await follower.look()).sessions.map(({ id, state }) => `${id} ${state}`),
    follower,
  };
}

describe('following sessions', () => {
  it('begins with the newest that are asked for, the oldest first, and tells nothing twice', async () => {
    const ids = begin(3);
    const { begun, look } = await follow({ limit: 2 });
    expect(begun).toEqual(ids.slice(1));
    expect(await look()).toEqual([]);
    const [id = ''] = begin();
    expect(await look()).toEqual([`${id} live`]);
    end(id, ids[0] as string);
    expect((await look()).toSorted()).toEqual([`${ids[0]} ended`, `${id} ended`]);
    expect(await look()).toEqual([]);
  });

  it('tells the end of a session after many newer ones began', async () => {
    const [old = ''] = begin();
    const { look } = await follow();
    end(...begin(300));
    expect(await look()).toHaveLength(300);
    for (let round = 0; round < 5; round++) expect(await look()).toEqual([]);
    end(old);
    expect(await look()).toEqual([`${old} ended`]);
    expect(await look()).toEqual([]);
  });

  it('tells the end of a session that began long before and was never shown', async () => {
    const [old = ''] = begin();
    end(...begin(5_000));
    const { begun, look } = await follow();
    expect(begun).not.toContain(old);
    expect(await look()).toEqual([]);
    end(old);
    expect(await look()).toEqual([`${old} ended`]);
  });

  it('of the live ones tells the end, when one leaves their list', async () => {
    const [one = '', two = ''] = begin(2);
    const { begun, look } = await follow({ state: 'live' });
    expect(begun).toEqual([one, two]);
    end(one);
    expect(await look()).toEqual([`${one} ended`]);
    end(...begin(200));
    await look();
    end(two);
    expect(await look()).toEqual([`${two} ended`]);
  });

  it('of those that ended tells each as it ends, and no beginning', async () => {
    const [old = ''] = begin();
    end(...begin(120));
    const { look } = await follow({ state: 'ended' });
    begin(3);
    expect(await look()).toEqual([]);
    end(old);
    expect(await look()).toEqual([`${old} ended`]);
  });

  it('loses no beginning, however many there are between two looks', async () => {
    begin();
    const { look, follower } = await follow({ limit: 1 });
    const ids = begin(4_000);
    end(...ids.slice(0, 1_000));
    const told = await look();
    expect(told).toHaveLength(4_000);
    expect(new Set(told)).toEqual(new Set(ids.map((id, at) => `${id} ${at < 1_000 ? 'ended' : 'live'}`)));
    const many = begin(12_000);
    const { sessions: seen, more } = await follower.look();
    expect(seen.length, 'one look has an end, and says where it stopped').toBeGreaterThan(9_000);
    expect(more).not.toBeNull();
    expect(many).toContain(more);
    expect(queries.length).toBeLessThan(40);
  });

  it('tells what comes into the list late, behind newer ones', async () => {
    begin(150);
    const { look } = await follow();
    const ids = begin(250);
    const [late = ''] = ids;
    const held = sessions.get(late) as SessionSummary;
    sessions.delete(late);
    expect(await look()).toHaveLength(249);
    sessions.set(late, { ...held, state: 'ended', endedAt: time() });
    expect(await look()).toEqual([`${late} ended`]);
  });

  it('takes nothing old for new when newer ones leave the list', async () => {
    const ids = begin(150);
    end(...ids);
    for (const id of ids) pending.add(id);
    const { look } = await follow({ approval: 'pending' });
    for (const id of ids.slice(-100)) pending.delete(id);
    expect(await look()).toEqual([]);
    const [live = ''] = begin();
    expect(await look()).toEqual([]);
    pending.add(live);
    expect(await look()).toEqual([`${live} live`]);
    pending.delete(live);
    end(live);
    expect(await look(), 'its request was decided, and it is still one that was told of').toEqual([`${live} ended`]);
  });

  it('asks once a look while nothing is far back, and a bounded number of times when thousands end', async () => {
    const ids = begin(90);
    const { look } = await follow();
    for (let round = 0; round < 10; round++) await look();
    expect(queries).toHaveLength(10);
    const more = begin(3_000);
    await look();
    end(...begin(200));
    await look();
    end(...ids, ...more);
    queries = [];
    const told: string[] = [];
    for (let round = 0; round < 5; round++) told.push(...(await look()));
    expect(new Set(told)).toEqual(new Set([...ids, ...more].map((id) => `${id} ended`)));
    expect(told).toHaveLength(3_090);
    expect(queries.length).toBeLessThan(30);
  });

  it('keeps to the filters', async () => {
    const { look } = await follow({ name: 'bob' });
    begin(3);
    const [bob = ''] = begin(1, { name: 'bob' });
    expect(await look()).toEqual([`${bob} live`]);
    end(...begin(200, { name: 'bob' }));
    await look();
    end(...sessions.keys());
    expect(await look()).toEqual([`${bob} ended`]);
    expect(queries.every(({ name }) => name === 'bob')).toBe(true);
  });
});
