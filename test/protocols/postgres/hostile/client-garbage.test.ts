/** Garbage of a client that has logged in: it ends that session, or is refused natively; nothing of it is carried out, nobody else notices. */
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fc } from '../../../support/fast-check.js';
import { type PathWorld, startPathWorld } from '../../../support/path-world.js';
import {
  bind,
  close,
  describe as describeMessage,
  execute,
  fields,
  frame,
  int32,
  parse,
  query,
  RawClient,
  type Reply,
  rowsOf,
  shape,
  sync,
} from '../../../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../../../support/real-postgres.js';
import { complete, ready, type StubServer, startStubServer, until } from './stub-server.js';

const int16 = (value: number): Buffer => {
  const out = Buffer.alloc(2);
  out.writeInt16BE(value);
  return out;
};

const rejections: unknown[] = [];
const onRejection = (reason: unknown): void => void rejections.push(reason);
let stub: StubServer;
let world: PathWorld;
let real: RealPostgres;
let realWorld: PathWorld;

beforeAll(async () => {
  stub = await startStubServer({ onMessage: ({ socket }, { type }) => type === 'Q' && socket.write(Buffer.concat([complete('SELECT 0'), ready()])) });
  world = await startPathWorld({ server: stub });
  real = await startRealPostgres('18');
  await real.sql('CREATE TABLE kept AS SELECT 1 AS a');
  realWorld = await startPathWorld({ server: real });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await stub?.[Symbol.asyncDispose]();
  await realWorld?.[Symbol.asyncDispose]();
  await real?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  rejections.length = 0;
  process.on('unhandledRejection', onRejection);
});
afterEach(() => {
  process.off('unhandledRejection', onRejection);
  expect(rejections).toEqual([]);
});

const login = (to = world): Promise<RawClient> => RawClient.login(to.port, 'bank-db', 'token-alice', 'bank-db');

/** The session ends with FATAL 08P01, and the target got nothing. */
async function endsUnheard(bytes: Buffer): Promise<void> {
  const client = await login();
  const target = stub.connections.at(-1);
  client.send(bytes);
  const replies = await client.untilClosed();
  expect(shape(replies)).toBe('E');
  expect(fields(replies[0] as Reply)).toMatchObject({ S: 'FATAL', C: '08P01' });
  expect(target?.messages).toEqual([]);
}

const KNOWN = new Set([...'BCDEFHPQSXcdf'].map((type) => type.charCodeAt(0)));
const header = (type: number, length: number): Buffer => Buffer.concat([Buffer.from([type]), int32(length), Buffer.alloc(20)]);

describe('message types', () => {
  it('every type that is none, with a body and without, ends its session and is never forwarded', async () => {
    const other = await login();
    for (let type = 0; type < 256; type++) {
      if (KNOWN.has(type)) continue;
      await endsUnheard(frame(String.fromCharCode(0), '').fill(type, 0, 1));
      if (type % 8 === 0) await endsUnheard(Buffer.concat([Buffer.from([type]), int32(104), Buffer.alloc(100, 'x')]));
    }
    expect(shape(await other.run(query('SELECT 1')))).toBe('C Z:I');
    other.close();
    await until(() => world.path.live.count() === 0);
  });

  it('every type with a length that cannot be', async () => {
    for (let type = 0; type < 256; type++) {
      for (const length of KNOWN.has(type) ? [0, 1, 2, 3, -1, -5, -2147483648, 0x40000000, 0x7fffffff] : [3, -1]) await endsUnheard(header(type, length));
    }
    await until(() => world.path.live.count() === 0);
  });

  it.each([...'DECHScXF'])('%s with more than such a message can hold', async (type) => {
    await endsUnheard(header(type.charCodeAt(0), 70_000));
  });
});

