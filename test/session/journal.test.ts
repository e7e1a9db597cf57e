/**
 * What the path promises of its journal: every operation with its exact text, verdict and outcome, the bytes as delivered; nothing leaves
 * before its record, in either direction and both modes; a journal that fails ends sessions and nothing else.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GwError } from '../../src/contract/gw-error.js';
import type { Journal } from '../../src/contract/recording.js';
import type { RecordedOperation, SessionItem } from '../../src/recording/index.js';
import { complete, dataRow, errorMessage, ready, rowDescription, type StubServer, startStubServer, until } from '../protocols/postgres/hostile/stub-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { bind, close, describe as describeMessage, execute, fields, frame, parse, query, RawClient, type Reply, shape, sync } from '../support/raw-client.js';
import { startRealPostgres } from '../support/real-postgres.js';
import { storyOf } from './session-story.js';

const rejections: unknown[] = [];
const onRejection = (reason: unknown): void => void rejections.push(reason);
beforeEach(() => {
  rejections.length = 0;
  process.on('unhandledRejection', onRejection);
});
afterEach(() => {
  process.off('unhandledRejection', onRejection);
  expect(rejections).toEqual([]);
});

const login = (world: PathWorld): Promise<RawClient> => RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
const raw = (replies: readonly Reply[]): Buffer => Buffer.concat(replies.map(({ type, body }) => frame(type, body)));

const operations = (items: readonly SessionItem[]): RecordedOperation[] => items.flatMap((item) => (item.kind === 'operation' ? [item.operation] : []));

/** Appends go into memory and succeed; only what writes and syncs is that of `wrapped`. */
function onlyWritesTell(journal: Journal, wrapped: Journal): Journal {
  return {
    ...wrapped,
    begin: (start) => journal.begin(start),
    commit: () => wrapped.commit(),
    synced: () => wrapped.synced(),
    event: (kind, data) => journal.event(kind, data),
  };
}

/** A switch between the path and its real journal. */
function switchable() {
  const state = { failing: false, commits: 0, heldSyncs: null as (() => void)[] | null };
  const failure = (): GwError =>
    new GwError('recording.failed', 'The record of this operation could not be written (ENOSPC), so the operation was not carried out.');
  const wrapJournal = (journal: Journal): Journal => ({
    begin: (start) => {
      if (state.failing) throw failure();
      const recorder = journal.begin(start);
      const guarded =
        <A extends unknown[]>(call: (...args: A) => void) =>
        (...args: A): void => {
          if (state.failing) throw failure();
          call(...args);
        };
      return {
        operation: guarded(recorder.operation.bind(recorder)),
        delivered: guarded(recorder.delivered.bind(recorder)),
        received: guarded(recorder.received.bind(recorder)),
        digests: recorder.digests.bind(recorder),
        outcome: guarded(recorder.outcome.bind(recorder)),
        event: guarded(recorder.event.bind(recorder)),
        end: recorder.end.bind(recorder),
      };
    },
    event: (kind, data) => {
      if (state.failing) throw failure();
      journal.event(kind, data);
    },
    commit: () => {
      if (state.failing) throw failure();
      journal.commit();
      state.commits++;
    },
    synced: async () => {
      if (state.failing) throw failure();
      const { heldSyncs } = state;
      if (heldSyncs !== null) await new Promise<void>((resolve) => heldSyncs.push(resolve));
      await journal.synced();
    },
    get healthy() {
      return journal.healthy && !state.failing;
    },
    close: () => journal.close(),
  });
  return { state, wrapJournal };
}

const answer = Buffer.concat([rowDescription(), dataRow('x'), complete('SELECT 1'), ready()]);

