/** Bulk: exact bytes, constant memory, and reused read memory that never shows one session to another. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { startStubServer, until } from '../protocols/postgres/hostile/stub-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { frame, query, RawClient, rowsOf, shape } from '../support/raw-client.js';
import { startRealPostgres } from '../support/real-postgres.js';
import { BulkCheck, bulkQuery, bulkRows, bulkStub } from './bulk-stub.js';

const MB = 1_000_000;
const login = (world: PathWorld): Promise<RawClient> => RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');

/** The client from now on checks what comes instead of parsing and keeping it. */
function check(client: RawClient, pattern: string, rows: number): BulkCheck & { failure: unknown } {
  const checker = Object.assign(new BulkCheck(pattern, rows), { failure: null as unknown });
  client.socket.removeAllListeners('data');
  client.socket.on('data', (chunk: Buffer) => {
    try {
      checker.take(chunk);
    } catch (error) {
      checker.failure ??= error;
    }
  });
  return checker;
}

const memory = (): number => {
  const { rss } = process.memoryUsage();
  return rss;
};

async function settled(value: () => number): Promise<number> {
  let last = -1;
  while (last !== value()) {
    last = value();
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  return last;
}

describe.each(['batch', 'strict', 'full'] as const)('%s', (durability) => {
  it('500 MB reach the client byte for byte', async () => {
    const bulk = bulkStub();
    await using stub = await startStubServer(bulk.options);
    await using world = await startPathWorld({ server: stub, durability });
    const client = await login(world);
    const rows = bulkRows(500 * MB);
    const checker = check(client, 'k', rows);
    client.send(query(bulkQuery('k', rows)));
    await until(() => checker.done || checker.failure !== null);
    expect(checker.failure).toBeNull();
    expect(checker.received).toBeGreaterThan(500 * MB);
    client.close();
    await until(() => world.path.live.count() === 0);
  });

  it('a client that reads nothing while the target sends 300 MB costs constant memory and nobody else; then it reads all', async () => {
    const bulk = bulkStub();
    await using stub = await startStubServer(bulk.options);
    await using world = await startPathWorld({ server: stub, durability });
    const client = await login(world);
    const other = await login(world);
    const rows = bulkRows(300 * MB);
    const checker = check(client, 's', rows);
    client.socket.pause();
    const before = memory();
    client.send(query(bulkQuery('s', rows)));
    await until(() => bulk.sent() > 0);
    const stalledAt = await settled(bulk.sent);
    // The target is held back by the client: kernel buffers of four socket ends and two bulk reads, not the result.
    expect(stalledAt).toBeLessThan(60 * MB);
    expect(memory() - before).toBeLessThan(80 * MB);
    const replies = await other.run(query(bulkQuery('o', 128)));
    expect(rowsOf(replies).length).toBe(128);
    client.socket.resume();
    await until(() => checker.done || checker.failure !== null);
    expect(checker.failure).toBeNull();
    client.close();
    other.close();
  });

  it('a target that does not read holds the client of a COPY back; then it gets every byte', async () => {
    const bulk = bulkStub();
    await using stub = await startStubServer(bulk.options);
    await using world = await startPathWorld({ server: stub, durability });
    const client = await login(world);
    const other = await login(world);
    bulk.hold(true);
    client.send(query('COPY t FROM STDIN'));
    expect((await client.next()).type).toBe('G');
    const piece = frame('d', 'z'.repeat(64_000));
    const total = Math.ceil((200 * MB) / piece.length);
    let written = 0;
    const before = memory();
    const more = (): void => {
      while (written < total) {
        written++;
        if (!client.socket.write(piece)) {
          client.socket.once('drain', more);
          return;
        }
      }
      client.socket.write(frame('c'));
    };
    more();
    const stalledAt = await settled(() => written);
    expect(stalledAt * piece.length).toBeLessThan(60 * MB);
    expect(memory() - before).toBeLessThan(80 * MB);
    expect(shape(await other.run(query(bulkQuery('o', 128)))).endsWith('C Z:I')).toBe(true);
    bulk.hold(false);
    expect(shape(await client.untilReady())).toBe('C Z:I');
    expect(bulk.taken()).toBe(total * 64_000);
    client.close();
    other.close();
  });
});

describe('reused read memory', () => {
  it('shows no session bytes of another, while sessions in bulk come, stall, break off and go', async () => {
    const bulk = bulkStub();
    await using stub = await startStubServer({ ...bulk.options });
    await using world = await startPathWorld({ server: stub, resultCap: 10_000 });
    const failures: unknown[] = [];
    let stop = false;
    /** Reads all of its rows again and again, with pauses, and finds its own bytes only. */
    const reader = async (pattern: string): Promise<void> => {
      while (!stop) {
        const client = await login(world);
        const rows = bulkRows(30 * MB);
        const checker = check(client, pattern, rows);
        client.send(query(bulkQuery(pattern, rows)));
        while (!checker.done && checker.failure === null) {
          client.socket.pause();
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 6));
          client.socket.resume();
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 6));
        }
        if (checker.failure !== null) failures.push([pattern, checker.failure]);
        client.close();
      }
    };
    /** Leaves in the middle of its bulk, while its target goes on sending. */
    const leaver = async (pattern: string): Promise<void> => {
      for (let i = 0; i < 60; i++) {
        const client = await login(world);
        const checker = check(client, pattern, bulkRows(100 * MB));
        client.send(query(bulkQuery(pattern, bulkRows(100 * MB))));
        await until(() => checker.received > 2 * MB);
        if (checker.failure !== null) failures.push([pattern, checker.failure]);
        if (i % 2 === 0) client.close();
        else {
          // Half a session: the client's way up ends, its reader is slow.
          client.socket.pause();
          client.socket.end();
          setTimeout(() => client.close(), 50);
        }
      }
    };
    const readers = ['a', 'b', 'c', 'd'].map(reader);
    await Promise.all(['X', 'Y', 'Z'].map(leaver));
    stop = true;
    await Promise.all(readers);
    expect(failures).toEqual([]);
    await until(() => world.path.live.count() === 0);
  });

  it('keeps the bytes of a real server in order (COPY of 200 MB, digest direct and through)', async () => {
    await using server = await startRealPostgres('18');
    await using world = await startPathWorld({ server });
    const text = 'COPY (SELECT i, md5(i::text), repeat(chr(97 + i % 26), i % 3000) FROM generate_series(1, 130000) i) TO STDOUT';
    const digest = async (client: RawClient): Promise<string> => {
      const hash = createHash('sha256');
      let size = 0;
      let tail = Buffer.alloc(0);
      client.socket.removeAllListeners('data');
      const done = new Promise<void>((resolve) =>
        client.socket.on('data', (chunk: Buffer) => {
          hash.update(chunk);
          size += chunk.length;
          tail = Buffer.concat([tail, chunk]).subarray(-6);
          if (tail.equals(Buffer.from([0x5a, 0, 0, 0, 5, 0x49]))) resolve();
        }),
      );
      client.send(query(text));
      await done;
      expect(size).toBeGreaterThan(180 * MB);
      client.close();
      return hash.digest('hex');
    };
    const direct = await digest(await RawClient.login(server.port, server.username, server.password, server.database));
    const through = await Promise.all([digest(await login(world)), digest(await login(world))]);
    expect(through).toEqual([direct, direct]);
  });
});
