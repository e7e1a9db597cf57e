/** D6, D18: what an unauthenticated peer can do is hold its own slot until the deadline, and nothing else. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complete, ready, type StubServer, startStubServer, until } from '../protocols/postgres/hostile/stub-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { fields, frame, int32, query, RawClient, type Reply, shape, startup } from '../support/raw-client.js';
import { type TestCertificate, testCertificate } from '../support/test-certificate.js';

const SSL_REQUEST = Buffer.concat([int32(8), int32(80_877_103)]);
const GSSENC_REQUEST = Buffer.concat([int32(8), int32(80_877_104)]);
const STARTUP = startup({ user: 'bank-db', database: 'bank-db' });

let server: StubServer;
let certificate: TestCertificate;

beforeAll(async () => {
  certificate = await testCertificate();
  server = await startStubServer({ onMessage: ({ socket }, { type }) => type === 'Q' && socket.write(Buffer.concat([complete('SELECT 0'), ready()])) });
});
afterAll(() => server?.[Symbol.asyncDispose]());

const login = (world: PathWorld, token = 'token-alice'): Promise<RawClient> => RawClient.login(world.port, 'bank-db', token, 'bank-db');

async function works(client: RawClient): Promise<void> {
  expect(shape(await client.run(query('SELECT 1')))).toBe('C Z:I');
}

/** Connects, sends `bytes`, and gives what comes back until the peer closes. */
async function say(port: number, bytes: Buffer, localAddress = '127.0.0.1'): Promise<Buffer> {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => undefined);
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

const errorIn = (bytes: Buffer): Record<string, string> => {
  const at = bytes.indexOf('E');
  const reply: Reply = { type: 'E', body: bytes.subarray(at + 5) };
  return at < 0 ? {} : fields(reply);
};

/** A stage of the login, reached and then held. */
const STALLS: Record<string, (socket: net.Socket, clientHello: Buffer) => Promise<void> | void> = {
  'before the first byte': () => undefined,
  'in the length': (socket) => void socket.write(STARTUP.subarray(0, 3)),
  'in the startup message': (socket) => void socket.write(STARTUP.subarray(0, 20)),
  'after SSLRequest': async (socket) => {
    socket.write(SSL_REQUEST);
    await once(socket, 'data');
  },
  'inside the TLS handshake': async (socket, hello) => {
    socket.write(SSL_REQUEST);
    await once(socket, 'data');
    socket.write(hello.subarray(0, 40));
  },
  'after a whole ClientHello': async (socket, hello) => {
    socket.write(SSL_REQUEST);
    await once(socket, 'data');
    socket.write(hello);
    await once(socket, 'data');
  },
  'inside direct TLS': (socket, hello) => void socket.write(hello.subarray(0, 60)),
  'after GSSENCRequest': async (socket) => {
    socket.write(GSSENC_REQUEST);
    await once(socket, 'data');
  },
  'after the startup message': async (socket) => {
    socket.write(STARTUP);
    await once(socket, 'data');
  },
  'in the middle of a password': async (socket) => {
    socket.write(STARTUP);
    await once(socket, 'data');
    socket.write(frame('p', 'token-alice\0').subarray(0, 9));
  },
};

