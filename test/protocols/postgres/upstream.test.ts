/** Login towards a real server: every method with its wrong twin, every TLS mode with its wrong twin, and what a hostile server is not given. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Logger, silentLogger } from '../../../src/base/logger.js';
import { startPathWorld } from '../../support/path-world.js';
import { frame, int32, query, RawClient, rowsOf } from '../../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../../support/real-postgres.js';
import { type TestCertificate, testCertificate } from '../../support/test-certificate.js';
import { startTlsRelay } from '../../support/tls-relay.js';

const LOCAL = '127.0.0.1/32';
const HBA = [
  `host all owner ${LOCAL} scram-sha-256`,
  `hostssl all tlsonly ${LOCAL} scram-sha-256`,
  `host all scram ${LOCAL} scram-sha-256`,
  `host all unicode ${LOCAL} scram-sha-256`,
  `host all mapped ${LOCAL} scram-sha-256`,
  `host all hashed ${LOCAL} md5`,
  `host all clear ${LOCAL} password`,
  `host all trusted ${LOCAL} trust`,
  `host all forbidden ${LOCAL} reject`,
];
/** NFKC and SASLprep change both: `ª` becomes `a`, the ligature two letters; the soft hyphen and the wide space are SASLprep's alone. */
const UNICODE = 'pä\u00aa\ufb01-wört';
const MAPPED = 'a\u00adb\u3000c\u00a0d';

let certificate: TestCertificate;
let stranger: TestCertificate;
let server: RealPostgres;
let plain: RealPostgres;
let dir: string;
let ca: string;
let strangerCa: string;

