/**
 * Keys of tokens in whole gateways of two workers: one key for all of a deployment, another for another one, kept over a restart, rotated while
 * the gateway runs. What a token of before the rotation stands for is found by it all the same, while its key is configured.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../store/state-server.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: token }, alias: { treatment: token }, account: { treatment: token }, branch: { treatment: token }, device: { treatment: token } }
data:
  public.people.ssn: { class: ssn }
  public.orders.ssn: { class: ssn }
  public.people.alias: { class: alias }
  public.people.account: { class: account }
  public.people.branch: { class: branch }
  public.people.device: { class: device }
masks: [{ id: by-token, resolve_tokens: true, subjects: { groups: [desk] } }]
rules: [{ id: connect, effect: allow, actions: [connect] }]
`;
/** The first person: in each column of the same value, and of all types that have tokens. */
const TOKENS = 'select ssn, alias, account, branch, device from people where id = 1';
const COLUMNS = ['ssn', 'account', 'branch', 'device'] as const;
type Tokens = Readonly<Record<(typeof COLUMNS)[number] | 'alias', string>>;

let world: GatewayWorld;
let gateway: RunningGateway;
/** Sessions of each worker, of somebody for whom tokens are resolved. */
let clients: pg.Client[];
let first: Tokens;

async function sessionsOnBothWorkers(group: string): Promise<pg.Client[]> {
  const [token, auditor] = [await world.token('dora', [group]), await world.token('audrey', ['auditors'])];
  const opened: pg.Client[] = [];
  await eventually('there are sessions on both workers', async () => {
    opened.push(await world.connect(gateway, token));
    const { json } = await world.api(gateway, '/api/v1/sessions?state=live&limit=100', { token: auditor });
    return new Set((json['sessions'] as { journal: string }[]).map(({ journal }) => journal)).size === 2;
  });
  return opened;
}
/** What all of them say; it must be the same. */
async function all<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
  const answers = await Promise.all(clients.map((client) => client.query<T>(text, values)));
  for (const { rows } of answers) expect(rows).toEqual(answers[0]?.rows);
  return answers[0]?.rows ?? [];
}
const shown = async (): Promise<Tokens> => (await all<Tokens>(TOKENS))[0] as Tokens;
const found = async (column: string, token: string): Promise<string> => JSON.stringify(await all(`select word from people where ${column} = '${token}'`));
async function stop(running: RunningGateway): Promise<void> {
  running.process.kill('SIGTERM');
  expect(await running.exited).toBe(0);
}
async function keyFile(name: string, content = randomBytes(32).toString('hex')): Promise<void> {
  await writeFile(join(world.dir, name), content, { mode: 0o600 });
}
async function reload(): Promise<void> {
  const before = gateway.log.length;
  gateway.process.kill('SIGHUP');
  await eventually('it is reloaded, or says why not', () => gateway.log.slice(before).some(({ msg }) => /were read again|reload refused/.test(String(msg))));
}

beforeAll(async () => {
  world = await startGatewayWorld();
  await world.writePolicy(POLICY);
  await world.configure({ workers: 2 });
  await world.target.sql(`create table people (id int, ssn text, alias text, account bigint, branch int, device uuid, word text);
    create table orders (ssn text, amount int);
    insert into people values (1, '536-90-4399', '536-90-4399', 9007199254740993, 77, '3f2b8c1e-0000-4000-8000-00000000beef', 'here'),
      (2, '123-45-6789', 'x', 5, 78, null, 'there'), (3, '536-90-4399', 'y', 6, 79, null, 'again');
    insert into orders values ('536-90-4399', 10), ('123-45-6789', 20), ('536-90-4399', 30)`);
  gateway = await world.start();
  clients = await sessionsOnBothWorkers('desk');
  first = await shown();
}, 120_000);
afterAll(async () => {
  for (const client of clients ?? []) await client.end();
  await world?.close();
});