/** The first flight of a TLS client, taken from one that speaks to a listener of ours. */
async function clientHello(): Promise<Buffer> {
  const sink = net.createServer();
  sink.listen(0, '127.0.0.1');
  await once(sink, 'listening');
  const client = tls.connect({ port: (sink.address() as net.AddressInfo).port, host: '127.0.0.1', ALPNProtocols: ['postgresql'] });
  client.on('error', () => undefined);
  const [socket] = (await once(sink, 'connection')) as [net.Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  sink.close();
  return hello;
}

describe('a stalled client (D18)', () => {
  it('at every step of the login blocks nobody, is cut at the deadline, and frees its slot', async () => {
    await using world = await startPathWorld({ server, certificate, limits: { handshakeTimeoutMs: 1_500 } });
    const hello = await clientHello();
    const before = await login(world);
    const stalled = await Promise.all(
      Object.entries(STALLS).map(async ([, stall]) => {
        const socket = net.connect(world.port, '127.0.0.1');
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        await stall(socket, hello);
        return socket;
      }),
    );
    await until(() => world.path.preLogin === stalled.length);
    await works(before);
    const meanwhile = await Promise.all(Array.from({ length: 10 }, () => login(world)));
    for (const client of meanwhile) await works(client);
    // Their slots were taken all the while; then the deadline cuts every one of them.
    await Promise.all(
      stalled.map(async (socket) => {
        socket.resume();
        if (!socket.destroyed) await once(socket, 'close');
      }),
    );
    await until(() => world.path.preLogin === 0);
    await works(before);
    for (const client of [before, ...meanwhile]) client.close();
    await until(() => world.path.live.count() === 0);
  });

  it('a tunnel that stalls before, in and behind its first message', async () => {
    await using world = await startPathWorld({ server, certificate, limits: { handshakeTimeoutMs: 1_500 } });
    const open = async (bytes: Buffer): Promise<tls.TLSSocket> => {
      const socket = tls.connect({ port: world.tlsPort ?? 0, host: '127.0.0.1', ca: certificate.ca, ALPNProtocols: ['gw-tunnel/1'], minVersion: 'TLSv1.3' });
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      socket.write(bytes);
      return socket;
    };
    const stalled = await Promise.all([Buffer.alloc(0), Buffer.from([0, 0]), Buffer.from([0, 0, 1, 0, 0x7b])].map(open));
    await until(() => world.path.preLogin === 3);
    const client = await login(world);
    await works(client);
    await Promise.all(stalled.map((socket) => socket.resume() && once(socket, 'close')));
    await until(() => world.path.preLogin === 0);
    client.close();
  });

  it('a client that logs in and leaves before its session is open leaves no session behind', async () => {
    const startups: (() => void)[] = [];
    await using slow = await startStubServer({
      onStartup: ({ socket }) => void startups.push(() => socket.write(Buffer.concat([frame('R', int32(0)), frame('S', 'client_encoding\0UTF8\0'), ready()]))),
    });
    await using world = await startPathWorld({ server: slow });
    const client = await RawClient.open(world.port);
    client.send(STARTUP);
    await client.next();
    client.send(frame('p', 'token-alice\0'));
    await until(() => startups.length === 1);
    client.close();
    // The client's end is seen before the target answers.
    await new Promise((resolve) => setTimeout(resolve, 50));
    startups[0]?.();
    await until(() => slow.open() === 0 && world.path.live.count() === 0 && world.path.preLogin === 0);
  });
});

describe('limits before the login (D6)', () => {
  it('holds the number of connections from one address, and of all, and frees the slots', async () => {
    await using world = await startPathWorld({ server, limits: { preLoginPerAddress: 5, preLoginConnections: 8 } });
    const open = async (localAddress: string): Promise<net.Socket> => {
      const socket = net.connect({ port: world.port, host: '127.0.0.1', localAddress });
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      return socket;
    };
    const first = await Promise.all(Array.from({ length: 5 }, () => open('127.0.0.1')));
    await until(() => world.path.preLogin === 5);
    const sixth = await open('127.0.0.1');
    await once(sixth.resume(), 'close');
    const other = await Promise.all(Array.from({ length: 3 }, () => open('127.0.0.2')));
    await until(() => world.path.preLogin === 8);
    const ninth = await open('127.0.0.3');
    await once(ninth.resume(), 'close');
    expect(world.path.counters['refusedConnections']).toBe(2);
    for (const socket of [...first, ...other]) socket.destroy();
    await until(() => world.path.preLogin === 0);
    // A session that is open takes none of the slots.
    const clients = [];
    for (let i = 0; i < 9; i++) clients.push(await login(world));
    expect(world.path.preLogin).toBe(0);
    for (const client of clients) client.close();
  });

  it('throttles an address that fails to log in, the right token included, and nobody else', async () => {
    await using world = await startPathWorld({ server, limits: { loginFailuresPerMinute: 3 } });
    const attempt = (token: string, localAddress: string): Promise<Buffer> => say(world.port, Buffer.concat([STARTUP, frame('p', `${token}\0`)]), localAddress);
    for (let i = 0; i < 3; i++) expect(errorIn((await attempt('wrong', '127.0.0.4')).subarray(9))['C']).toBe('28P01');
    expect(errorIn((await attempt('token-alice', '127.0.0.4')).subarray(9))['C']).toBe('53300');
    const client = await login(world);
    await works(client);
    client.close();
  });

  const lengths = [0, 1, 2, 3, 4, 5, 6, 7, 10_001, 0x7fffffff, 0x80000000, 0xffffffff];
  it.each(lengths)('a startup packet of length %i is refused at its fourth byte', async (length) => {
    await using world = await startPathWorld({ server });
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(length);
    expect(errorIn(await say(world.port, bytes))).toMatchObject({ S: 'FATAL', C: '08P01' });
    await until(() => world.path.preLogin === 0);
  });

  it.each([0, 3, 20_001, 0x7fffffff, 0x80000000, 0xffffffff])('a password packet of length %i is refused', async (length) => {
    await using world = await startPathWorld({ server });
    const password = Buffer.alloc(5, 'p');
    password.writeUInt32BE(length, 1);
    expect(errorIn((await say(world.port, Buffer.concat([STARTUP, password]))).subarray(9))).toMatchObject({ S: 'FATAL', C: '08P01' });
  });

  it('a password that is no password message, or holds a NUL, is refused', async () => {
    await using world = await startPathWorld({ server });
    for (const bytes of [query('SELECT 1'), frame('p', 'token-alice\0more\0'), frame('p', 'token-alice'), frame('p')]) {
      expect(errorIn((await say(world.port, Buffer.concat([STARTUP, bytes]))).subarray(9))).toMatchObject({ S: 'FATAL', C: '08P01' });
    }
    expect(server.connections.some(({ messages }) => messages.some(({ type }) => type === 'p'))).toBe(false);
  });
});

describe('encryption negotiation', () => {
  it.each([
    ['a startup message', STARTUP],
    ['one byte', Buffer.from([0])],
    ['a TLS hello that came too early', Buffer.from([0x16, 3, 1, 0, 5])],
  ])('refuses %s that came with SSLRequest in the clear (CVE-2021-23214)', async (_name, early) => {
    await using world = await startPathWorld({ server, certificate });
    const answer = await say(world.port, Buffer.concat([SSL_REQUEST, early]));
    expect(answer.toString('latin1').startsWith('S')).toBe(false);
    expect(errorIn(answer)).toMatchObject({ S: 'FATAL', C: '08P01' });
  });

  it('plain bytes sent behind the S, before TLS, never count as sent inside it', async () => {
    await using world = await startPathWorld({ server, certificate });
    const socket = net.connect(world.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(SSL_REQUEST);
    await once(socket, 'data');
    socket.write(Buffer.concat([STARTUP, frame('p', 'token-alice\0')]));
    socket.resume();
    await once(socket, 'close');
    expect(world.sessions).toEqual([]);
    await until(() => world.path.preLogin === 0);
  });

  it('takes GSSENCRequest and then SSLRequest, and neither twice', async () => {
    await using world = await startPathWorld({ server, certificate });
    const socket = net.connect(world.port, '127.0.0.1');
    socket.write(GSSENC_REQUEST);
    expect(String((await once(socket, 'data'))[0])).toBe('N');
    socket.write(SSL_REQUEST);
    expect(String((await once(socket, 'data'))[0])).toBe('S');
    const secure = tls.connect({ socket, ca: certificate.ca, host: '127.0.0.1', servername: 'localhost' });
    await once(secure, 'secureConnect');
    const client = RawClient.over(secure);
    await client.authenticate('bank-db', 'token-alice', 'bank-db');
    await works(client);
    client.close();

    const twice = net.connect(world.port, '127.0.0.1');
    twice.write(GSSENC_REQUEST);
    await once(twice, 'data');
    twice.write(GSSENC_REQUEST);
    expect(errorIn((await once(twice, 'data'))[0] as Buffer)).toMatchObject({ C: '08P01' });

    // Inside TLS there is nothing more to ask for.
    const plain = net.connect(world.port, '127.0.0.1');
    plain.write(SSL_REQUEST);
    await once(plain, 'data');
    const inner = tls.connect({ socket: plain, ca: certificate.ca, host: '127.0.0.1', servername: 'localhost' });
    await once(inner, 'secureConnect');
    inner.write(SSL_REQUEST);
    expect(errorIn((await once(inner, 'data'))[0] as Buffer)).toMatchObject({ C: '08P01' });
  });

  it('garbage in the place of a TLS record ends the session that it is on', async () => {
    await using world = await startPathWorld({ server, certificate });
    const other = await login(world);
    const socket = net.connect(world.port, '127.0.0.1');
    socket.write(SSL_REQUEST);
    await once(socket, 'data');
    const secure = tls.connect({ socket, ca: certificate.ca, host: '127.0.0.1', servername: 'localhost' });
    secure.on('error', () => undefined);
    await once(secure, 'secureConnect');
    const client = RawClient.over(secure);
    await client.authenticate('bank-db', 'token-alice', 'bank-db');
    await works(client);
    expect(world.path.live.count()).toBe(2);
    socket.write(randomBytes(500));
    await until(() => world.path.live.count() === 1);
    await works(other);
    other.close();
    client.close();
  });
});

describe('1,000 bad start-ups', () => {
  it('close nothing but themselves', async () => {
    await using world = await startPathWorld({
      server,
      certificate,
      limits: { preLoginConnections: 64, preLoginPerAddress: 64, loginFailuresPerMinute: 100_000, handshakeTimeoutMs: 1_000 },
    });
    const hello = await clientHello();
    const before = await login(world);
    const mutated = (): Buffer => {
      const bytes = Buffer.concat([STARTUP, frame('p', 'token!\0')]);
      bytes[Math.floor(Math.random() * STARTUP.length)] = Math.floor(Math.random() * 256);
      return bytes;
    };
    const garbage: (() => Buffer)[] = [
      () => randomBytes(1 + Math.floor(Math.random() * 2_000)),
      () => Buffer.from('GET / HTTP/1.1\r\nHost: bank\r\n\r\n'),
      () => Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      () => Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'),
      () => Buffer.concat([hello.subarray(0, 5 + Math.floor(Math.random() * 100)), randomBytes(300)]),
      () => Buffer.concat([SSL_REQUEST, randomBytes(50)]),
      () => Buffer.concat([int32(16), int32(80_877_102), randomBytes(8)]),
      () => startup({ user: 'x'.repeat(Math.floor(Math.random() * 5_000)) }),
      () => Buffer.alloc(4 + Math.floor(Math.random() * 5_000)),
      () => Buffer.concat([STARTUP, frame('p', `${randomBytes(20).toString('hex')}\0`)]),
      mutated,
    ];
    const handles = process.getActiveResourcesInfo().length;
    const attack = async (index: number): Promise<void> => {
      const socket = net.connect(world.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      const closed = once(socket, 'close');
      // Half of them end or break the connection; the rest keep it as long as the gateway lets them.
      socket.write(garbage[index % garbage.length]?.() ?? Buffer.alloc(0), () => {
        if (index % 4 === 1) socket.end();
        else if (index % 4 === 3) socket.destroy();
      });
      if (index % 4 === 2) setTimeout(() => socket.destroy(), 100);
      await closed;
    };
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 50 }, (_, index) => attack(round * 50 + index)));
      await works(before);
    }
    await until(() => world.path.preLogin === 0);
    await until(() => world.path.live.count() === 1);
    await works(before);
    const after = await login(world);
    await works(after);
    before.close();
    after.close();
    await until(() => world.path.live.count() === 0);
    await until(() => process.getActiveResourcesInfo().length <= handles);
    expect(world.path.counters['connections']).toBe(1_002);
  });
});