describe('the record of a session', () => {
  it('holds exact texts, verdicts, outcomes and the bytes as the client got them', async () => {
    await using server = await startRealPostgres('18');
    await server.sql('CREATE TABLE t (id int, v text)');
    await using world = await startPathWorld({
      server,
      policy:
        'version: 1\ndefaults: [{ operations: allow }]\nrules:\n  - { id: connect, effect: allow, actions: [connect] }\n  - { id: no-deletes, effect: deny, actions: [delete], message: No. }\n',
    });
    const client = await login(world);
    const session = world.sessions.at(-1) as string;
    const text = 'SELECT i, \'é\u0001\' AS "ä"  FROM generate_series(1, 3) i -- as it came\n';
    const first = await client.run(query(text));
    const inserted = await client.run(query('INSERT INTO t SELECT i FROM generate_series(1, 7) i'));
    const refused = await client.run(query('DELETE FROM t'));
    const failed = await client.run(query('SELECT 1/(random() * 0)::int'));
    const bound = await client.run(parse('', 'SELECT $1::text'), bind('', '', 'a parameter'), describeMessage('P', ''), execute(''), sync());
    const limited = await client.run(parse('', 'SELECT generate_series(1, 5)'), bind('p', ''), execute('p', 2), execute('p', 2), execute('p', 2), sync());
    const out = await client.run(query('COPY (SELECT 7) TO STDOUT'));
    client.send(query('COPY t FROM STDIN'), frame('d', '8\tx\n'), frame('d', '9\ty\n'), frame('c'));
    await client.untilReady();
    const skipped = await client.run(
      parse('a', 'SELECT 1'),
      bind('', 'a'),
      parse('b', 'SELECT 1/$1::int'),
      bind('q', 'b', '0'),
      execute('q'),
      execute(''),
      close('S', 'a'),
      sync(),
    );
    const two = await client.run(query('SELECT 1; SELECT 2'));
    expect([first, refused, failed].map(shape)).toEqual(['T D D D C Z:I', 'E Z:I', 'T E Z:I'].map((value, index) => (index === 2 ? shape(failed) : value)));
    client.send(frame('X'));
    await client.untilClosed();
    await until(() => world.path.live.count() === 0);

    const items = await storyOf(world, session);
    expect(items[0]).toMatchObject({ kind: 'start', start: { identity: { name: 'alice' }, target: 'bank-db', via: 'native' } });
    const list = operations(items).sort((a, b) => a.sequence - b.sequence);
    const told = list.map(({ form, exact, outcome, decision }) => [form, exact.toString(), decision?.effect, outcome?.status, outcome?.rows]);
    expect(told).toEqual([
      ['query', text, 'allow', 'ok', 3],
      ['query', 'INSERT INTO t SELECT i FROM generate_series(1, 7) i', 'allow', 'ok', 7],
      ['query', 'DELETE FROM t', 'deny', list[2]?.outcome === null ? undefined : 'refused', list[2]?.outcome === null ? undefined : 0],
      ['query', 'SELECT 1/(random() * 0)::int', 'allow', 'error', 0],
      ['execute', 'SELECT $1::text', 'allow', 'ok', 1],
      ['execute', 'SELECT generate_series(1, 5)', 'allow', 'ok', 5],
      ['query', 'COPY (SELECT 7) TO STDOUT', 'allow', 'ok', 1],
      ['query', 'COPY t FROM STDIN', 'allow', 'ok', 2],
      ['execute', 'SELECT 1', 'allow', 'cancelled', 0],
      ['execute', 'SELECT 1/$1::int', 'allow', 'error', 0],
      ['query', 'SELECT 1; SELECT 2', 'allow', 'ok', 2],
    ]);
    // The bytes as delivered: all of a result but ReadyForQuery and the answers that belong to no operation.
    const delivered = (replies: readonly Reply[], types: string): string => raw(replies.filter(({ type }) => types.includes(type))).toString('hex');
    const recorded = list.map((operation) => operation.delivered.bytes.toString('hex'));
    expect(recorded[0]).toBe(delivered(first, 'TDC'));
    expect(recorded[1]).toBe(delivered(inserted, 'C'));
    expect(recorded[2]).toBe('');
    expect(recorded[3]).toBe(delivered(failed, 'TDE'));
    expect(recorded[4]).toBe(delivered(bound, 'TDC'));
    expect(recorded[5]).toBe(delivered(limited, 'TDCs'));
    expect(recorded[6]).toBe(delivered(out, 'HdcC'));
    expect(list[7]?.received.bytes.toString('hex')).toBe(Buffer.concat([frame('d', '8\tx\n'), frame('d', '9\ty\n')]).toString('hex'));
    expect(recorded[9]).toBe(delivered(skipped, 'E'));
    expect(recorded[10]).toBe(delivered(two, 'TDC'));
    expect(list[3]?.outcome?.message).toMatch(/^22012: division by zero/);
    expect(list[4]?.parameters?.includes('a parameter')).toBe(true);
    expect(items.at(-2)).toMatchObject({ kind: 'end', end: { reason: 'client', operations: 11, refused: 1, rows: 21 } });
    expect(items.at(-1)).toMatchObject({ kind: 'integrity', intact: true });
  });

  it('holds an error that answers no operation, and what the target says on its own', async () => {
    await using stub = await startStubServer({
      onMessage: ({ socket }, { type }) => {
        if (type === 'P') socket.write(errorMessage('ERROR', '42P01', 'relation "secret" does not exist'));
        else if (type === 'S') socket.write(ready());
      },
    });
    await using world = await startPathWorld({ server: stub });
    const client = await login(world);
    await client.run(parse('', 'SELECT * FROM secret'), sync());
    stub.connections[0]?.socket.write(frame('A', Buffer.from([0, 0, 0, 1]), 'news\0hello\0'));
    expect((await client.next()).type).toBe('A');
    client.send(frame('X'));
    await client.untilClosed();
    await until(() => world.path.live.count() === 0);
    const words = Buffer.concat(
      (await storyOf(world, world.sessions[0] as string)).map((item) => (item.kind === 'unsolicited' ? item.bytes : Buffer.alloc(0))),
    ).toString();
    expect(words).toContain('relation "secret" does not exist');
    expect(words).toContain('hello');
  });
});

