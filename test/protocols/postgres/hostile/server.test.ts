/** D24, D25: a hostile target. Its session ends in the client's own protocol, nothing of the lie reaches the client, nobody else notices. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PathWorld, startPathWorld } from '../../../support/path-world.js';
import { bind, execute, fields, frame, int32, parse, query, RawClient, type Reply, rowsOf, shape, startup, sync } from '../../../support/raw-client.js';
import {
  complete,
  dataRow,
  errorMessage,
  greeting,
  ready,
  rowDescription,
  type StubConnection,
  type StubOptions,
  startStubServer,
  status,
  until,
} from './stub-server.js';

const row = Buffer.concat([rowDescription(), dataRow('x')]);

/** `options` may change between sessions of one stub: what the next one does. */
const scene: { options: StubOptions } = { options: {} };
let server: Awaited<ReturnType<typeof startStubServer>>;
let world: PathWorld;
const rejections: unknown[] = [];
const onRejection = (reason: unknown): void => void rejections.push(reason);

beforeEach(async () => {
  rejections.length = 0;
  process.on('unhandledRejection', onRejection);
  scene.options = {};
  server = await startStubServer({
    onStartup: (connection) => (scene.options.onStartup === undefined ? connection.socket.write(greeting()) : scene.options.onStartup(connection)),
    onMessage: (connection, message) => scene.options.onMessage?.(connection, message),
  });
  world = await startPathWorld({ server, limits: { handshakeTimeoutMs: 2_000 } });
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  process.off('unhandledRejection', onRejection);
  expect(rejections).toEqual([]);
});

const login = (): Promise<RawClient> => RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');

/** An honest server of the smallest kind, by text of the query. */
const honest = ({ socket }: StubConnection, message: Reply): void => {
  if (message.type === 'Q') socket.write(Buffer.concat([row, complete('SELECT 1'), ready()]));
};

/** Another session, opened before and used after: it must not notice. */
async function bystander(): Promise<() => Promise<void>> {
  const before = scene.options;
  scene.options = { onMessage: honest };
  const client = await login();
  scene.options = before;
  return async () => {
    scene.options = { onMessage: honest };
    expect(rowsOf(await client.run(query('SELECT 1')))).toEqual([['x']]);
    client.close();
    const fresh = await login();
    expect(rowsOf(await fresh.run(query('SELECT 1')))).toEqual([['x']]);
    fresh.close();
    await until(() => world.path.live.count() === 0 && world.path.preLogin === 0 && server.open() === 0);
  };
}

/** What the target says of itself ends the session with FATAL 08P01, and the lie is not on the client's wire. */
function endsNatively(replies: readonly Reply[], before: string): void {
  expect(shape(replies)).toBe(before === '' ? 'E' : `${before} E`);
  expect(fields(replies.at(-1) as Reply)).toMatchObject({ S: 'FATAL', V: 'FATAL', C: '08P01' });
}

const lengths = [0, 1, 2, 3, -1, -2, -2147483648, 0x40000000, 0x7fffffff];
const header = (type: string, length: number): Buffer => Buffer.concat([Buffer.from(type), int32(length), Buffer.alloc(16)]);

const garbage: [string, Buffer][] = [
  ...lengths.flatMap((length) => ['D', 'Z', 'E', 'S'].map((type): [string, Buffer] => [`${type} of length ${length}`, header(type, length)])),
  ['an ErrorResponse larger than is read whole', header('E', 100_000_000)],
  ['a RowDescription larger than is read whole', header('T', 100_000_000)],
  ['CopyBothResponse', frame('W', Buffer.from([0, 0, 0]))],
  ['an authentication request after the login', frame('R', int32(3))],
  ['AuthenticationOk after the login', frame('R', int32(0))],
  ['a SASL request after the login', frame('R', int32(10), 'SCRAM-SHA-256\0\0')],
  ['a second key', frame('K', int32(1), int32(2))],
  ['NegotiateProtocolVersion', frame('v', int32(0), int32(0))],
  ['FunctionCallResponse', frame('V', int32(-1))],
  ['standard_conforming_strings off', status('standard_conforming_strings', 'off')],
  ['another client encoding', status('client_encoding', 'SJIS')],
  ['an unknown type', frame('!', 'x')],
  ['a NUL type', frame('\0', 'x')],
  ['ReadyForQuery without a state', frame('Z')],
  ['ReadyForQuery with more than a state', frame('Z', 'IIII')],
  ['ReadyForQuery in no known state', frame('Z', 'x')],
  ['an ErrorResponse whose field has no end', frame('E', 'SERROR\0C42')],
  ['an ErrorResponse without its last NUL', frame('E', 'SERROR\0C42501\0')],
];