describe('bodies', () => {
  it.each([
    ['Query without its NUL', frame('Q', 'SELECT 1')],
    ['an empty Query body', frame('Q')],
    ['Parse without a NUL', frame('P', 'name')],
    ['Parse whose text has no NUL', frame('P', 'name\0SELECT 1')],
    ['an empty Parse', frame('P')],
    ['Bind without a NUL', frame('B', 'portal')],
    ['Bind whose statement has no NUL', frame('B', 'portal\0name')],
    ['an empty Bind', frame('B')],
    ['Execute without its NUL', frame('E', 'portal')],
    ['an empty Execute', frame('E')],
    ['Close without its NUL', frame('C', 'Sname')],
    ['an empty Close', frame('C')],
    ['Describe without its NUL', frame('D', 'Sname')],
    ['Sync with a body', frame('S', 'body')],
  ])('%s', (_name, bytes) => endsUnheard(bytes));

  it.each([
    ['text behind the NUL of a Query', query('SELECT 1\0; DROP TABLE kept')],
    ['text behind the NUL of a Parse', Buffer.concat([frame('P', 's\0SELECT 1\0DROP TABLE kept\0', int16(0)), sync()])],
    [
      'a Bind that counts more values than it has',
      Buffer.concat([parse('', 'SELECT $1::int'), frame('B', '\0\0', int16(0), int16(32_767)), execute(''), sync()]),
    ],
    [
      'a Bind that counts a negative number of values',
      Buffer.concat([parse('', 'SELECT $1::int'), frame('B', '\0\0', int16(0), int16(-1), int16(0)), execute(''), sync()]),
    ],
    ['a Bind with more formats than values', Buffer.concat([parse('', 'SELECT 1'), frame('B', '\0\0', int16(9_999), int16(0), int16(0)), execute(''), sync()])],
    [
      'a Bind whose value is of negative length',
      Buffer.concat([parse('', 'SELECT $1::int'), frame('B', '\0\0', int16(0), int16(1), int32(-7), int16(0)), execute(''), sync()]),
    ],
    [
      'a Bind whose value is longer than it',
      Buffer.concat([parse('', 'SELECT $1::int'), frame('B', '\0\0', int16(0), int16(1), int32(0x7fffffff), int16(0)), execute(''), sync()]),
    ],
    ['a Bind with bytes behind its end', Buffer.concat([parse('', 'SELECT 1'), frame('B', '\0\0', int16(0), int16(0), int16(0), 'more'), execute(''), sync()])],
    ['a Parse that counts types it has not', Buffer.concat([frame('P', '\0SELECT 1\0', int16(500)), sync()])],
    ['Describe of an unknown kind', Buffer.concat([describeMessage('S', ''), frame('D', 'Xname\0'), sync()])],
    ['Close of an unknown kind', Buffer.concat([frame('C', 'Xname\0'), sync()])],
    ['Execute without its limit', Buffer.concat([parse('', 'SELECT 1'), bind('', ''), frame('E', '\0'), sync()])],
    ['CopyData and CopyDone out of place', Buffer.concat([frame('d', 'DROP TABLE kept;'), frame('c'), frame('f', 'x\0'), query('SELECT 1')])],
  ])('%s: refused as the server itself refuses it', async (_name, bytes) => {
    const native = await RawClient.login(real.port, real.username, real.password, real.database);
    const client = await login(realWorld);
    for (const one of [native, client]) one.send(bytes, query("SELECT 'still here'"));
    const [expected, got] = await Promise.all([native, client].map(untilStill));
    expect(got).toBe(expected);
    native.close();
    client.close();
    await real.sql('SELECT a FROM kept');
  });

  async function untilStill(client: RawClient): Promise<string> {
    const replies: Reply[] = [];
    for (;;) {
      const reply = await client.next().catch(() => null);
      if (reply === null) return `${shape(replies)} closed`;
      replies.push(reply);
      if (reply.type === 'D' && reply.body.includes('still here')) return shape(replies);
    }
  }

  it('messages that a client cuts short reach nobody', async () => {
    for (const whole of [query('DROP TABLE kept'), Buffer.concat([parse('', 'DROP TABLE kept'), bind('', ''), execute('')])]) {
      const client = await login();
      const target = stub.connections.at(-1);
      client.socket.end(whole.subarray(0, 11));
      client.socket.resume();
      await client.untilClosed();
      await until(() => target?.socket.destroyed === true);
      expect(target?.messages).toEqual([]);
    }
  });
});

