/** Every message split at every byte, and cut at every byte, in both directions: the stream of a real server, recorded and played again. */
import { once } from 'node:events';
import * as net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RecordedOperation, readSession } from '../../../../src/recording/index.js';
import { type PathWorld, startPathWorld } from '../../../support/path-world.js';
import { bind, close, describe as describeMessage, execute, flush, frame, parse, query, RawClient, type Reply, sync } from '../../../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../../../support/real-postgres.js';
import { greeting, type StubServer, startStubServer, until } from './stub-server.js';

/** Rows, a notice, an error, parameter status, COPY out, the extended protocol with a row limit, an empty query, a notification, no data, a close. */
const SCRIPT = Buffer.concat([
  query('SELECT 1 AS a, NULL AS b'),
  query('DROP TABLE IF EXISTS nowhere'),
  query('SELECT 1/0'),
  query("SET application_name = 'split'"),
  query('COPY (SELECT generate_series(1, 2)) TO STDOUT'),
  parse('s', 'SELECT generate_series(1, 3)'),
  describeMessage('S', 's'),
  bind('', 's'),
  execute('', 2),
  execute('', 2),
  sync(),
  query(''),
  query('LISTEN split'),
  query("NOTIFY split, 'told'"),
  parse('', 'SET work_mem = 4096'),
  bind('', ''),
  describeMessage('P', ''),
  execute(''),
  close('S', 's'),
  flush(),
  sync(),
]);
const READY = 10;
const OPERATIONS = 10;

let server: RealPostgres;
let transcript: Buffer;
beforeAll(async () => {
  server = await startRealPostgres('18');
  const client = await RawClient.login(server.port, server.username, server.password, server.database);
  client.send(SCRIPT);
  const replies = await client.untilReady(READY);
  transcript = Buffer.concat(replies.map(({ type, body }: Reply) => frame(type, body)));
  client.close();
}, 120_000);
afterAll(() => server?.[Symbol.asyncDispose]());