/** Answers that the protocol knows, where nobody asked. */
const unsolicited: [string, Buffer][] = [
  ['a row', dataRow('secret')],
  ['a description', rowDescription()],
  ['NoData', frame('n')],
  ['ParameterDescription', frame('t', Buffer.from([0, 0]))],
  ['ParseComplete', frame('1')],
  ['BindComplete', frame('2')],
  ['CloseComplete', frame('3')],
  ['CommandComplete', complete('DELETE 5')],
  ['EmptyQueryResponse', frame('I')],
  ['PortalSuspended', frame('s')],
  ['CopyInResponse', frame('G', Buffer.from([0, 0, 0]))],
  ['CopyOutResponse', frame('H', Buffer.from([0, 0, 0]))],
  ['CopyData', frame('d', 'secret')],
  ['CopyDone', frame('c')],
  ['ReadyForQuery', ready()],
];

describe('a target that lies when idle', () => {
  it.each([...garbage, ...unsolicited])('%s', async (name, bytes) => {
    const check = await bystander();
    const client = await login();
    server.connections.at(-1)?.socket.write(bytes);
    if (name.includes('whose field') || name.includes('its last NUL')) {
      endsNatively(await client.untilClosed(), '');
    } else endsNatively(await client.untilClosed(), '');
    await check();
  });
});

describe('a target that lies in a query', () => {
  const wrong = unsolicited.filter(([name]) =>
    ['ParseComplete', 'BindComplete', 'CloseComplete', 'NoData', 'ParameterDescription', 'PortalSuspended'].includes(name),
  );
  it.each([...garbage, ...wrong])('%s', async (_name, bytes) => {
    const check = await bystander();
    scene.options = { onMessage: ({ socket }) => socket.write(Buffer.concat([row, bytes])) };
    const client = await login();
    client.send(query('SELECT 1'));
    endsNatively(await client.untilClosed(), 'T D');
    await check();
  });

  it.each([...garbage, ...wrong])('behind a row that came in two pieces: %s', async (_name, bytes) => {
    // The client has half a row when the lie comes: the row must be whole before the last words, or they would be read as its bytes.
    const big = dataRow('y'.repeat(50_000));
    scene.options = {
      onMessage: ({ socket }) => {
        socket.write(Buffer.concat([rowDescription(), big.subarray(0, 30_000)]));
        setTimeout(() => socket.write(Buffer.concat([big.subarray(30_000), bytes])), 30);
      },
    };
    const client = await login();
    client.send(query('SELECT 1'));
    const replies = await client.untilClosed();
    endsNatively(replies, 'T D');
    expect(rowsOf(replies)[0]?.[0]).toBe('y'.repeat(50_000));
  });
});

describe('a target that lies in a COPY', () => {
  const copyIn = frame('G', Buffer.from([0, 0, 0]));
  const wrong = unsolicited.filter(([name]) =>
    ['ParseComplete', 'BindComplete', 'CloseComplete', 'NoData', 'ParameterDescription', 'PortalSuspended'].includes(name),
  );
  it.each([...garbage, ...wrong])('%s', async (_name, bytes) => {
    const check = await bystander();
    scene.options = { onMessage: ({ socket }, { type }) => (type === 'Q' ? socket.write(copyIn) : type === 'd' ? socket.write(bytes) : undefined) };
    const client = await login();
    client.send(query('COPY t FROM STDIN'));
    expect((await client.next()).type).toBe('G');
    client.send(frame('d', 'a\n'));
    endsNatively(await client.untilClosed(), '');
    await check();
  });
});