describe('floods', () => {
  it('more names than a session may keep end it', async () => {
    const client = await login(realWorld);
    const batch = (from: number): Buffer => Buffer.concat([...Array.from({ length: 8_000 }, (_, i) => parse(`n${from + i}`, '')), sync()]);
    let ended = false;
    for (let i = 0; i < 10 && !ended; i++) {
      client.send(batch(i * 8_000));
      for (;;) {
        const reply = await client.next().catch(() => null);
        if (reply === null || reply.type === 'E') {
          if (reply !== null) expect(fields(reply)).toMatchObject({ S: 'FATAL', C: '53300' });
          ended = true;
          break;
        }
        if (reply.type === 'Z') break;
      }
    }
    expect(ended).toBe(true);
  });

  it('a pipeline longer than the gateway keeps in flight is held back and answered whole', async () => {
    const client = await login(realWorld);
    client.send(Buffer.concat([...Array.from({ length: 50_000 }, () => parse('', 'SELECT 1')), sync()]));
    const replies = await client.untilReady();
    expect(replies.length).toBe(50_001);
    client.close();
  });

  it('a pipeline that comes in one piece with the password is held back too', async () => {
    const client = await RawClient.open(realWorld.port);
    const body = Buffer.concat([int32(196_608), Buffer.from('user\0bank-db\0\0')]);
    client.send(
      int32(body.length + 4),
      body,
      frame('p', 'token-alice\0'),
      ...Array.from({ length: 40_000 }, () => parse('', 'SELECT 1')),
      sync(),
      query('SELECT 2'),
    );
    const replies = await client.untilReady(3);
    expect(replies.filter(({ type }) => type === '1').length).toBe(40_000);
    expect(rowsOf(replies)).toEqual([['2']]);
    client.close();
  });
});

describe('random mutations of valid scripts', () => {
  const scripts = [
    Buffer.concat([parse('s', 'SELECT $1::int'), bind('p', 's', '7'), describeMessage('P', 'p'), execute('p', 0), close('P', 'p'), close('S', 's'), sync()]),
    Buffer.concat([query('SELECT 1; SELECT 2'), query('BEGIN'), query('SELECT 1/0'), query('ROLLBACK')]),
    Buffer.concat([query('COPY (SELECT 1) TO STDOUT'), parse('', ''), bind('', ''), execute(''), sync()]),
  ];
  const mutation = fc.record({
    at: fc.nat(400),
    kind: fc.constantFrom('flip', 'drop', 'insert'),
    value: fc.integer({ min: 0, max: 255 }),
    length: fc.integer({ min: 1, max: 12 }),
  });

  it('never crash the process, and always end: with answers and the end of the connection', async () => {
    const bystander = await login(realWorld);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...scripts), fc.array(mutation, { minLength: 1, maxLength: 6 }), async (script, mutations) => {
        let bytes = Buffer.from(script);
        for (const { at, kind, value, length } of mutations) {
          const index = at % bytes.length;
          if (kind === 'flip') bytes[index] = value;
          else if (kind === 'drop') bytes = Buffer.concat([bytes.subarray(0, index), bytes.subarray(index + length)]);
          else bytes = Buffer.concat([bytes.subarray(0, index), Buffer.alloc(length, value), bytes.subarray(index)]);
          if (bytes.length === 0) bytes = Buffer.from([value]);
        }
        const client = await login(realWorld);
        client.socket.end(Buffer.concat([bytes, sync()]));
        if (!client.ended) await once(client.socket, 'close');
        for (const { type } of await client.untilClosed()) expect('RSKZTDCIEN123nt sHGdcA'.includes(type)).toBe(true);
      }),
      { numRuns: 400 },
    );
    expect(rowsOf(await bystander.run(query('SELECT count(*) FROM kept')))).toEqual([['1']]);
    bystander.close();
    await until(() => realWorld.path.live.count() === 0);
  });

  it('with frames that hold: after Sync comes ReadyForQuery, or FATAL and the end', async () => {
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.constantFrom(...['s\0SELECT 1\0\0\0', '\0\0\0\0\0\0\0\0', 'SELECT 1\0', 'Ss\0', 'P\0', '\0\0\0\0\0'].map((text) => new Uint8Array(Buffer.from(text)))),
    );
    const message = fc.record({ type: fc.constantFrom(...'BCDEHPQScdfF'), body });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 8 }), async (messages) => {
        const client = await login(realWorld);
        client.send(...messages.map((one) => frame(one.type, Buffer.from(one.body))), sync(), query("SELECT 'the end'"));
        let last: Reply | null = null;
        for (;;) {
          const reply = await client.next().catch(() => null);
          if (reply === null) {
            expect(last?.type).toBe('E');
            expect(fields(last as Reply)['S']).toBe('FATAL');
            break;
          }
          if (reply.type === 'D' && reply.body.includes('the end')) break;
          last = reply;
        }
        client.close();
      }),
      { numRuns: 400 },
    );
    await until(() => realWorld.path.live.count() === 0);
  });
});