beforeAll(async () => {
  [certificate, stranger] = [await testCertificate(), await testCertificate()];
  dir = await mkdtemp(join(tmpdir(), 'gw-upstream-'));
  ca = join(dir, 'ca.pem');
  strangerCa = join(dir, 'stranger.pem');
  await writeFile(ca, certificate.ca);
  await writeFile(strangerCa, stranger.ca);
  server = await startRealPostgres('18', {}, HBA, { certificate: certificate.cert, key: certificate.key });
  plain = await startRealPostgres('18');
  await plain.sql("CREATE ROLE scram LOGIN PASSWORD 'right'");
  await server.sql(
    ['scram', 'tlsonly', 'clear', 'trusted', 'forbidden'].map((name) => `CREATE ROLE ${name} LOGIN PASSWORD 'right';`).join('') +
      `CREATE ROLE unicode LOGIN PASSWORD '${UNICODE}'; CREATE ROLE mapped LOGIN PASSWORD '${MAPPED}';` +
      `SET password_encryption = md5; CREATE ROLE hashed LOGIN PASSWORD 'right'`,
  );
  await server.sql('CREATE DATABASE second');
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await plain?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

interface Attempt {
  readonly user: string;
  readonly password?: string | null;
  readonly tls?: Record<string, unknown>;
  readonly database?: string;
  readonly asked?: string;
  readonly options?: Record<string, unknown>;
  readonly port?: number;
}

interface Result {
  /** What the session's first statement gave, or the fields of the refusal. */
  readonly user: string | null;
  readonly refusal: Record<string, string> | null;
  /** Messages of all causes in the log. */
  readonly causes: string;
}

/** One session through the path to the server, with this credential and these options. */
async function reach({
  user,
  password = 'right',
  tls = { mode: 'disable' },
  database = 'postgres',
  asked = '',
  options = {},
  port = server.port,
}: Attempt): Promise<Result> {
  const causes: string[] = [];
  const warn: Logger['warn'] = (fields) => {
    for (let at = (fields as { err?: unknown }).err; at instanceof Error; at = at.cause) causes.push(at.message);
  };
  await using world = await startPathWorld({
    server: { port, username: user, password, database },
    options: { tls, ...options },
    logger: { ...silentLogger, warn },
  });
  try {
    const client = await RawClient.login(world.port, 'bank-db', 'token-alice', asked);
    const rows = rowsOf(await client.run(query('SELECT current_user')));
    client.close();
    return { user: rows[0]?.[0] ?? null, refusal: null, causes: causes.join('\n') };
  } catch (error) {
    const { fields } = error as { fields?: Record<string, string> };
    if (fields === undefined) throw error;
    // Nothing of the gateway's side of the world may reach the client.
    const said = JSON.stringify(fields);
    for (const secret of ['127.0.0.1', String(port), user, password ?? 'right', dir]) expect(said).not.toContain(secret);
    return { user: null, refusal: fields, causes: causes.join('\n') };
  }
}

const TLS = { mode: 'require' };

describe('methods', () => {
  it.each([
    ['SCRAM-SHA-256', { user: 'scram' }],
    ['SCRAM-SHA-256-PLUS', { user: 'tlsonly', tls: TLS }],
    ['SCRAM with a password that SASLprep folds (RFC 4013)', { user: 'unicode', password: UNICODE }],
    ['SCRAM with a password that NFKC folds to the same', { user: 'unicode', password: UNICODE.normalize('NFKC') }],
    ['SCRAM with characters that SASLprep maps to a space and to nothing', { user: 'mapped', password: MAPPED }],
    ['md5', { user: 'hashed' }],
    ['md5 over TLS', { user: 'hashed', tls: TLS }],
    ['cleartext over TLS', { user: 'clear', tls: TLS }],
    ['trust', { user: 'trusted' }],
    ['trust without a password', { user: 'trusted', password: null }],
  ] as [string, Attempt][])('%s', async (_name, attempt) => {
    expect(await reach(attempt)).toMatchObject({ user: attempt.user, refusal: null });
  });

  it.each([
    ['SCRAM-SHA-256', { user: 'scram', password: 'wrong' }],
    ['SCRAM-SHA-256-PLUS', { user: 'tlsonly', password: 'wrong', tls: TLS }],
    ['an unknown account', { user: 'nobody_here', password: 'wrong' }],
    ['md5', { user: 'hashed', password: 'wrong' }],
    ['cleartext over TLS', { user: 'clear', password: 'wrong', tls: TLS }],
    ['an account that the server turns away', { user: 'forbidden' }],
  ] as [string, Attempt][])('%s: a wrong credential is refused, and only the log says how', async (_name, attempt) => {
    const result = await reach(attempt);
    expect(result.refusal).toMatchObject({ S: 'FATAL', C: '08001', M: "The target refused the gateway's credential." });
    expect(result.causes).toContain(attempt.user);
  });

  it.each([{ user: 'scram' }, { user: 'hashed' }, { user: 'clear', tls: TLS }])('no password configured where one is asked for: %j', async (attempt) => {
    const { refusal } = await reach({ ...attempt, password: null });
    expect(refusal).toMatchObject({ C: '08001', M: 'The target asks for a password, and none is configured.' });
  });
});

describe('SCRAM channel binding (RFC 5929, redteam 6c)', () => {
  it('chooses -PLUS over TLS: an observer with the server key sees it', async () => {
    await using relay = await startTlsRelay(server.port, certificate);
    expect(await reach({ user: 'tlsonly', tls: TLS, port: relay.port })).toMatchObject({ user: 'tlsonly' });
    expect(relay.up()).toContain('SCRAM-SHA-256-PLUS\0');
    expect(relay.up()).toContain('p=tls-server-end-point,,n=,r=');
  });

  it('a man in the middle with another certificate does not get through', async () => {
    await using relay = await startTlsRelay(server.port, stranger);
    const { refusal } = await reach({ user: 'tlsonly', tls: TLS, port: relay.port });
    expect(refusal).toMatchObject({ C: '08001', M: "The target refused the gateway's credential." });
  });

  it('nor when he hides -PLUS from the offer: the server sees the y flag', async () => {
    const strip = (chunk: Buffer): Buffer => {
      const both = Buffer.from('SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0');
      return chunk.includes(both) ? frame('R', int32(10), 'SCRAM-SHA-256\0\0') : chunk;
    };
    await using relay = await startTlsRelay(server.port, stranger, strip);
    const result = await reach({ user: 'tlsonly', tls: TLS, port: relay.port });
    expect(relay.up()).toContain('y,,n=,r=');
    expect(result.refusal).toMatchObject({ C: '08001' });
    expect(result.causes).toContain('channel binding');
  });

  it('without TLS there is none, and the client says so', async () => {
    await using observer = await observe(plain.port);
    expect(await reach({ user: 'scram', port: observer.port })).toMatchObject({ user: 'scram' });
    expect(observer.up()).toContain('n,,n=,r=');
  });
});

describe('TLS modes', () => {
  const full = (more: object = {}): Record<string, unknown> => ({ mode: 'verify-full', ca, ...more });

  it.each([
    ['disable', { mode: 'disable' }],
    ['require takes any certificate', { mode: 'require' }],
    ['verify-ca', { mode: 'verify-ca' }],
    ['verify-ca takes any name', { mode: 'verify-ca', servername: 'db.other.example' }],
    ['verify-full by the address', { mode: 'verify-full' }],
    ['verify-full by servername', { mode: 'verify-full', servername: 'localhost' }],
  ] as [string, Record<string, unknown>][])('%s', async (_name, tls) => {
    expect(await reach({ user: 'scram', tls: { ca, ...tls } })).toMatchObject({ user: 'scram' });
  });

  it.each([
    ['verify-ca with an authority that did not sign', () => ({ mode: 'verify-ca', ca: strangerCa }), "The target's certificate is not trusted"],
    ['verify-full with an authority that did not sign', () => full({ ca: strangerCa }), "The target's certificate is not trusted"],
    ["verify-full with the system's authorities", () => ({ mode: 'verify-full' }), "The target's certificate is not trusted"],
    ['verify-full with another name', () => full({ servername: 'db.other.example' }), "The target's certificate does not name the host"],
  ] as [string, () => Record<string, unknown>, string][])('refuses %s', async (_name, tls, message) => {
    const result = await reach({ user: 'scram', tls: tls() });
    expect(result.refusal).toMatchObject({ S: 'FATAL', C: '08001' });
    expect(result.refusal?.['M']).toContain(message);
    expect(result.causes).not.toBe('');
  });

  it.each(['require', 'verify-ca', 'verify-full'])('%s refuses a server without TLS, and sends it nothing else', async (mode) => {
    await using observer = await observe(plain.port);
    const { refusal } = await reach({ user: 'scram', port: observer.port, tls: { mode, ca } });
    expect(refusal).toMatchObject({ C: '08001', M: 'The target does not speak TLS, and its configuration demands it.' });
    expect(observer.up()).toHaveLength(8);
  });

  it('disable is refused by a server that demands TLS', async () => {
    expect((await reach({ user: 'tlsonly' })).refusal).toMatchObject({ C: '08001' });
  });
});

describe('databases', () => {
  it.each([
    ['the configured one', { database: 'second' }, '', 'second'],
    ['the configured one when the client names the target', { database: 'second' }, 'bank-db', 'second'],
    ['one of the list', { databases: ['second'] }, 'second', 'second'],
    ['any, with a star', { databases: ['*'] }, 'second', 'second'],
  ] as [string, Record<string, unknown>, string, string][])('%s', async (_name, options, asked, expected) => {
    const { username, password } = server;
    await using world = await startPathWorld({ server: { port: server.port, username, password, database: 'postgres' }, options });
    const client = await RawClient.login(world.port, 'bank-db', 'token-alice', asked);
    expect(rowsOf(await client.run(query('SELECT current_database()')))).toEqual([[expected]]);
    client.close();
  });

  it('one that is not on the list is refused before the target is spoken to', async () => {
    await using observer = await observe(server.port);
    const result = await reach({ user: 'scram', asked: 'second', options: { databases: ['third'] }, port: observer.port });
    expect(result.refusal).toMatchObject({ C: '28000', M: 'The target bank-db does not give access to the database "second".' });
    expect(observer.up()).toBe('');
  });

  it('one that the server does not have', async () => {
    expect((await reach({ user: 'scram', database: 'missing' })).refusal).toMatchObject({ C: '08001', M: 'The target has no database of this name.' });
  });
});

describe('what may go wrong, said without saying where', () => {
  it('the target is down', async () => {
    const listener = net.createServer();
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as net.AddressInfo;
    listener.close();
    await once(listener, 'close');
    const result = await reach({ user: 'scram', port });
    expect(result.refusal).toMatchObject({ C: '08001', M: 'The target "bank-db" could not be reached: the connection was refused.' });
    expect(result.causes).toContain(String(port));
  });

  it('the account may not log in, the words of the server only in the log', async () => {
    await server.sql('ALTER ROLE trusted NOLOGIN');
    const result = await reach({ user: 'trusted' });
    await server.sql('ALTER ROLE trusted LOGIN');
    expect(result.refusal).toMatchObject({ C: '08001' });
    expect(result.causes).toContain('not permitted to log in');
  });
});

describe('a hostile server (D24)', () => {
  const ok = frame('R', int32(0));
  const sasl = (list: string): Buffer => frame('R', int32(10), list);
  it.each([
    ['asks for the password in the clear on a plain connection', [frame('R', int32(3))], 'target.credential'],
    ['ends SCRAM before proving itself', [sasl('SCRAM-SHA-256\0\0'), ok], 'target.protocol'],
    ['continues a SCRAM that never began', [frame('R', int32(11), 'r=x,s=eA==,i=1')], 'target.credential'],
    ['offers only mechanisms unknown here', [sasl('PLAIN\0\0')], 'target.credential'],
    ['asks for Kerberos', [frame('R', int32(7))], 'target.credential'],
    ['sends a truncated authentication request', [frame('R', Buffer.from([0, 0]))], 'target.protocol'],
    ['sends rows before the login', [frame('D', Buffer.from([0, 0]))], 'target.protocol'],
    ['claims an impossible length', [Buffer.from([0x52, 0xff, 0xff, 0xff, 0xff])], 'target.protocol'],
    ['claims a length under four', [Buffer.from([0x52, 0, 0, 0, 0])], 'target.protocol'],
    ['never comes to an end', [Buffer.concat(Array.from({ length: 1_100 }, () => frame('N', 'SNOTICE\0\0')))], 'target.protocol'],
    ['greets without end', [ok, Buffer.concat(Array.from({ length: 40 }, () => frame('S', 'x\0', 'y'.repeat(60_000), '\0')))], 'target.protocol'],
    ['turns standard_conforming_strings off', [ok, frame('S', 'standard_conforming_strings\0off\0')], 'target.protocol'],
    ['speaks another encoding', [ok, frame('S', 'client_encoding\0SJIS\0')], 'target.protocol'],
    ['gives a cancel key of 1,000 bytes', [ok, frame('K', Buffer.alloc(1_000))], 'target.protocol'],
    ['fails in words without a SQLSTATE', [frame('E', 'SFATAL\0Mat 10.1.2.3\0\0')], 'target.unreachable'],
    ['fails in words that end nowhere', [frame('E', 'SFATAL')], 'target.unreachable'],
    ['closes in the middle', [Buffer.from([0x52, 0, 0])], 'target.unreachable'],
  ] as [string, Buffer[], string][])('%s', async (_name, messages, code) => {
    const heard: Buffer[] = [];
    const listener = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => {
        heard.push(chunk);
        if (heard.length > 1) return;
        socket.write(Buffer.concat(messages));
        if (messages[0]?.length === 3) socket.end();
      });
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { refusal } = await reach({ user: 'scram', password: 'open-sesame', port: (listener.address() as net.AddressInfo).port });
    listener.close();
    expect(refusal?.['H']).toContain(`(${code})`);
    expect(JSON.stringify(refusal)).not.toContain('10.1.2.3');
    expect(Buffer.concat(heard).toString('latin1')).not.toContain('open-sesame');
  });

  it('sends words of its own behind the TLS answer (CVE-2021-23222, D23)', async () => {
    const listener = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write(Buffer.concat([Buffer.from('S'), frame('R', int32(0))])));
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { refusal } = await reach({ user: 'scram', tls: TLS, port: (listener.address() as net.AddressInfo).port });
    listener.close();
    expect(refusal?.['H']).toContain('(target.protocol)');
  });
});

/** A plain relay that shows what went up. */
async function observe(serverPort: number): Promise<{ readonly port: number; up(): string } & AsyncDisposable> {
  const seen: Buffer[] = [];
  const listener = net.createServer((client) => {
    const upstream = net.connect(serverPort, '127.0.0.1');
    client.on('data', (chunk: Buffer) => seen.push(chunk));
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    client.on('close', () => upstream.destroy());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as net.AddressInfo).port,
    up: () => Buffer.concat(seen).toString('latin1'),
    [Symbol.asyncDispose]: async () => {
      const closed = once(listener, 'close');
      listener.close();
      await closed;
    },
  };
}