describe('a target that lies in a pipeline', () => {
  it.each([
    ['BindComplete for Parse', frame('2')],
    ['ReadyForQuery before its Sync', ready()],
    ['a row before the Parse is answered', dataRow('x')],
    ['a completion before Execute', complete('SELECT 1')],
    ['two ParseCompletes', Buffer.concat([frame('1'), frame('1')])],
  ])('%s', async (name, bytes) => {
    const check = await bystander();
    scene.options = { onMessage: ({ socket }, { type }) => type === 'S' && socket.write(bytes) };
    const client = await login();
    client.send(parse('', 'SELECT 1'), bind('', ''), execute(''), sync());
    endsNatively(await client.untilClosed(), name.startsWith('two') ? '1' : '');
    await check();
  });

  it('ReadyForQuery too often', async () => {
    const check = await bystander();
    scene.options = { onMessage: ({ socket }) => socket.write(Buffer.concat([row, complete('SELECT 1'), ready(), ready()])) };
    const client = await login();
    client.send(query('SELECT 1'));
    endsNatively(await client.untilClosed(), 'T D C Z:I');
    await check();
  });
});

describe('what a target may say', () => {
  it('an error without SQLSTATE passes as it came, and is recorded', async () => {
    const bytes = frame('E', 'SERROR\0Mno code\0\0');
    scene.options = { onMessage: ({ socket }) => socket.write(Buffer.concat([bytes, ready()])) };
    const client = await login();
    const replies = await client.run(query('SELECT 1'));
    expect(replies[0]).toEqual({ type: 'E', body: bytes.subarray(5) });
    client.close();
  });

  it('an error and a description as large as are read whole', async () => {
    const bytes = frame('E', `SERROR\0C42000\0M${'m'.repeat(4_000_000)}\0\0`);
    scene.options = { onMessage: ({ socket }) => socket.write(Buffer.concat([bytes, ready()])) };
    const client = await login();
    const replies = await client.run(query('SELECT 1'));
    expect(replies[0]?.body.length).toBe(bytes.length - 5);
    client.close();
  });

  it('an error of its own when idle, and its end', async () => {
    const client = await login();
    server.connections.at(-1)?.socket.end(errorMessage('FATAL', '57P01', 'terminating connection due to administrator command'));
    const replies = await client.untilClosed();
    expect(fields(replies[0] as Reply)).toMatchObject({ C: '57P01' });
  });

  it('notices without end, in constant memory', async () => {
    const check = await bystander();
    const notices = Buffer.concat(Array.from({ length: 1_000 }, () => frame('N', 'SNOTICE\0C00000\0Mnothing\0\0')));
    let running = true;
    scene.options = {
      onMessage: ({ socket }) => {
        const more = (): void => {
          while (running && socket.write(notices));
          if (running) socket.once('drain', more);
        };
        more();
      },
    };
    const client = await login();
    let seen = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk: Buffer) => void (seen += chunk.length));
    client.socket.on('close', () => {
      running = false;
    });
    client.send(query('SELECT 1'));
    await until(() => seen > 5_000_000);
    const before = process.memoryUsage();
    await until(() => seen > 60_000_000);
    const after = process.memoryUsage();
    expect(after.external - before.external).toBeLessThan(50_000_000);
    client.close();
    await check();
  });
});