describe('the key that a gateway makes itself', () => {
  it('gives the same tokens in all workers, others for another class, and columns of one class join and group by them', async () => {
    expect(first).toEqual({
      ssn: expect.stringMatching(/^tok_ssn_/) as string,
      alias: expect.stringMatching(/^tok_alias_/) as string,
      account: expect.stringMatching(/^-\d{19}$/) as string,
      branch: expect.any(Number) as string,
      device: expect.stringMatching(/^6777/) as string,
    });
    expect(first.alias.slice(-26)).not.toBe(first.ssn.slice(-26));
    const orders = await all<{ ssn: string; sum: string }>('select ssn, sum(amount) from orders group by ssn');
    expect(orders.find(({ ssn }) => ssn === first.ssn)).toEqual({ ssn: first.ssn, sum: '40' });
    const joined = await all<{ ssn: string; count: string }>('select p.ssn, count(*) from people p join orders o on o.ssn = p.ssn group by p.ssn');
    expect(joined.find(({ ssn }) => ssn === first.ssn)).toEqual({ ssn: first.ssn, count: '4' });
  });

  it('is another one in another deployment, to which tokens of this one say nothing', async () => {
    await world.configure({ dataDir: 'other' });
    const other = await world.start();
    const client = await world.connect(other, await world.token('dora', ['desk']));
    const { rows } = await client.query<Tokens>(TOKENS);
    for (const column of COLUMNS) expect(rows[0]?.[column]).not.toBe(first[column]);
    for (const column of COLUMNS) expect((await client.query(`select word from people where ${column} = '${first[column]}'`)).rows).toEqual([]);
    await client.end();
    await stop(other);
    await world.configure({ workers: 2 });
  });

  it('is kept over a restart', async () => {
    for (const client of clients) await client.end();
    await stop(gateway);
    gateway = await world.start();
    clients = await sessionsOnBothWorkers('desk');
    expect(await shown()).toEqual(first);
  });
});

describe('a rotation, by configuration and SIGHUP', () => {
  let second: Tokens;

  it('gives new tokens in sessions that are there, in all workers alike', async () => {
    await keyFile('key-1');
    await world.configure({
      workers: 2,
      masking: {
        tokenKeys: [
          { id: 1, secret: { file: 'key-1' } },
          { id: 0, secret: { file: 'data/token-key' } },
        ],
      },
    });
    await reload();
    second = await shown();
    for (const column of COLUMNS) expect(second[column]).not.toBe(first[column]);
    expect((await all<{ ssn: string }>('select ssn from orders where amount = 10'))[0]).toEqual({ ssn: second.ssn });
  });

  it.each(COLUMNS)('%s: tokens of before are resolved, and new ones, and both are known in writes', async (column) => {
    for (const token of [first[column], second[column]]) {
      const rows = column === 'ssn' ? '[{"word":"here"},{"word":"again"}]' : '[{"word":"here"}]';
      expect([token, await found(column, token)]).toEqual([token, rows]);
      for (const client of clients)
        await expect(client.query(`update people set ${column} = '${token}' where id = 2`)).rejects.toThrow(/put in the place of another/);
    }
    // Beside each other, and bound.
    expect(await all(`select word from people where ${column} = any ($1) and id = 1`, [[first[column], second[column]]])).toEqual([{ word: 'here' }]);
  });

  it('a key that is none refuses the reload, and what was in force stays', async () => {
    await keyFile('short', 'abcd');
    await world.configure({ workers: 2, masking: { tokenKeys: [{ id: 2, secret: { file: 'short' } }] } });
    await reload();
    expect(JSON.stringify(gateway.log)).toContain('Token key 2 (masking.tokenKeys) has fewer than 32 bytes.');
    expect(await shown()).toEqual(second);
  });

  it('tokens whose key is taken away find nothing, and are known in writes by their shape', async () => {
    await world.configure({ workers: 2, masking: { tokenKeys: [{ id: 1, secret: { file: 'key-1' } }] } });
    await reload();
    expect(await shown()).toEqual(second);
    for (const column of COLUMNS) {
      expect([column, await found(column, first[column])]).toEqual([column, '[]']);
      for (const client of clients)
        await expect(client.query(`update people set ${column} = '${first[column]}' where id = 2`)).rejects.toThrow(/put in the place of another/);
    }
  });

  it('holds after a restart, and nothing of a value or key is in the log', async () => {
    for (const client of clients) await client.end();
    await stop(gateway);
    const log = JSON.stringify(gateway.log);
    gateway = await world.start();
    clients = await sessionsOnBothWorkers('desk');
    expect(await shown()).toEqual(second);
    for (const value of ['536-90-4399', '9007199254740993']) expect(log).not.toContain(value);
  });
});
