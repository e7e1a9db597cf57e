/** The index of operations as it is kept beside the journal: what is written is found, whatever ended in between. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import type { FoundOperation } from '../../src/contract/operation-index.js';
import { type OperationIndexer, startOperationIndexer } from '../../src/gateway/operation-indexer.js';
import type { GroupJournal } from '../../src/recording/index.js';
import { openStore, type Store } from '../../src/store/index.js';
import { allow, bytes, crashCopy, deny, end, facts, freshDirectory, keys, ok, open, start } from '../recording/session-fixture.js';
import { eventually, type StateServer, startStateServer } from '../store/state-server.js';

let server: StateServer;
let store: Store;
let dir: string;
const journals: GroupJournal[] = [];
const indexers: OperationIndexer[] = [];

beforeAll(async () => {
  server = await startStateServer();
  store = await openStore({ url: await server.database(), logger: silentLogger });
});
beforeEach(async () => {
  dir = await freshDirectory();
  await store.operations.clear();
});
afterEach(async () => {
  await Promise.all(indexers.splice(0).map((indexer) => indexer.close()));
  await Promise.all(journals.splice(0).map((journal) => journal.close()));
});
afterAll(async () => {
  await store?.close();
  await server?.close();
});

const all = (): Promise<FoundOperation[]> =>
  store.operations.search({ phrases: [], tags: [], since: null, until: null, owner: null, limit: 1_000, after: null });
const texts = async (): Promise<string[]> => (await all()).map(({ text }) => text).sort();

async function journal(bootId: string, where = dir): Promise<GroupJournal> {
  const opened = await open(where, { bootId, segmentBytes: 4_096 });
  journals.push(opened);
  return opened;
}

function index(name: string, alive: readonly string[] | null = []): OperationIndexer {
  const indexer = startOperationIndexer({ keys, index: store.operations, journalDir: dir, journal: name, alive, logger: silentLogger });
  indexers.push(indexer);
  return indexer;
}

/** One session with these texts; the last one is not over. */
function session(into: GroupJournal, id: string, ...asked: string[]): void {
  const recorder = into.begin(start(id));
  asked.forEach((text, at) => {
    recorder.operation(at + 1, 'query', facts('reads'), allow, bytes(text), null);
    if (at < asked.length - 1) {
      if (at === 0) recorder.event('masked', { operation: 1, values: [{ class: 'ssn', treatment: 'mask', rule: null, values: 2 }] });
      recorder.outcome(at + 1, ok);
    }
  });
  into.commit();
}

describe('the index of operations', () => {
  it('follows the own journal over its segments while it is written', async () => {
    const own = await journal('wrk_own');
    index('wrk_own');
    session(own, 'ses_1', 'one', 'two', 'open');
    await eventually('what is over is found', async () => (await texts()).join() === 'one,two');
    expect((await all()).find(({ text }) => text === 'one')).toMatchObject({
      session: 'ses_1',
      sequence: 1,
      verdict: 'allow',
      status: 'ok',
      rows: 1,
      kinds: ['select'],
      relations: ['bank.customers'],
      masked: ['ssn'],
      name: 'alice',
    });
    const many = Array.from({ length: 200 }, (_, at) => `number ${at}`);
    session(own, 'ses_2', ...many);
    await eventually('all of them are found', async () => (await all()).length === 201);
  });

  it('takes in what the journal holds when it is closed, and what was refused', async () => {
    const own = await journal('wrk_own');
    const indexer = index('wrk_own');
    const recorder = own.begin(start('ses_1'));
    recorder.operation(1, 'query', facts('drops'), deny, bytes('drop it'), null);
    recorder.operation(2, 'query', facts('reads'), allow, bytes('never told'), null);
    recorder.end(end);
    own.commit();
    await indexer.close();
    expect((await all()).map(({ text, verdict, status }) => [text, verdict, status]).sort()).toEqual([
      ['drop it', 'deny', 'refused'],
      ['never told', 'allow', 'unknown'],
    ]);
  });

  it('takes in journals of processes that ended, once, and leaves those that live to their own', async () => {
    const elsewhere = await freshDirectory();
    const dead = await journal('wrk_dead', elsewhere);
    session(dead, 'ses_1', 'of the dead', 'cut off');
    await dead.synced();
    await crashCopy(elsewhere, 'wrk_dead', dir);
    session(await journal('wrk_other'), 'ses_2', 'of the living', 'open');
    await journal('wrk_own');
    index('wrk_own', ['wrk_other']);
    await eventually('the journal is in the index as a whole', async () => (await store.operations.indexedJournals()).has('wrk_dead'));
    expect(await texts()).toEqual(['cut off', 'of the dead']);
    expect([...(await store.operations.indexedJournals())]).toEqual(['wrk_dead']);
  });

  it('is made anew from the journals when it was lost, and waits for a database that is away', async () => {
    const own = await journal('wrk_own');
    await server.stop();
    index('wrk_own');
    session(own, 'ses_1', 'while it was away', 'open');
    await server.start();
    await eventually('it is found', async () => (await all().catch(() => [])).length === 1);
    await indexers.splice(0)[0]?.close();
    await store.operations.clear();
    index('wrk_own');
    await eventually('it is found again', async () => (await texts()).join() === 'while it was away');
  });
});
