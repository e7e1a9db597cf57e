/** The tunnel: its first message at every byte, and the local port's secret, which another user of the client's machine does not have. */
import { once } from 'node:events';
import * as tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeFrame } from '../../src/tunnel/frame.js';
import { complete, ready, type StubServer, startStubServer, until } from '../protocols/postgres/hostile/stub-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { query, RawClient, shape } from '../support/raw-client.js';
import { type TestCertificate, testCertificate } from '../support/test-certificate.js';

const SECRET = 'A'.repeat(43);
const HELLO = { target: 'bank-db', token: 'token-alice', secret: SECRET, reason: 'INC-7', client: 'gw/test' };

let server: StubServer;
let certificate: TestCertificate;
let world: PathWorld;
beforeAll(async () => {
  certificate = await testCertificate();
  server = await startStubServer({ onMessage: ({ socket }, { type }) => type === 'Q' && socket.write(Buffer.concat([complete('SELECT 0'), ready()])) });
  world = await startPathWorld({ server, certificate });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

async function connect(): Promise<tls.TLSSocket> {
  const socket = tls.connect({ port: world.tlsPort ?? 0, host: '127.0.0.1', ca: certificate.ca, ALPNProtocols: ['gw-tunnel/1'], minVersion: 'TLSv1.3' });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** Sends `pieces` as separate writes and reads the reply. */
async function hello(socket: tls.TLSSocket, ...pieces: Buffer[]): Promise<Record<string, unknown>> {
  let buffer = Buffer.alloc(0);
  const reply = new Promise<Record<string, unknown>>((resolve, reject) => {
    socket.once('close', () => reject(new Error('closed')));
    const take = (chunk: Buffer): void => {
      buffer = Buffer.concat([buffer, chunk]);
      if (buffer.length < 4 || buffer.length < 4 + buffer.readUInt32BE(0)) return;
      socket.off('data', take);
      resolve(JSON.parse(buffer.toString('utf8', 4)) as Record<string, unknown>);
    };
    socket.on('data', take);
  });
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return reply;
}

describe('the first message of a tunnel', () => {
  it('that names an account is refused where a target has one account only, by policy and before anything is dialled', async () => {
    const socket = await connect();
    expect(await hello(socket, encodeFrame({ ...HELLO, account: 'postgres' }))).toMatchObject({
      ok: false,
      code: 'policy.connect_denied',
      message: expect.stringContaining('always opened as the account of its configuration') as string,
    });
    const strange = await connect();
    expect(await hello(strange, encodeFrame({ ...HELLO, account: 7 }))).toMatchObject({ ok: false, code: 'protocol.violation' });
  });

  it('split at every byte is read the same', async () => {
    const bytes = encodeFrame(HELLO);
    for (let cut = 1; cut < bytes.length; cut++) {
      const socket = await connect();
      expect(await hello(socket, bytes.subarray(0, cut), bytes.subarray(cut))).toMatchObject({ ok: true });
      socket.destroy();
    }
    await until(() => world.path.preLogin === 0);
  });

  it('cut at every byte opens nothing and frees its slot', async () => {
    const bytes = encodeFrame(HELLO);
    const before = world.sessions.length;
    for (let cut = 0; cut < bytes.length; cut++) {
      const socket = await connect();
      socket.end(bytes.subarray(0, cut));
      socket.resume();
      await once(socket, 'close');
    }
    await until(() => world.path.preLogin === 0);
    expect(world.sessions.length).toBe(before);
  });

  it.each([
    ['a length over the limit', Buffer.from([0, 1, 0, 1])],
    ['a negative length', Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['no JSON', Buffer.concat([Buffer.from([0, 0, 0, 3]), Buffer.from('{,}')])],
    ['an array', encodeFrame([])],
    ['nothing', encodeFrame({})],
    ['a short secret', encodeFrame({ ...HELLO, secret: 'short' })],
    ['a secret of other characters', encodeFrame({ ...HELLO, secret: `${'A'.repeat(42)} ` })],
    ['a token that is no text', encodeFrame({ ...HELLO, token: 7 })],
    ['a token too long', encodeFrame({ ...HELLO, token: 't'.repeat(20_000) })],
    ['a reason too long (D16)', encodeFrame({ ...HELLO, reason: 'r'.repeat(1_025) })],
    ['a target too long', encodeFrame({ ...HELLO, target: 't'.repeat(129) })],
  ])('with %s is refused', async (_name, bytes) => {
    const socket = await connect();
    expect(await hello(socket, bytes)).toMatchObject({ ok: false, code: 'protocol.violation' });
    await once(socket.resume(), 'close');
  });

  it('with a wrong token or an unknown target is refused', async () => {
    for (const [change, code] of [
      [{ token: 'wrong' }, 'login.token_invalid'],
      [{ target: 'nowhere' }, 'target.unknown'],
      [{ target: '__proto__' }, 'target.unknown'],
    ] as const) {
      const socket = await connect();
      expect(await hello(socket, encodeFrame({ ...HELLO, ...change }))).toMatchObject({ ok: false, code });
      socket.destroy();
    }
  });
});

describe('the secret of a local port', () => {
  async function session(password: string): Promise<string> {
    const socket = await connect();
    expect(await hello(socket, encodeFrame(HELLO))).toMatchObject({ ok: true });
    const client = RawClient.over(socket);
    await client.authenticate('bank-db', password, 'bank-db');
    const replies = shape(await client.run(query('SELECT 1')));
    client.close();
    return replies;
  }

  it('lets the client in that has it', async () => {
    expect(await session(SECRET)).toBe('C Z:I');
  });

  it.each([
    ['another one', 'B'.repeat(43)],
    ['its beginning', 'A'.repeat(42)],
    ['more than it', 'A'.repeat(44)],
    ["the person's own token", 'token-alice'],
    ['none', ''],
  ])('refuses %s, and the target hears nothing of it', async (_name, password) => {
    const connections = server.connections.length;
    await expect(session(password)).rejects.toMatchObject({ fields: { S: 'FATAL', C: expect.stringMatching(/^28(P01|000)$/) } });
    expect(server.connections.length).toBe(connections);
    await until(() => world.path.preLogin === 0);
  });

  it('is of no use on the native port', async () => {
    await expect(RawClient.login(world.port, 'bank-db', SECRET, 'bank-db')).rejects.toMatchObject({ fields: { C: '28P01' } });
  });
});