/** Plays `pieces` when the whole script came. */
async function player(pieces: { list: Buffer[]; cut: boolean }): Promise<StubServer> {
  let started = 0;
  return startStubServer({
    onStartup: ({ socket }) => socket.write(greeting()),
    onMessage: ({ socket, messages }) => {
      if (messages.length !== SCRIPT_MESSAGES) return;
      started++;
      void (async () => {
        for (const piece of pieces.list) {
          socket.write(piece);
          // The next piece is another read at the gateway.
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        if (pieces.cut) socket.destroy();
      })();
      expect(started).toBeGreaterThan(0);
    },
  });
}
const SCRIPT_MESSAGES = 21;

const login = (world: PathWorld): Promise<RawClient> => RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');

async function recorded(world: PathWorld, session: string): Promise<{ operations: RecordedOperation[]; intact: boolean }> {
  const operations: RecordedOperation[] = [];
  let intact = false;
  for await (const item of readSession(world.journalDir, world.bootId, session)) {
    if (item.kind === 'operation') operations.push(item.operation);
    if (item.kind === 'integrity') intact = item.intact;
  }
  return { operations: operations.sort((a, b) => a.sequence - b.sequence), intact };
}

describe('from the target', () => {
  it('split at every byte, the client gets identical bytes', async () => {
    const pieces = { list: [] as Buffer[], cut: false };
    await using stub = await player(pieces);
    await using world = await startPathWorld({ server: stub });
    for (let at = 1; at < transcript.length; at++) {
      pieces.list = [transcript.subarray(0, at), transcript.subarray(at)];
      const client = await login(world);
      client.send(SCRIPT);
      const replies = await client.untilReady(READY);
      expect([at, Buffer.concat(replies.map(({ type, body }) => frame(type, body))).equals(transcript)]).toEqual([at, true]);
      client.close();
    }
    pieces.list = Array.from(transcript, (byte) => Buffer.from([byte]));
    const client = await login(world);
    client.send(SCRIPT);
    const replies = await client.untilReady(READY);
    expect(Buffer.concat(replies.map(({ type, body }) => frame(type, body))).equals(transcript)).toBe(true);
    client.close();
    await until(() => world.path.live.count() === 0);
  });

  it('cut at every byte, the client gets a beginning of the stream, and each operation has an outcome', async () => {
    const pieces = { list: [] as Buffer[], cut: true };
    await using stub = await player(pieces);
    await using world = await startPathWorld({ server: stub });
    for (let at = 0; at < transcript.length; at++) {
      pieces.list = at === 0 ? [] : [transcript.subarray(0, at)];
      const client = await login(world);
      const chunks: Buffer[] = [];
      client.socket.removeAllListeners('data');
      client.socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      client.send(SCRIPT);
      if (!client.ended) await once(client.socket, 'close');
      const got = Buffer.concat(chunks);
      expect([at, transcript.subarray(0, got.length).equals(got), got.length <= at]).toEqual([at, true, true]);
    }
    await until(() => world.path.live.count() === 0 && stub.open() === 0);
    for (const [at, session] of world.sessions.entries()) {
      if (at % 7 !== 0 && at !== world.sessions.length - 1) continue;
      const { operations, intact } = await recorded(world, session);
      expect([at, intact, operations.length]).toEqual([at, true, OPERATIONS]);
      for (const { outcome } of operations) expect(['ok', 'error', 'lost']).toContain(outcome?.status);
      if (at === 0) expect(operations.every(({ outcome }) => outcome?.status === 'lost')).toBe(true);
    }
  });
});

describe('the login of the target', () => {
  /** As a server of PostgreSQL 18 says it after the startup packet, a notice before the end included. */
  const words = Buffer.concat([
    frame('R', Buffer.from([0, 0, 0, 0])),
    frame('N', 'SNOTICE\0VNOTICE\0C00000\0Mwelcome\0\0'),
    frame('S', 'client_encoding\0UTF8\0'),
    frame('S', 'standard_conforming_strings\0on\0'),
    frame('S', 'server_version\x0018.1\0'),
    frame('K', Buffer.from([0, 0, 0, 7, 0, 0, 0, 9])),
    frame('Z', 'I'),
  ]);
  const inPieces = (pieces: { list: Buffer[]; cut: boolean }): Promise<StubServer> =>
    startStubServer({
      onStartup: ({ socket }) => {
        void (async () => {
          for (const piece of pieces.list) {
            socket.write(piece);
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
          if (pieces.cut) socket.destroy();
        })();
      },
    });

  it('split at every byte is the same login', async () => {
    const pieces = { list: [words], cut: false };
    await using stub = await inPieces(pieces);
    await using world = await startPathWorld({ server: stub });
    const greeted = async (): Promise<string[]> => {
      const client = await login(world);
      client.close();
      // The gateway's own cancel key is another one each time.
      return client.greeting.filter(({ type }) => type !== 'K').map(({ type, body }) => `${type} ${body.toString('latin1')}`);
    };
    const expected = await greeted();
    expect(expected.join()).toContain('server_version');
    for (let at = 1; at < words.length; at++) {
      pieces.list = [words.subarray(0, at), words.subarray(at)];
      expect([at, await greeted()]).toEqual([at, expected]);
    }
    await until(() => world.path.live.count() === 0 && stub.open() === 0);
  });

  it('cut at every byte is told to the client, and leaves nothing behind', async () => {
    const pieces = { list: [] as Buffer[], cut: true };
    await using stub = await inPieces(pieces);
    await using world = await startPathWorld({ server: stub });
    for (let at = 0; at < words.length; at++) {
      pieces.list = at === 0 ? [] : [words.subarray(0, at)];
      await expect(login(world), `cut at ${at}`).rejects.toMatchObject({ fields: { S: 'FATAL' } });
    }
    await until(() => world.path.preLogin === 0 && world.path.live.count() === 0 && stub.open() === 0);
  });
});

describe('from the client', () => {
  it('cut at every byte, the session ends at the server too, and what went up has an outcome', async () => {
    await using world = await startPathWorld({ server });
    for (let at = 0; at < SCRIPT.length; at++) {
      const client = await login(world);
      client.socket.resume();
      if (at % 2 === 0) client.socket.end(SCRIPT.subarray(0, at));
      else client.socket.write(SCRIPT.subarray(0, at), () => client.socket.destroy());
      if (!client.ended) await once(client.socket, 'close');
    }
    await until(() => world.path.live.count() === 0 && world.path.preLogin === 0);
    const watcher = await RawClient.login(server.port, server.username, server.password, server.database);
    const others = async (): Promise<string> => {
      const [row] = (
        await watcher.run(query("SELECT count(*)::text FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"))
      ).filter(({ type }) => type === 'D');
      return row?.body.toString('utf8', 6) ?? '';
    };
    while ((await others()) !== '0');
    watcher.close();
    for (const session of world.sessions.filter((_, index) => index % 5 === 0)) {
      const { operations, intact } = await recorded(world, session);
      expect(intact).toBe(true);
      for (const { outcome } of operations) expect(outcome).not.toBeNull();
    }
  });

  it('a login cut at every byte leaves nothing behind', async () => {
    await using stub = await startStubServer();
    await using world = await startPathWorld({ server: stub });
    const bytes = Buffer.concat([Buffer.from([0, 0, 0, 37, 0, 3, 0, 0]), Buffer.from('user\0bank-db\0database\0xy\0\0\0\0'), frame('p', 'token-alice\0')]);
    bytes.writeUInt32BE(8 + 'user\0bank-db\0database\0xy\0\0'.length, 0);
    const login = Buffer.concat([bytes.subarray(0, bytes.readUInt32BE(0)), frame('p', 'token-alice\0')]);
    for (let at = 0; at <= login.length; at++) {
      const socket = net.connect(world.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      socket.end(login.subarray(0, at));
      await once(socket, 'close');
    }
    await until(() => world.path.preLogin === 0 && world.path.live.count() === 0 && stub.open() === 0);
  });
});
