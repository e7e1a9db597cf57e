/** What a whole gateway gives of its sessions afterwards, and while they run: exports, search, lists by what was done, and a look on. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionDetail, SessionSummary } from '../../src/contract/api-types.js';
import type { FoundOperation } from '../../src/contract/operation-index.js';
import { eventually } from '../store/state-server.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

let world: GatewayWorld;
let gateway: RunningGateway;
let alice: string;
let auditor: string;

beforeAll(async () => {
  world = await startGatewayWorld();
  await world.configure({ workers: 2 });
  gateway = await world.start();
  [alice, auditor] = await Promise.all([world.token('alice'), world.token('aud', ['auditors'])]);
  await world.target.sql('create schema ledger; create table ledger.entries (id int, note text); create table plain (n int)');
});
afterAll(async () => {
  await world?.close();
});

const sessions = async (token: string, query = ''): Promise<SessionSummary[]> =>
  ((await world.api(gateway, `/api/v1/sessions?${query}`, { token })).json as unknown as { sessions: SessionSummary[] }).sessions;
const search = async (token: string, query: string): Promise<FoundOperation[]> =>
  ((await world.api(gateway, `/api/v1/operations?q=${encodeURIComponent(query)}`, { token })).json as unknown as { operations: FoundOperation[] }).operations;

async function session(...texts: string[]): Promise<{ client: pg.Client; id: string }> {
  const known = new Set((await sessions(alice)).map(({ id }) => id));
  const client = await world.connect(gateway, alice);
  for (const text of texts) await client.query(text);
  let id = '';
  await eventually('the session is listed', async () => (id = (await sessions(alice)).find((each) => !known.has(each.id))?.id ?? '') !== '');
  return { client, id };
}

describe('records', () => {
  it('are exported in every form, by the worker that is asked, wherever the session ran', async () => {
    const { client, id } = await session('select 4711 as answer');
    await client.end();
    await eventually('the session is over', async () => (await sessions(alice, 'state=ended')).some((each) => each.id === id));
    for (const [format, wanted] of [
      ['ndjson', '"kind":"integrity","intact":true'],
      ['sql', 'select 4711 as answer;\n'],
      ['asciicast', '   4711\\r\\n(1 row)'],
    ] as const)
      for (let i = 0; i < 3; i++)
        expect((await world.api(gateway, `/api/v1/sessions/${id}/export?format=${format}`, { token: auditor })).text).toContain(wanted);
  });

  it('say by whom and why a session was ended, and nothing of one that its client ended', async () => {
    const record = async (id: string) => (await world.api(gateway, `/api/v1/sessions/${id}`, { token: auditor })).json as unknown as SessionDetail;
    const killed = await session('select 1');
    const ended = new Promise((resolve) => killed.client.once('end', resolve).on('error', () => undefined));
    const root = await world.token('root', ['admins']);
    expect((await world.api(gateway, `/api/v1/sessions/${killed.id}/kill`, { token: root, body: { reason: 'wrong target' } })).status).toBe(200);
    await ended;
    const left = await session('select 1');
    await left.client.end();
    await eventually('both are over', async () => {
      const over = (await sessions(alice, 'state=ended')).map(({ id }) => id);
      return over.includes(killed.id) && over.includes(left.id);
    });
    expect(await record(killed.id)).toMatchObject({
      session: { endReason: 'killed' },
      endMessage: expect.stringMatching(/ended by root: wrong target/) as string,
    });
    expect(await record(left.id)).not.toHaveProperty('endMessage');
  });

  it('are found by text and relation a moment after they were done, and sessions by what was done in them', async () => {
    const { client, id } = await session("insert into ledger.entries values (1, 'quarterly correction')", 'select n from plain');
    await eventually('the operation is found', async () => (await search(auditor, 'relation:ledger.entries "quarterly correction"')).length === 1);
    expect((await search(alice, 'relation:ledger.entries user:alice kind:insert verdict:allow since:1h'))[0]).toMatchObject({
      session: id,
      sequence: 1,
      rows: 1,
      target: 'bank-db',
    });
    expect(await search(await world.token('bob'), 'quarterly')).toEqual([]);
    expect((await sessions(alice, 'relation=ledger.entries&action=insert')).map((each) => each.id)).toEqual([id]);
    expect(await sessions(alice, 'relation=ledger.entries&action=delete')).toEqual([]);
    await client.end();
  });

  it('are watched while the session goes on, and until it ends', async () => {
    const { client, id } = await session("select 'before' as word");
    const watched = world.api(gateway, `/api/v1/sessions/${id}/watch`, { token: auditor });
    await client.query("select 'during' as word");
    await client.end();
    const { status, text } = await watched;
    expect(status).toBe(200);
    expect(text.indexOf(' before\\r\\n(1 row)')).toBeGreaterThan(0);
    expect(text.indexOf(' during\\r\\n(1 row)')).toBeGreaterThan(text.indexOf(' before\\r\\n(1 row)'));
    expect(text.trimEnd().split('\n').at(-1)).toBe('# record: complete and verified');
    expect((await world.api(gateway, `/api/v1/sessions/${id}/watch`, { token: await world.token('bob') })).status).toBe(404);
    expect((await world.api(gateway, `/api/v1/sessions/${id}/watch`, { token: await world.token('root', ['admins']) })).status).toBe(403);
  });

  it('cut off a watcher who loses the right to watch, within seconds', async () => {
    const { client, id } = await session('select 1');
    const carol = await world.token('carol', ['auditors', 'engineers']);
    await world.api(gateway, '/api/v1/whoami', { token: carol });
    await (await world.connect(gateway, carol)).end();
    await eventually('carol is known', async () => (await sessions(await world.token('root', ['admins']), 'name=carol')).length === 1);
    let cutOff: Promise<void> | undefined;
    await new Promise<void>((resolve) => {
      cutOff = expect(world.api(gateway, `/api/v1/sessions/${id}/watch`, { token: carol, answered: () => resolve() })).rejects.toThrow();
    });
    const lock = { issuer: world.issuer.url, subject: 'sub-carol', reason: 'left' };
    expect((await world.api(gateway, '/api/v1/users/lock', { token: await world.token('root', ['admins']), body: lock })).status).toBe(200);
    await cutOff;
    await client.end();
  });
});
