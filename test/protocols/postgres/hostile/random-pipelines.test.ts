/** Differential: thousands of random pipelines, direct and through the gateway. Shapes and bodies are the same, refusals stand where an error would. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PathWorld, startPathWorld } from '../../../support/path-world.js';
import {
  bind,
  close,
  describe as describeMessage,
  execute,
  fields,
  flush,
  frame,
  parse,
  query,
  RawClient,
  type Reply,
  shape,
  sync,
} from '../../../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../../../support/real-postgres.js';

const POLICY =
  'version: 1\ndefaults: [{ operations: allow }]\nrules:\n  - { id: connect, effect: allow, actions: [connect] }\n  - { id: unknown-too, effect: allow, actions: [unknown] }\n  - { id: no-deletes, effect: deny, actions: [delete], message: No. }\n';
const REFUSED = 'DELETE FROM f';
/** What the server itself refuses, in the place of what policy refuses. */
const STAND_IN = 'SELEC 1';

let server: RealPostgres;
let world: PathWorld;
beforeAll(async () => {
  server = await startRealPostgres('18');
  await server.sql('CREATE TABLE f (a int)');
  world = await startPathWorld({ server, policy: POLICY });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

/** Mulberry32: the seed is in the failure's message. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const TEXTS = [
  'SELECT 1',
  'SELECT $1::int',
  'SELECT generate_series(1, 4)',
  'SELECT 1/$1::int',
  'SELECT 1/(random() * 0)::int',
  'INSERT INTO f VALUES (1) RETURNING a',
  'UPDATE f SET a = a WHERE a = 1',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT a',
  'ROLLBACK TO a',
  STAND_IN,
  '',
  'SELECT nothing_like_it',
  'COPY (SELECT generate_series(1, 3)) TO STDOUT',
  'PREPARE x AS SELECT 1',
  'EXECUTE x',
  'DEALLOCATE x',
  'DECLARE c CURSOR FOR SELECT generate_series(1, 3)',
  'FETCH 1 FROM c',
  'CLOSE c',
  'DROP TABLE IF EXISTS nowhere',
  "SET application_name = 'z'",
];
const SCRIPTS = [
  ...TEXTS,
  'SELECT 1; SELECT 2',
  'SELECT 1; SELECT 1/0; SELECT 2',
  'BEGIN; SELECT 1',
  'COMMIT; BEGIN',
  'PREPARE x AS SELECT 2; EXECUTE x',
  'DISCARD ALL',
];

/** One random pipeline as messages. `bad` stands for statements that policy refuses. */
function pipeline(seed: number, bad: string | null): Buffer[] {
  const next = random(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const text = (list: readonly string[]): string => (bad !== null && next() < 0.15 ? bad : pick(list));
  const name = (): string => pick(['', '', 's', 't']);
  const portal = (): string => pick(['', '', 'p']);
  const messages: Buffer[] = [];
  const copyEnd = (): Buffer[] => [
    frame('d', '7\n8'),
    frame('d', '\n'),
    next() < 0.2 ? frame('d', 'no number\n') : frame('d', '9\n'),
    next() < 0.8 ? frame('c') : frame('f', 'no\0'),
  ];
  for (let i = 2 + Math.floor(next() * 10); i > 0; i--) {
    const kind = next();
    const values = next() < 0.5 ? [] : [pick(['0', '1', '5', 'x'])];
    if (kind < 0.2) messages.push(query(text(SCRIPTS)));
    else if (kind < 0.35) messages.push(parse(name(), text(TEXTS)));
    else if (kind < 0.5) messages.push(bind(portal(), name(), ...values));
    else if (kind < 0.6) messages.push(execute(portal(), pick([0, 0, 1, 2])));
    else if (kind < 0.66) messages.push(describeMessage(next() < 0.5 ? 'S' : 'P', pick([name(), portal()])));
    else if (kind < 0.72) messages.push(close(next() < 0.5 ? 'S' : 'P', pick(['', 's', 't', 'p'])));
    else if (kind < 0.82) messages.push(sync());
    else if (kind < 0.85) messages.push(flush());
    else if (kind < 0.93) messages.push(parse('', text(TEXTS)), bind('', '', ...values), describeMessage('P', ''), execute('', pick([0, 2])));
    // A Sync first: simple COPY is taken as data only where its statement is not skipped.
    else if (kind < 0.97) messages.push(sync(), query('COPY f FROM STDIN'), ...copyEnd());
    else messages.push(sync(), parse('', 'COPY f FROM STDIN'), bind('', ''), execute(''), ...copyEnd(), sync());
  }
  return messages;
}

const END = [sync(), query('ROLLBACK'), query('DEALLOCATE ALL'), query("SELECT 'the end'")];

/** Replies up to the end of the script; `lost` when the peer ended the connection (COPY data that never came, say). */
async function untilEnd(client: RawClient): Promise<{ replies: Reply[]; lost: boolean }> {
  const replies: Reply[] = [];
  for (;;) {
    const reply = await client.next().catch(() => null);
    if (reply === null) return { replies, lost: true };
    replies.push(reply);
    if (reply.type === 'D' && reply.body.includes('the end')) return { replies: [...replies, ...(await client.untilReady())], lost: false };
  }
}

/** Comparable form: what the gateway says in its own words (unknown names, texts that do not parse) is compared by type alone. */
function told(replies: readonly Reply[], through: readonly Reply[]): string[] {
  return replies.map(({ type, body }, index) => {
    const other = through[index];
    if (type === 'E' && other?.type === 'E') {
      const theirs = fields(other);
      if (theirs['C'] === '42501' && theirs['M']?.includes('does not exist in this session') === true) return 'E own';
      if (theirs['C'] === '42501' && theirs['D']?.includes('rule') === true) return 'E refused';
      if (theirs['C'] === '42601') return 'E syntax';
    }
    return `${type} ${body.toString('latin1')}`;
  });
}

const direct = (): Promise<RawClient> => RawClient.login(server.port, server.username, server.password, server.database);
const through = (): Promise<RawClient> => RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');

interface Pair {
  native: RawClient;
  gateway: RawClient;
}

/** Runs one script on both roads, from the same table. Where the server itself ends the connection, so does the gateway, with last words. */
async function both(
  pair: Pair,
  native: Buffer[],
  gateway: Buffer[],
  write = (client: RawClient, messages: Buffer[]): Promise<void> | void => client.send(...messages),
): Promise<[Reply[], Reply[]]> {
  await empty();
  pair.native.send(...native, ...END);
  const expected = await untilEnd(pair.native);
  await empty();
  await write(pair.gateway, [...gateway, ...END]);
  const got = await untilEnd(pair.gateway);
  if (!expected.lost && !got.lost) return [expected.replies, got.replies];
  const last = (replies: readonly Reply[]): unknown => fields(replies.findLast(({ type }) => type === 'E') ?? { type: 'E', body: Buffer.alloc(0) });
  expect([got.lost, last(got.replies)]).toEqual([expected.lost, expect.objectContaining({ S: 'FATAL', C: '08P01' })]);
  expect(last(expected.replies)).toMatchObject({ S: 'FATAL', C: '08P01' });
  pair.native = await direct();
  pair.gateway = await through();
  return [[], []];
}

describe('random pipelines', () => {
  it('3,000 of them give the same messages direct and through', async () => {
    const pair = { native: await direct(), gateway: await through() };
    for (let seed = 1; seed <= 3_000; seed++) {
      const [expected, got] = await both(pair, pipeline(seed, null), pipeline(seed, null));
      expect([seed, shape(got)]).toEqual([seed, shape(expected)]);
      expect([seed, told(got, got)]).toEqual([seed, told(expected, got)]);
    }
    pair.native.close();
    pair.gateway.close();
  }, 300_000);

  it('1,500 of them with refused statements have the shape of an error in their place', async () => {
    const pair = { native: await direct(), gateway: await through() };
    for (let seed = 10_001; seed <= 11_500; seed++) {
      const [expected, got] = await both(pair, pipeline(seed, STAND_IN), pipeline(seed, REFUSED));
      expect([seed, shape(got)]).toEqual([seed, shape(expected)]);
    }
    pair.native.close();
    pair.gateway.close();
  }, 300_000);

  it('in pieces of three bytes, too', async () => {
    const pair = { native: await direct(), gateway: await through() };
    const slowly = async (client: RawClient, messages: Buffer[]): Promise<void> => {
      const bytes = Buffer.concat(messages);
      for (let at = 0; at < bytes.length; at += 3) {
        client.socket.write(bytes.subarray(at, at + 3));
        if (at % 30 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    for (let seed = 20_001; seed <= 20_100; seed++) {
      const [expected, got] = await both(pair, pipeline(seed, null), pipeline(seed, null), slowly);
      expect([seed, shape(got)]).toEqual([seed, shape(expected)]);
    }
    pair.native.close();
    pair.gateway.close();
  }, 120_000);
});

let cleaner: RawClient | null = null;
/** Both runs start from the same table. Not by TRUNCATE: that is a change of the catalog, which the gateway would read anew thousands of times. */
async function empty(): Promise<void> {
  cleaner ??= await direct();
  await cleaner.run(query('DELETE FROM f'));
}
afterAll(() => cleaner?.close());
