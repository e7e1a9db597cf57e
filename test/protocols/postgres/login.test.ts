/** Login of clients, byte for byte: encryption, versions, parameters, tokens as passwords and by OAUTHBEARER. Each right way has a wrong twin. */
import { once } from 'node:events';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode } from '../../../src/contract/error-catalogue.js';
import { GwError } from '../../../src/contract/gw-error.js';
import { refuse } from '../../../src/protocols/postgres/refusal.js';
import { LocalPort } from '../../../src/tunnel/local-port.js';
import { type PathWorld, startPathWorld } from '../../support/path-world.js';
import { fields, frame, int32, query, RawClient, type Reply, rowsOf, shape, startup } from '../../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../../support/real-postgres.js';
import { type TestCertificate, testCertificate } from '../../support/test-certificate.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: no-mallory, effect: deny, subjects: { ids: ['test#mallory'] }, actions: [connect], message: Mallory stays outside., hint: Ask the owner. }
`;
const SSL = Buffer.concat([int32(8), int32(80_877_103)]);
const GSS = Buffer.concat([int32(8), int32(80_877_104)]);

let server: RealPostgres;
let certificate: TestCertificate;
let world: PathWorld;
let strict: { port: number; oauthPort: number; close(): void };

beforeAll(async () => {
  server = await startRealPostgres('18');
  certificate = await testCertificate();
  world = await startPathWorld({ server, certificate, policy: POLICY, options: { databases: ['template1'] } });
  const listen = async (options: Parameters<PathWorld['path']['acceptNative']>[2]): Promise<net.Server> => {
    const listener = net.createServer((socket) => world.path.acceptNative('postgres', socket, options));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return listener;
  };
  const listeners = [await listen({ plaintextLoopback: false }), await listen({ plaintextLoopback: true, preferredAuth: 'oauth' })];
  const [port = 0, oauthPort = 0] = listeners.map((listener) => (listener.address() as net.AddressInfo).port);
  strict = { port, oauthPort, close: () => listeners.forEach((listener) => void listener.close()) };
});
afterAll(async () => {
  strict?.close();
  await world?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

/** Sends bytes on a new connection and gives everything that comes back, as it is. */
async function raw(port: number, ...chunks: Buffer[]): Promise<Buffer> {
  const socket = net.connect(port, '127.0.0.1');
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  socket.on('error', () => undefined);
  for (const chunk of chunks) socket.write(chunk);
  await once(socket, 'close');
  return Buffer.concat(heard);
}

/** After `asks`, each answered by one byte, TLS on the same connection. */
async function encrypted(
  port: number,
  asks: readonly Buffer[],
  alpn: readonly string[] = [],
): Promise<{ client: RawClient; answers: string; socket: tls.TLSSocket }> {
  const plain = net.connect(port, '127.0.0.1');
  let answers = '';
  for (const ask of asks) {
    plain.write(ask);
    answers += String((await once(plain, 'data'))[0]);
  }
  const socket = tls.connect({ socket: plain, ca: certificate.ca, servername: 'localhost', ALPNProtocols: [...alpn] });
  await once(socket, 'secureConnect');
  return { client: RawClient.over(socket), answers, socket };
}

const user = (reply: Reply[]): unknown => rowsOf(reply);

describe('encryption', () => {
  it('SSLRequest, TLS, token', async () => {
    const { client, answers } = await encrypted(strict.port, [SSL]);
    expect(answers).toBe('S');
    await client.authenticate('bank-db', 'token-alice', 'bank-db');
    expect(user(await client.run(query('SELECT 1')))).toEqual([['1']]);
    client.close();
  });

  it('GSSENCRequest is answered N, and SSLRequest may follow', async () => {
    const { client, answers } = await encrypted(strict.port, [GSS, SSL], ['postgresql']);
    expect(answers).toBe('NS');
    await client.authenticate('bank-db', 'token-alice', 'bank-db');
    client.close();
  });

  it('direct TLS with ALPN, as sslnegotiation=direct speaks it', async () => {
    const { client, socket } = await encrypted(strict.port, [], ['postgresql']);
    expect(socket.alpnProtocol).toBe('postgresql');
    await client.authenticate('bank-db', 'token-alice', 'bank-db');
    client.close();
  });

  it('direct TLS without ALPN is refused: another protocol could be led here (ALPACA)', async () => {
    const { client } = await encrypted(strict.port, []);
    await expect(client.authenticate('bank-db', 'token-alice', 'bank-db')).rejects.toThrow(/ALPN|the connection ended/);
  });

  it.each([[[]], [[SSL]]])('ALPN of another protocol is refused (%#)', async (asks) => {
    await expect(encrypted(strict.port, asks, ['http/1.1'])).rejects.toThrow(/alert|ECONNRESET|disconnected/);
  });

  it('no token is asked for in the clear', async () => {
    const answer = await raw(strict.port, startup({ user: 'bank-db' }));
    expect(String.fromCharCode(answer[0] ?? 0)).toBe('E');
    expect(fields({ type: 'E', body: answer.subarray(5) })).toMatchObject({ S: 'FATAL', C: '28000', M: 'The gateway takes a token only over TLS.' });
  });

  it('nor after GSSENCRequest, nor for OAUTHBEARER', async () => {
    const client = await RawClient.open(strict.port);
    client.socket.once('data', () => undefined);
    client.close();
    const answer = await raw(strict.port, startup({ user: 'bank-db', options: '-c gw.auth=oauth' }));
    expect(fields({ type: 'E', body: answer.subarray(5) })['C']).toBe('28000');
    expect(answer.toString()).not.toContain('OAUTHBEARER');
  });

  it.each([
    ['SSLRequest', SSL],
    ['GSSENCRequest', GSS],
  ])('bytes behind a %s are refused, not carried into TLS (CVE-2021-23214, D23)', async (_name, ask) => {
    const answer = await raw(strict.port, Buffer.concat([ask, startup({ user: 'bank-db' })]));
    expect(answer.toString()).toContain('received unencrypted data after an encryption request');
  });

  it('a second GSSENCRequest, and an SSLRequest inside TLS, are refused', async () => {
    const socket = net.connect(strict.port, '127.0.0.1');
    socket.write(GSS);
    expect(String((await once(socket, 'data'))[0])).toBe('N');
    socket.write(GSS);
    expect(String((await once(socket, 'data'))[0])).toContain('unexpected second GSSENCRequest');
    socket.destroy();
    const { client } = await encrypted(strict.port, [SSL]);
    client.send(SSL);
    expect(fields((await client.untilClosed()).at(-1) as Reply)['M']).toContain('unexpected second SSLRequest');
  });

  it('a handshake that is none ends the connection', async () => {
    const socket = net.connect(strict.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(SSL);
    await once(socket, 'data');
    socket.write(startup({ user: 'bank-db' }));
    socket.resume();
    await once(socket, 'close');
    expect(socket.destroyed).toBe(true);
  });
});

describe('versions and parameters', () => {
  it.each([
    [3.2, 196_610],
    [3.9999, 206_607],
  ])('protocol %d is negotiated down to 3.0, and the session works', async (_name, version) => {
    const client = await RawClient.open(world.port);
    client.send(startup({ user: 'bank-db', '_pq_.new_thing': '1' }, version));
    const negotiated = await client.next();
    expect([negotiated.type, negotiated.body.readInt32BE(0), negotiated.body.toString('utf8', 8)]).toEqual(['v', 196_608, '_pq_.new_thing\0']);
    expect((await client.next()).type).toBe('R');
    client.send(frame('p', 'token-alice\0'));
    const greeting = await client.untilReady();
    expect(greeting.find(({ type }) => type === 'K')?.body).toHaveLength(8);
    client.close();
  });

  it('an unknown protocol option is answered with the bytes of a real server', async () => {
    const answers = await Promise.all(
      [server.port, world.port].map(async (port) => {
        const client = await RawClient.open(port);
        client.send(startup({ user: 'bank-db', '_pq_.new_thing': '1' }));
        const answer = await client.next();
        client.close();
        return answer;
      }),
    );
    expect(answers[0]?.type).toBe('v');
    expect(answers[1]).toEqual(answers[0]);
  });

  it('options set what is allowed, and a word of the gateway is not passed on', async () => {
    const client = await RawClient.login(world.port, 'bank-db', 'token-alice', '', {
      options: '-c statement_timeout=4321 -c gw.auth=password',
      application_name: 'it\u00e9m',
    });
    expect(
      rowsOf(await client.run(query("SELECT current_setting('statement_timeout'), current_setting('gw.auth', true), current_setting('application_name')"))),
    ).toEqual([['4321ms', null, 'it\\xc3\\xa9m']]);
    client.close();
  });

  it.each([
    ['search_path', '-c search_path=pg_temp', '0A000'],
    ['an unknown way to log in', '-c gw.auth=kerberos', '0A000'],
    ['a flag of the server', '-B 5', '0A000'],
  ])('options with %s are refused before any credential is asked for', async (_name, options, sqlstate) => {
    const answer = await raw(world.port, startup({ user: 'bank-db', options }));
    expect(fields({ type: 'E', body: answer.subarray(5) })).toMatchObject({ S: 'FATAL', C: sqlstate });
  });

  it.each([
    ['no user', startup({ database: 'x' }), '08P01'],
    ['a database name of 64 bytes', startup({ user: 'bank-db', database: '\u00e9'.repeat(32) }), '08P01'],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n'), '08P01'],
    ['a length of 2 GB', Buffer.concat([int32(0x7fffffff), int32(196_608)]), '08P01'],
    ['protocol 2.0', Buffer.concat([int32(8), int32(0x20000)]), '08P01'],
  ])('%s is refused (D6)', async (_name, bytes, sqlstate) => {
    const answer = await raw(world.port, bytes);
    expect(fields({ type: 'E', body: answer.subarray(5) })).toMatchObject({ S: 'FATAL', C: sqlstate });
  });

  it.each([
    ['', 'postgres'],
    ['bank-db', 'postgres'],
    ['postgres', 'postgres'],
    ['template1', 'template1'],
  ])('dbname %j leads to %s', async (database, expected) => {
    const client = await RawClient.login(world.port, 'bank-db', 'token-alice', database);
    expect(rowsOf(await client.run(query('SELECT current_database()')))).toEqual([[expected]]);
    client.close();
  });

  it('dbname of a database that the target does not give access to', async () => {
    await expect(RawClient.login(world.port, 'bank-db', 'token-alice', 'template0')).rejects.toMatchObject({ fields: { S: 'FATAL', C: '28000' } });
  });
});

describe('a token as the password', () => {
  beforeAll(() => {
    world.refusals.set('late', new GwError('login.expired', 'The token has expired.'));
    world.refusals.set('nobody-home', new GwError('login.unavailable', 'The identity provider could not be reached.'));
  });

  it.each([
    ['wrong', 'bank-db', 'token-', '28P01', 'login.token_invalid'],
    ['of another case', 'bank-db', 'TOKEN-alice', '28P01', 'login.token_invalid'],
    ['with a trailing space', 'bank-db', 'token-alice ', '28P01', 'login.token_invalid'],
    ['expired', 'bank-db', 'late', '28P01', 'login.expired'],
    ['empty', 'bank-db', '', '28000', 'login.required'],
    ['that nobody can check', 'bank-db', 'nobody-home', '57P03', 'login.unavailable'],
    ['right, unknown target', 'ledger-db', 'token-alice', '3D000', 'target.unknown'],
    ['right, target in another case', 'BANK-DB', 'token-alice', '3D000', 'target.unknown'],
    ['right, forbidden target', 'bank-db', 'token-mallory', '28000', 'policy.connect_denied'],
  ])('%s', async (_name, target, token, sqlstate, code) => {
    const refusal = (await RawClient.login(world.port, target, token, '').catch((error: unknown) => error)) as { fields?: Record<string, string> };
    expect(refusal.fields).toMatchObject({ S: 'FATAL', V: 'FATAL', C: sqlstate, H: expect.stringContaining(`(${code})`) as string });
    expect(JSON.stringify(refusal.fields)).not.toContain(token === '' ? '127.0.0.1' : `"${token}"`);
  });

  it('a forbidden target says the rule and the way out', async () => {
    const refusal = (await RawClient.login(world.port, 'bank-db', 'token-mallory', '').catch((error: unknown) => error)) as { fields?: Record<string, string> };
    expect(refusal.fields).toMatchObject({
      M: expect.stringMatching(/bank-db: .*; Mallory stays outside\.$/) as string,
      D: expect.stringContaining('rule: test/no-mallory') as string,
      H: expect.stringContaining('Ask the owner.') as string,
    });
  });

  it.each([
    ['without its end', frame('p', 'token-alice'), 'invalid password packet'],
    ['with a NUL inside', frame('p', 'token-alice\0x\0'), 'invalid password packet'],
    ['of another type', query('SELECT 1'), 'expected password response'],
    ['with a length of 3', Buffer.concat([Buffer.from('p'), int32(3)]), 'invalid length of password packet'],
    ['with a length over the limit', Buffer.concat([Buffer.from('p'), int32(20_001)]), 'invalid length of password packet'],
    ['with a negative length', Buffer.concat([Buffer.from('p'), int32(-1)]), 'invalid length of password packet'],
  ])('a password message %s', async (_name, bytes, text) => {
    const client = await RawClient.open(world.port);
    client.send(startup({ user: 'bank-db' }));
    await client.next();
    client.send(bytes);
    const said = fields((await client.untilClosed()).at(-1) as Reply);
    expect(said).toMatchObject({ S: 'FATAL', C: '08P01' });
    expect(said['M']).toContain(text);
  });

  it('startup and password in single bytes, with the first statement right behind', async () => {
    const client = await RawClient.open(world.port);
    for (const byte of Buffer.concat([startup({ user: 'bank-db' }), frame('p', 'token-alice\0'), query('SELECT 41 + 1')]))
      client.socket.write(Buffer.from([byte]));
    const replies = await client.untilReady(2);
    expect(rowsOf(replies)).toEqual([['42']]);
    client.close();
  });

  it('inside a tunnel the user must be the target that the tunnel leads to', async () => {
    const secret = 'S'.repeat(43);
    const local = await LocalPort.open({
      gateway: { host: 'localhost', port: world.tlsPort ?? 0, ca: certificate.ca },
      port: 0,
      hello: () => Promise.resolve({ target: 'bank-db', token: 'token-alice', secret, reason: null, client: 'test' }),
    });
    const client = await RawClient.login(local.port, 'bank-db', secret, 'bank-db');
    expect(shape(await client.run(query('SELECT 1')))).toBe('T D C Z:I');
    client.close();
    await expect(RawClient.login(local.port, 'other-db', secret, '')).rejects.toMatchObject({ fields: { C: '3D000' } });
    await expect(RawClient.login(local.port, 'bank-db', 'token-alice', '')).rejects.toMatchObject({ fields: { C: '28P01' } });
    await local.close();
  });
});

describe('SASL OAUTHBEARER (RFC 7628)', () => {
  const initial = (data: string | null): Buffer => frame('p', 'OAUTHBEARER\0', data === null ? int32(-1) : int32(Buffer.byteLength(data)), data ?? '');
  const bearer = (token: string, header = 'n,,'): string => `${header}\u0001auth=Bearer ${token}\u0001\u0001`;
  const open = async (port = world.port, more: Record<string, string> = { options: '-c gw.auth=oauth' }): Promise<RawClient> => {
    const client = await RawClient.open(port);
    client.send(startup({ user: 'bank-db', ...more }));
    const offer = await client.next();
    expect([offer.type, offer.body.readInt32BE(0), offer.body.toString('latin1', 4)]).toEqual(['R', 10, 'OAUTHBEARER\0\0']);
    return client;
  };
  const discovery = { 'openid-configuration': 'https://issuer.example/.well-known/openid-configuration', scope: 'openid' };

  it.each([
    ['n', bearer('token-alice')],
    ['y: a client that could bind channels', bearer('token-alice', 'y,,')],
    ['scheme in lower case', bearer('token-alice').replace('Bearer', 'bearer')],
    ['several spaces', bearer('token-alice').replace('Bearer ', 'Bearer   ')],
    ['host and port besides', 'n,,\u0001host=gw.example\u0001port=5432\u0001auth=Bearer token-alice\u0001\u0001'],
  ])('a valid token logs in (%s)', async (_name, data) => {
    const client = await open();
    client.send(initial(data));
    expect((await client.untilReady()).at(-1)?.type).toBe('Z');
    expect(rowsOf(await client.run(query('SELECT 1')))).toEqual([['1']]);
    client.close();
  });

  it('without an initial response: an empty challenge, then the same', async () => {
    const client = await open();
    client.send(initial(null));
    const challenge = await client.next();
    expect([challenge.type, challenge.body.toString('hex')]).toEqual(['R', '0000000b']);
    client.send(frame('p', bearer('token-alice')));
    expect((await client.untilReady()).at(-1)?.type).toBe('Z');
    client.close();
  });

  it('an empty auth asks for the issuer, and is told; then the exchange fails (sections 3.2.2, 4.3)', async () => {
    const client = await open();
    client.send(initial('n,,\u0001auth=\u0001\u0001'));
    const answer = await client.next();
    expect(answer.body.readInt32BE(0)).toBe(11);
    expect(JSON.parse(answer.body.toString('utf8', 4))).toEqual({ status: 'invalid_token', ...discovery });
    client.send(frame('p', '\u0001'));
    expect(fields((await client.untilClosed())[0] as Reply)).toMatchObject({ S: 'FATAL', C: '28000' });
  });

  it.each([
    ['wrong', bearer('token-')],
    ['of a wrong shape', 'n,,\u0001auth=Bearer a b\u0001\u0001'],
    ['of another scheme', 'n,,\u0001auth=Basic eDp5\u0001\u0001'],
    ['missing behind the scheme', 'n,,\u0001auth=Bearer \u0001\u0001'],
  ])('a token that is %s: the status first, then FATAL', async (_name, data) => {
    const client = await open();
    client.send(initial(data), frame('p', '\u0001'));
    const [status, fatal] = await client.untilClosed();
    expect(JSON.parse(status?.body.toString('utf8', 4) ?? '')).toEqual({ status: 'invalid_token', ...discovery });
    expect(fields(fatal as Reply)).toMatchObject({ S: 'FATAL', C: '28P01' });
  });

  it('a refusal by policy is no matter of the token', async () => {
    const client = await open();
    client.send(initial(bearer('token-mallory')));
    const replies = await client.untilClosed();
    expect(replies).toHaveLength(1);
    expect(fields(replies[0] as Reply)).toMatchObject({ S: 'FATAL', C: '28000' });
  });

  it.each([
    ['another mechanism', frame('p', 'SCRAM-SHA-256\0', int32(5), 'n,,n=')],
    ['no mechanism', frame('p')],
    ['a mechanism without its end', frame('p', 'OAUTHBEARER')],
    ['a mechanism and nothing else', frame('p', 'OAUTHBEARER\0')],
    ['a length that lies', frame('p', 'OAUTHBEARER\0', int32(4), bearer('token-alice'))],
    ['a negative length', frame('p', 'OAUTHBEARER\0', int32(-5), bearer('token-alice'))],
    ['channel binding', initial(bearer('token-alice', 'p=tls-exporter,,'))],
    ['another identity to act as', initial(bearer('token-alice', 'n,a=bob,'))],
    ['no header', initial(bearer('token-alice', ''))],
    ['no auth', initial('n,,\u0001host=x\u0001\u0001')],
    ['two auths', initial('n,,\u0001auth=Bearer token-alice\u0001auth=Bearer token-bob\u0001\u0001')],
    ['an empty part', initial('n,,\u0001\u0001auth=Bearer token-alice\u0001\u0001')],
    ['a part without a value', initial('n,,\u0001auth\u0001\u0001')],
    ['no end', initial('n,,\u0001auth=Bearer token-alice\u0001')],
    ['words behind the end', initial(`${bearer('token-alice')}x`)],
    ['a NUL', initial('n,,\u0001auth=Bearer token-alice\0\u0001\u0001')],
  ])('a malformed message: %s', async (_name, bytes) => {
    const client = await open();
    client.send(bytes);
    const replies = await client.untilClosed();
    expect(replies).toHaveLength(1);
    expect(fields(replies[0] as Reply)).toMatchObject({ S: 'FATAL', C: '08P01' });
  });

  it('a port may ask for it by itself; the client may still ask for a password there', async () => {
    const client = await open(strict.oauthPort, {});
    client.send(initial(bearer('token-alice')));
    expect((await client.untilReady()).at(-1)?.type).toBe('Z');
    client.close();
    const other = await RawClient.login(strict.oauthPort, 'bank-db', 'token-alice', '', { options: '-c gw.auth=password' });
    expect(shape(await other.run(query('SELECT 1')))).toBe('T D C Z:I');
    other.close();
  });
});

describe('the words of a refusal', () => {
  it('every error has a SQLSTATE of its class; XX000 stays for what is a fault of gw', () => {
    const unexpected = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => {
      const sqlstate = fields({ type: 'E', body: refuse(new GwError(code, 'x'), 'FATAL').subarray(5) })['C'] ?? '';
      return !/^[0-9A-Z]{5}$/.test(sqlstate) || (sqlstate === 'XX000') !== NOT_ON_THE_WIRE.has(code);
    });
    expect(unexpected).toEqual([]);
  });

  it('text from elsewhere cannot forge a field', () => {
    const said = fields({ type: 'E', body: refuse(new GwError('target.unknown', 'a\0C00000\0Mgood'), 'FATAL').subarray(5) });
    expect(said).toMatchObject({ C: '3D000', M: 'a C00000 Mgood' });
  });
});

/** What no session can end with: commands, the API and the start of the gateway. */
const NOT_ON_THE_WIRE = new Set<ErrorCode>([
  ...(Object.keys(ERRORS) as ErrorCode[]).filter((code) => /^(?:usage|api|subject|client|quickstart|audit|record|hold|sink|evidence)\./.test(code)),
  'recording.upload',
  'recording.local',
  'recording.key',
  'policy.invalid',
  'policy.unknown',
  'login.store',
  'session.unknown',
  'approval.unknown',
  'approval.not_yours',
  'approval.confirm',
  'gateway.unreachable',
  'gateway.untrusted',
  'gateway.listen',
  'gateway.start',
  'store.schema',
  'store.start',
  'store.in_use',
  'internal.error',
]);