describe('a target that lies in its login', () => {
  /** The client is told without details of the inside; the stub got nothing that it may not have. */
  async function refused(sqlstate: string): Promise<Record<string, string>> {
    const check = await bystander();
    const failure: unknown = await login().catch((error: unknown) => error);
    expect(failure).toMatchObject({ fields: { S: 'FATAL', C: sqlstate } });
    expect(JSON.stringify((failure as { fields: object }).fields)).not.toMatch(/stub|password-|127\.0\.0\.1/);
    await until(() => server.open() === 1);
    await check();
    return (failure as { fields: Record<string, string> }).fields;
  }
  const secrets = (): boolean => Buffer.concat(server.connections.map(({ bytes }) => bytes())).includes('stub-password');

  it('by never answering: the client is told, and the slot of the login is free meanwhile', async () => {
    scene.options = { onStartup: () => undefined };
    const client = await RawClient.open(world.port);
    client.send(startup({ user: 'bank-db', database: 'bank-db' }));
    await client.next();
    client.send(frame('p', 'token-alice\0'));
    await until(() => server.connections.length === 1 && world.path.preLogin === 0);
    const replies = await client.untilClosed();
    expect(fields(replies.at(-1) as Reply)).toMatchObject({ S: 'FATAL', C: '08001' });
    await until(() => server.open() === 0);
  });

  it.each([
    ...[0, 3, -1, 70_000, 0x7fffffff].map((length): [string, Buffer] => [`a message of length ${length}`, header('R', length)]),
    ['a row', dataRow('x')],
    ['ReadyForQuery before AuthenticationOk', ready()],
    ['AuthenticationOk without a kind', frame('R')],
    ['standard_conforming_strings off', Buffer.concat([frame('R', int32(0)), status('standard_conforming_strings', 'off'), ready()])],
    ['a key of impossible length', Buffer.concat([frame('R', int32(0)), frame('K', int32(1)), ready()])],
    ['more parameters than any server has', Buffer.concat([frame('R', int32(0)), ...Array.from({ length: 2_000 }, (_, i) => status(`p${i}`, 'x')), ready()])],
    ['a copy', Buffer.concat([frame('R', int32(0)), frame('G', Buffer.from([0, 0, 0]))])],
  ] as [string, Buffer][])('%s', async (_name, bytes) => {
    scene.options = { onStartup: ({ socket }) => void socket.write(bytes) };
    await refused('08P01');
  });

  it('asks for the password in the clear over a plain connection: it is not sent', async () => {
    scene.options = { onStartup: ({ socket }) => void socket.write(frame('R', int32(3))) };
    await refused('08001');
    expect(secrets()).toBe(false);
  });

  it.each([2, 6, 7, 8, 9, 11, 12, 99, -1])('asks for authentication method %i', async (kind) => {
    scene.options = { onStartup: ({ socket }) => void socket.write(frame('R', int32(kind), 'xxxx')) };
    await refused('08001');
  });

  it('offers no SASL mechanism that is spoken', async () => {
    scene.options = { onStartup: ({ socket }) => void socket.write(frame('R', int32(10), 'SCRAM-SHA-1\0PLAIN\0\0')) };
    await refused('08001');
    expect(secrets()).toBe(false);
  });

  it('closes at once', async () => {
    scene.options = { onStartup: ({ socket }) => void socket.end() };
    await refused('08001');
  });

  it('refuses with words that tell of the inside: they do not reach the client', async () => {
    scene.options = {
      onStartup: ({ socket }) => void socket.end(errorMessage('FATAL', '28P01', 'password authentication failed for user "stub" at 127.0.0.1')),
    };
    await refused('08001');
  });

  describe('SCRAM', () => {
    const sasl = frame('R', int32(10), 'SCRAM-SHA-256\0\0');
    /** One SCRAM exchange whose server messages a test may bend. */
    const scram = (bend: {
      nonce?: (own: string) => string;
      salt?: string;
      iterations?: string;
      early?: boolean;
      signature?: (right: string) => string;
    }): StubOptions => {
      let first = '';
      let bare = '';
      return {
        onStartup: ({ socket }) => void socket.write(sasl),
        onMessage: ({ socket }, { body }) => {
          if (first === '') {
            const text = body.subarray(body.indexOf(0) + 5).toString();
            bare = text.slice(3);
            const own = text.split('r=')[1] ?? '';
            first = `r=${(bend.nonce ?? ((nonce) => `${nonce}more`))(own)},s=${bend.salt ?? 'c2FsdHNhbHQ='},i=${bend.iterations ?? '4096'}`;
            socket.write(bend.early === true ? greeting() : frame('R', int32(11), first));
            return;
          }
          const without = body.toString().split(',p=')[0] ?? '';
          const salted = pbkdf2Sync('stub-password', Buffer.from('saltsalt'), 4096, 32, 'sha256');
          const key = createHmac('sha256', salted).update('Server Key').digest();
          const right = createHmac('sha256', key).update(`${bare},${first},${without}`).digest('base64');
          const verifier = bend.signature?.(right) ?? right;
          socket.write(Buffer.concat([verifier === '' ? Buffer.alloc(0) : frame('R', int32(12), `v=${verifier}`), greeting()]));
        },
      };
    };

    it('works when it is right (the twin of those below)', async () => {
      scene.options = scram({});
      const client = await login();
      client.close();
      expect(secrets()).toBe(false);
    });

    it.each([
      ['a nonce of its own', { nonce: () => 'something-else' }],
      ['our nonce and no more', { nonce: (own: string) => own }],
      ['a nonce without bounds', { nonce: (own: string) => own + 'n'.repeat(5_000) }],
      ['no salt', { salt: '' }],
      ['2 billion iterations', { iterations: '2000000000' }],
      ['0 iterations', { iterations: '0' }],
      ['a negative number of iterations', { iterations: '-1' }],
      ['iterations that are no number', { iterations: 'many' }],
      ['AuthenticationOk before the exchange', { early: true }],
      ['AuthenticationOk without its signature', { signature: () => '' }],
      ['a wrong signature', { signature: (right: string) => createHash('sha256').update(right).digest('base64') }],
      ['an empty signature', { signature: () => 'A' }],
    ])('%s', async (_name, bend) => {
      scene.options = scram(bend);
      await refused('08P01');
      expect(secrets()).toBe(false);
    });
  });
});

