/** The local end of a tunnel against a real TLS server: what goes through, what is refused, what an untrusted server gets to see. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TunnelHello } from '../../src/contract/api-types.js';
import { GwError } from '../../src/contract/gw-error.js';
import { decodeFrame, encodeFrame, FRAME_LIMIT, TUNNEL_ALPN } from '../../src/tunnel/frame.js';
import { LocalPort, type LocalPortOptions } from '../../src/tunnel/local-port.js';
import { type FakeGateway, type FakeGatewayOptions, startFakeGateway } from '../support/fake-gateway.js';
import { makeAuthority, type ServerCertificate, type TestAuthority } from '../support/test-authority.js';

let authority: TestAuthority;
let certificate: ServerCertificate;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  authority = await makeAuthority();
  certificate = await authority.issue();
});

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const hello: TunnelHello = { target: 'bank-db', token: 'a.token.here', secret: 's'.repeat(43), reason: null, client: 'test' };

async function gatewayWith(options: Partial<FakeGatewayOptions> = {}): Promise<FakeGateway> {
  const gateway = await startFakeGateway({ certificate, ...options });
  open.push(gateway);
  return gateway;
}

async function portTo(port: number, options: Partial<LocalPortOptions> = {}): Promise<LocalPort> {
  const local = await LocalPort.open({ gateway: { host: 'localhost', port, ca: authority.ca }, port: 0, hello: () => Promise.resolve(hello), ...options });
  open.push(local);
  return local;
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  // Not `once` of node:events: it would reject on an error, and a reset is one of the ways to close.
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks);
}

async function accept(port: LocalPort): Promise<Socket> {
  const socket = connect(port.port, port.host);
  await once(socket, 'connect');
  return socket;
}

describe('a local port', () => {
  it('binds to loopback only', async () => {
    const port = await portTo(1);
    expect(port.host).toBe('127.0.0.1');
    const other = createServer().listen(port.port, '127.0.0.2');
    await once(other, 'listening');
    other.close();
  });

  it('carries bytes both ways unchanged, with a half-close in each direction', async () => {
    const sent = randomBytes(3_000_000);
    const gateway = await gatewayWith({
      serve(socket) {
        const hash = createHash('sha256');
        socket.on('data', (chunk: Buffer) => hash.update(chunk));
        // The answer comes after the client's end: the tunnel must still be open this way.
        socket.on('end', () => socket.end(hash.digest('hex')));
      },
    });
    const port = await portTo(gateway.port);
    const socket = connect({ port: port.port, host: port.host, allowHalfOpen: true });
    const answer = readAll(socket);
    socket.end(sent);
    expect((await answer).toString()).toBe(createHash('sha256').update(sent).digest('hex'));
  });

  it('holds a fast sender back when the reader is slow', async () => {
    let taken = 0;
    const gateway = await gatewayWith({
      serve(socket) {
        const chunk = Buffer.alloc(65_536, 1);
        const more = (): void => {
          while (socket.write(chunk)) taken += chunk.length;
          taken += chunk.length;
        };
        socket.on('drain', more);
        more();
      },
    });
    const port = await portTo(gateway.port);
    const socket = await accept(port);
    socket.pause();
    // The flow stops when every buffer is full: no more is taken although nothing was read.
    let last = -1;
    while (taken !== last || taken === 0) {
      last = taken;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(taken).toBeLessThan(64 * 1024 * 1024);
    socket.destroy();
  });

  it('resumes the TLS session for further connections, and asks for a fresh token each time', async () => {
    const gateway = await gatewayWith();
    let asked = 0;
    const port = await portTo(gateway.port, { hello: () => Promise.resolve({ ...hello, token: `token-${++asked}` }) });
    for (let round = 0; round < 3; round++) {
      const socket = connect(port.port, port.host);
      socket.end(`SECRET ${hello.secret}\nping\n`);
      expect((await readAll(socket)).toString()).toBe('welcome\nPING\n');
    }
    expect(gateway.resumed).toEqual([false, true, true]);
    expect(gateway.hellos.map(({ token }) => token)).toEqual(['token-1', 'token-2', 'token-3']);
  });

  it('ends the tunnel when the client goes, and the client when the tunnel goes', async () => {
    const ended: string[] = [];
    let bothEnded: () => void = () => undefined;
    const allEnded = new Promise<void>((resolve) => (bothEnded = resolve));
    let opened: (session: string) => void = () => undefined;
    const isOpen = new Promise<string>((resolve) => (opened = resolve));
    const gateway = await gatewayWith();
    const port = await portTo(gateway.port, {
      onSession: (session) => opened(session),
      onSessionEnd(session) {
        if (ended.push(session) === 2) bothEnded();
      },
    });
    const first = await accept(port);
    await isOpen;
    const [tunnel] = [...gateway.tunnels];
    first.destroy();
    if (tunnel !== undefined && !tunnel.closed) await once(tunnel, 'close');
    const second = await accept(port);
    second.write(`SECRET ${hello.secret}\n`);
    await once(second, 'data');
    for (const socket of gateway.tunnels) socket.destroy();
    await readAll(second);
    await allEnded;
    expect(ended).toEqual(['ses_1', 'ses_2']);
  });

  it('closes the client when the gateway refuses, and keeps the reason', async () => {
    const gateway = await gatewayWith({ tunnel: () => ({ ok: false, code: 'policy.connect_denied', message: 'Not you.', hint: 'Ask.' }) });
    const refusals: GwError[] = [];
    const port = await portTo(gateway.port, { onRefusal: (error) => refusals.push(error) });
    expect((await readAll(await accept(port))).length).toBe(0);
    expect(refusals).toHaveLength(1);
    expect(port.refusal).toMatchObject({ code: 'policy.connect_denied', message: 'Not you.', hint: 'Ask.' });
    expect(port.accepted).toBe(0);
  });

  it('passes an error of the token source on, without a connection to the gateway', async () => {
    const gateway = await gatewayWith();
    const port = await portTo(gateway.port, { hello: () => Promise.reject(new GwError('login.expired', 'Expired.')) });
    await readAll(await accept(port));
    expect(port.refusal?.code).toBe('login.expired');
    expect(gateway.resumed).toEqual([]);
  });

  it('says that nothing listens there', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port: closed } = free.address() as AddressInfo;
    free.close();
    const port = await portTo(closed);
    await readAll(await accept(port));
    expect(port.refusal).toMatchObject({ code: 'gateway.unreachable', entry: { exit: 8 } });
  });
});

/** A TLS server that is not a good gateway. Resolves with everything that it got. */
async function badServer(options: {
  readonly certificate?: ServerCertificate;
  readonly alpn?: string;
  readonly maxVersion?: 'TLSv1.2';
  readonly answer?: Buffer;
}): Promise<{ readonly port: number; readonly got: Buffer[] }> {
  const got: Buffer[] = [];
  const server = createTlsServer({
    ...(options.certificate ?? certificate),
    ALPNProtocols: [options.alpn ?? TUNNEL_ALPN],
    ...(options.maxVersion === undefined ? {} : { maxVersion: options.maxVersion }),
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => {
    socket.on('data', (chunk: Buffer) => {
      got.push(chunk);
      if (options.answer !== undefined) socket.write(options.answer);
    });
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
  return { port: (server.address() as AddressInfo).port, got };
}

describe('a server that is not the gateway', () => {
  it.each([
    ['of another authority', async () => ({ certificate: await (await makeAuthority()).issue() }), 'gateway.untrusted'],
    ['of another name', async () => ({ certificate: await authority.issue({ names: ['elsewhere.test'] }) }), 'gateway.untrusted'],
    ['that is out of date', async () => ({ certificate: await authority.issue({ notAfter: new Date(Date.now() - 1000) }) }), 'gateway.untrusted'],
    ['that speaks TLS 1.2 only', () => Promise.resolve({ maxVersion: 'TLSv1.2' as const }), 'gateway.unreachable'],
    ['that speaks another protocol', () => Promise.resolve({ alpn: 'http/1.1' }), 'gateway.unreachable'],
  ] as const)('%s gets nothing, and above all no token', async (_name, options, code) => {
    const server = await badServer(await options());
    const port = await portTo(server.port);
    const socket = await accept(port);
    socket.write('SECRET must not leave\n');
    await readAll(socket);
    expect(port.refusal?.code).toBe(code);
    expect(Buffer.concat(server.got).length).toBe(0);
  });

  const huge = Buffer.alloc(4);
  huge.writeUInt32BE(FRAME_LIMIT + 1);
  it.each([
    ['no frame', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a frame over the limit', huge],
    ['a frame that is not JSON', Buffer.concat([Buffer.from([0, 0, 0, 2]), Buffer.from('{{')])],
    ['a list', Buffer.concat([Buffer.from([0, 0, 0, 2]), Buffer.from('[]')])],
    ['an unknown refusal', encodeFrame({ ok: false, code: 'no.such.code', message: 1 })],
    ['an ok without a session', encodeFrame({ ok: true })],
  ])('that answers %s is an error, not a crash', async (_name, answer) => {
    const server = await badServer({ answer });
    const port = await portTo(server.port);
    await readAll(await accept(port));
    expect(port.refusal?.code).toBe('gateway.unreachable');
  });
});

describe('the reply', () => {
  it('may come in pieces of any size, with the first bytes of the protocol behind it', async () => {
    const reply = Buffer.concat([encodeFrame({ ok: true, session: 'ses_1' }), Buffer.from('first words')]);
    for (let cut = 1; cut < reply.length; cut += 7) {
      const server = createTlsServer({ ...certificate, ALPNProtocols: [TUNNEL_ALPN] }, (socket) => {
        let head = Buffer.alloc(0);
        socket.setNoDelay(true);
        socket.on('error', () => undefined);
        socket.on('data', (chunk: Buffer) => {
          head = Buffer.concat([head, chunk]);
          if (decodeFrame(head) === null) return;
          socket.write(reply.subarray(0, cut), () => socket.end(reply.subarray(cut)));
        });
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const port = await portTo((server.address() as AddressInfo).port);
      const socket = await accept(port);
      expect((await readAll(socket)).toString()).toBe('first words');
      server.close();
    }
  });
});