describe.each(['strict', 'full'] as const)('%s: no operation leaves before its record is on the disk', (durability) => {
  it('an operation that follows while an earlier record is being synced waits for its own', async () => {
    await using stub = await startStubServer({ onMessage: ({ socket }, { type }) => type === 'Q' && socket.write(answer) });
    const { state, wrapJournal } = switchable();
    await using world = await startPathWorld({ server: stub, durability, wrapJournal });
    const client = await login(world);
    const seen = (): string[] => (stub.connections[0]?.messages ?? []).map(({ body }) => body.toString());
    const held = (state.heldSyncs = [] as (() => void)[]);
    client.send(query('SELECT 1'));
    await until(() => held.length === 1);
    client.send(query('SELECT 2'));
    await until(() => world.path.live.list()[0]?.guard.counters.operations === 2);
    expect(seen()).toEqual([]);
    held[0]?.();
    await until(() => held.length >= 2 && seen().length >= 1);
    // The first is on the disk, the second is not.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen()).toEqual(['SELECT 1\0']);
    state.heldSyncs = null;
    for (let i = 1; i < held.length; i++) held[i]?.();
    const replies = await client.untilReady(2);
    expect(shape(replies)).toBe('T D C Z:I T D C Z:I');
    expect(seen()).toEqual(['SELECT 1\0', 'SELECT 2\0']);
    client.close();
  });

  it(`a result is delivered ${durability === 'full' ? 'when its record is on the disk' : 'when its record is written'}`, async () => {
    await using stub = await startStubServer();
    const { state, wrapJournal } = switchable();
    await using world = await startPathWorld({ server: stub, durability, wrapJournal });
    const client = await login(world);
    client.send(query('SELECT 1'));
    await until(() => stub.connections[0]?.messages.length === 1);
    const held = (state.heldSyncs = [] as (() => void)[]);
    let delivered = false;
    const replies = client.untilReady(1).then((all) => {
      delivered = true;
      return all;
    });
    stub.connections[0]?.socket.write(answer);
    const operation = async () => operations(await storyOf(world, world.sessions[0] as string))[0];
    for (;;) if ((await operation())?.outcome?.status === 'ok') break;
    if (durability === 'full') {
      await until(() => held.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(delivered).toBe(false);
    } else {
      await replies;
      expect(held).toEqual([]);
    }
    state.heldSyncs = null;
    for (const release of held) release();
    expect(shape(await replies)).toBe('T D C Z:I');
    client.close();
  });
});

describe('full', () => {
  it('a disk that takes its time bounds what is held in memory', async () => {
    const chunk = Buffer.concat(Array.from({ length: 64 }, () => dataRow('x'.repeat(16_000))));
    let written = 0;
    await using stub = await startStubServer({
      onMessage: ({ socket }, { type }) => {
        if (type !== 'Q') return;
        socket.write(rowDescription());
        const more = (): void => {
          while (!socket.destroyed && socket.write(chunk)) written += chunk.length;
          socket.once('drain', more);
        };
        more();
      },
    });
    const { state, wrapJournal } = switchable();
    await using world = await startPathWorld({ server: stub, durability: 'full', wrapJournal, resultCap: 1_000 });
    const client = await login(world);
    client.send(query('SELECT 1'));
    await until(() => written > 5_000_000);
    const held = (state.heldSyncs = [] as (() => void)[]);
    await until(() => held.length > 0);
    let last = -1;
    while (last !== written) {
      last = written;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    // What the kernel and the queues of both sides hold, not what the target would have sent meanwhile.
    const stalledAt = written;
    expect(world.path.live.list()[0]?.pump.bytesDown ?? 0).toBeLessThanOrEqual(stalledAt + chunk.length + 1_000);
    state.heldSyncs = null;
    for (const release of held) release();
    await until(() => written > stalledAt + 20_000_000);
    client.close();
    await until(() => world.path.live.count() === 0);
  });
});

describe.each(['batch', 'strict', 'full'] as const)('a journal that fails (%s)', (durability) => {
  it('lets nothing through in either direction, ends the sessions with 58030, and recovers', async () => {
    await using stub = await startStubServer({ onMessage: ({ socket }, { type, body }) => type === 'Q' && !body.includes('wait') && socket.write(answer) });
    const { state, wrapJournal } = switchable();
    await using world = await startPathWorld({ server: stub, durability, wrapJournal });
    const idle = await login(world);
    const waiting = await login(world);
    const asking = await login(world);
    const server = stub.connections;
    waiting.send(query("SELECT 'wait'"));
    await until(() => server[1]?.messages.length === 1);

    state.failing = true;
    // Up: a statement whose record cannot be written.
    asking.send(query('SELECT 1'));
    const refused = await asking.untilClosed();
    expect(shape(refused)).toBe('E');
    expect(fields(refused[0] as Reply)).toMatchObject({ S: 'FATAL', C: '58030' });
    expect(server[2]?.messages.filter(({ type }) => type === 'Q')).toEqual([]);
    // Down: a result whose record cannot be written.
    server[1]?.socket.write(answer);
    const undelivered = await waiting.untilClosed();
    expect(shape(undelivered)).toBe('E');
    expect(fields(undelivered[0] as Reply)).toMatchObject({ C: '58030' });
    // And nobody gets in.
    await expect(login(world)).rejects.toMatchObject({ fields: { C: '58030' } });
    await until(() => world.path.live.count() === 1);

    state.failing = false;
    expect(shape(await idle.run(query('SELECT 1')))).toBe('T D C Z:I');
    const fresh = await login(world);
    expect(shape(await fresh.run(query('SELECT 1')))).toBe('T D C Z:I');
    idle.close();
    fresh.close();
    await until(() => world.path.live.count() === 0);
  });

  it('a write that fails at the end of the turn, with many sessions in it', async () => {
    await using stub = await startStubServer({ onMessage: ({ socket }, { type }) => type === 'Q' && socket.write(answer) });
    const { state, wrapJournal } = switchable();
    await using world = await startPathWorld({
      server: stub,
      durability,
      wrapJournal: (journal) => onlyWritesTell(journal, wrapJournal(journal)),
    });
    const clients = await Promise.all(Array.from({ length: 20 }, () => login(world)));
    state.failing = true;
    for (const client of clients) client.send(query('SELECT 1'));
    for (const client of clients) {
      const replies = await client.untilClosed();
      expect(shape(replies)).toBe('E');
      expect(fields(replies[0] as Reply)).toMatchObject({ C: '58030' });
    }
    expect(stub.connections.flatMap(({ messages }) => messages.filter(({ type }) => type === 'Q'))).toEqual([]);
    await until(() => world.path.live.count() === 0 && stub.open() === 0);
    state.failing = false;
    const client = await login(world);
    expect(shape(await client.run(query('SELECT 1')))).toBe('T D C Z:I');
    client.close();
    const ended = operations(await storyOf(world, world.sessions[0] as string));
    expect(ended.map(({ outcome }) => outcome?.status)).toEqual(['lost']);
  });

  it('ends the record of a session of which the start could not be written', async () => {
    await using stub = await startStubServer({ onMessage: ({ socket }, { type }) => type === 'Q' && socket.write(answer) });
    const { state, wrapJournal } = switchable();
    const begun: string[] = [];
    await using world = await startPathWorld({
      server: stub,
      durability,
      wrapJournal: (journal) => {
        const begin: Journal['begin'] = (start) => {
          begun.push(start.session);
          return journal.begin(start);
        };
        return { ...onlyWritesTell(journal, wrapJournal(journal)), begin };
      },
    });
    state.failing = true;
    await expect(login(world)).rejects.toMatchObject({ fields: { C: '58030' } });
    state.failing = false;
    const client = await login(world);
    client.close();
    await until(() => world.path.live.count() === 0);
    expect((await storyOf(world, begun[0] as string)).at(-2)).toMatchObject({ kind: 'end', end: { reason: 'recording', operations: 0 } });
    expect(world.sessions).toEqual(begun.slice(1));
  });

  it('leaves no connection to the target when the start of a session cannot be made durable', async () => {
    await using stub: StubServer = await startStubServer();
    const { state, wrapJournal } = switchable();
    await using world = await startPathWorld({
      server: stub,
      durability,
      wrapJournal: (journal) => ({
        ...wrapJournal(journal),
        begin: (start) => journal.begin(start),
        commit: () => journal.commit(),
        event: (kind, data) => journal.event(kind, data),
        synced: async () => {
          if (!state.failing) return journal.synced();
          await until(() => stub.connections.length > 0);
          await new Promise((resolve) => setTimeout(resolve, 50));
          throw new GwError('recording.failed', 'The record could not be written (EIO).');
        },
      }),
    });
    state.failing = true;
    await expect(login(world)).rejects.toMatchObject({ fields: { C: '58030' } });
    await until(() => stub.open() === 0 && world.path.live.count() === 0 && world.path.preLogin === 0);
    state.failing = false;
  });
});