describe('TLS negotiation with a target', () => {
  it.each([
    ['data behind the S (CVE-2021-23222)', Buffer.concat([Buffer.from('S'), greeting()]), '08P01'],
    ['no TLS', Buffer.from('N'), '08001'],
    ['an error', errorMessage('FATAL', '08P01', 'no TLS for you'), '08P01'],
    ['S, and then plain words', Buffer.from('S'), '08001'],
  ])('%s', async (name, answer, sqlstate) => {
    await using bare = await startStubServer({
      onBytes: ({ socket }) => {
        socket.write(answer);
        if (name.startsWith('S,')) setTimeout(() => socket.write(greeting()), 20);
      },
    });
    await using tlsWorld = await startPathWorld({ server: bare, options: { tls: { mode: 'require' } }, limits: { handshakeTimeoutMs: 2_000 } });
    await expect(RawClient.login(tlsWorld.port, 'bank-db', 'token-alice', 'bank-db')).rejects.toMatchObject({ fields: { S: 'FATAL', C: sqlstate } });
    // Neither a startup packet nor a password went out in the clear.
    expect(Buffer.concat(bare.connections.map(({ bytes }) => bytes())).includes('stub')).toBe(false);
  });
});

describe('cancel', () => {
  it('a target that keeps the connection of a cancel request does not keep it for ever', async () => {
    await using clinging = await startStubServer({ clings: true });
    await using clingingWorld = await startPathWorld({ server: clinging });
    const client = await RawClient.login(clingingWorld.port, 'bank-db', 'token-alice', 'bank-db');
    const key = client.greeting.find(({ type }) => type === 'K')?.body ?? Buffer.alloc(0);
    client.send(query('SELECT 1'));
    const canceller = await RawClient.open(clingingWorld.port);
    canceller.send(Buffer.concat([int32(16), int32(80_877_102), key]));
    await canceller.untilClosed();
    await until(() => clinging.connections.length === 2);
    // It notices that it was cut by writing.
    const noise = setInterval(() => {
      for (const { socket } of clinging.connections) if (socket.writable) socket.write('!');
    }, 100);
    client.close();
    await until(() => clinging.open() === 0);
    clearInterval(noise);
    expect(clinging.connections[1]?.bytes().readUInt32BE(4)).toBe(80_877_102);
  });
});
