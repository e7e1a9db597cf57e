import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { type IndexedOperation, type OperationQuery, tagOf } from '../../src/contract/operation-index.js';
import { openStore, type Store } from '../../src/store/index.js';
import { type StateServer, startStateServer } from './state-server.js';

let server: StateServer;
let store: Store;

beforeAll(async () => {
  server = await startStateServer();
  store = await openStore({ url: await server.database(), logger: silentLogger });
});
beforeEach(() => store.operations.clear());
afterAll(async () => {
  await store?.close();
  await server?.close();
});

const operation = (sequence: number, change: Partial<IndexedOperation> = {}): IndexedOperation => ({
  session: 'ses_1',
  sequence,
  at: new Date(Date.UTC(2026, 0, 1, 0, 0, sequence)).toISOString(),
  issuer: 'https://idp.test',
  subject: 'sub-alice',
  name: 'alice',
  onBehalfOf: null,
  target: 'bank-db',
  verdict: 'allow',
  asked: false,
  status: 'ok',
  rule: 'bank/reads',
  kinds: ['select'],
  relations: ['ledger.entries'],
  masked: [],
  rows: 3,
  text: 'SELECT amount FROM ledger.entries WHERE account_id = 4711',
  ...change,
});
const found = async (change: Partial<OperationQuery>): Promise<number[]> =>
  (await store.operations.search({ phrases: [], tags: [], since: null, until: null, owner: null, limit: 100, after: null, ...change })).map(
    ({ sequence }) => sequence,
  );

describe('the index of operations', () => {
  it('finds by words in any case, by phrases in their order, and by several at once', async () => {
    await store.operations.add([
      operation(1),
      operation(2, { text: 'update ledger.entries set note = $$Übertrag März$$' }),
      operation(3, { text: 'select 1' }),
    ]);
    expect(await found({ phrases: ['select'] })).toEqual([3, 1]);
    expect(await found({ phrases: ['ledger.entries'] })).toEqual([2, 1]);
    expect(await found({ phrases: ['ENTRIES where account_id'] })).toEqual([1]);
    expect(await found({ phrases: ['entries ledger'] })).toEqual([]);
    expect(await found({ phrases: ['4711', 'amount'] })).toEqual([1]);
    expect(await found({ phrases: ['übertrag märz'] })).toEqual([2]);
    expect(await found({ phrases: ["x' or 1=1 --"] })).toEqual([]);
  });

  it('finds by every name', async () => {
    await store.operations.add([
      operation(1),
      operation(2, {
        verdict: 'deny',
        status: 'refused',
        rule: 'bank/no',
        kinds: ['delete', 'select'],
        masked: ['ssn'],
        relations: ['Public.People'],
        name: 'bot',
        onBehalfOf: 'sub-carol',
        target: 'crm',
      }),
    ]);
    for (const [field, value] of [
      ['verdict', 'deny'],
      ['status', 'refused'],
      ['rule', 'bank/no'],
      ['kind', 'delete'],
      ['masked', 'SSN'],
      ['relation', 'public.people'],
      ['relation', 'people'],
      ['user', 'bot'],
      ['for', 'sub-carol'],
      ['target', 'crm'],
    ] as const)
      expect([field, value, await found({ tags: [tagOf(field, value)] })]).toEqual([field, value, [2]]);
    expect(await found({ tags: [tagOf('user', 'sub-alice')] })).toEqual([2, 1]);
    expect(await found({ tags: [tagOf('kind', 'select'), tagOf('verdict', 'allow')] })).toEqual([1]);
    expect(await found({ tags: [tagOf('relation', 'ledger')] })).toEqual([]);
  });

  it('keeps to the time, to the owner, and to pages', async () => {
    await store.operations.add([1, 2, 3, 4].map((sequence) => operation(sequence, { subject: sequence % 2 === 0 ? 'sub-bob' : 'sub-alice' })));
    expect(await found({ since: operation(2).at, until: operation(4).at })).toEqual([3, 2]);
    expect(await found({ owner: { issuer: 'https://idp.test', subject: 'sub-bob' } })).toEqual([4, 2]);
    expect(await found({ owner: { issuer: 'https://other.test', subject: 'sub-bob' } })).toEqual([]);
    expect(await found({ limit: 3 })).toEqual([4, 3, 2]);
    expect(await found({ limit: 3, after: { at: operation(2).at, session: 'ses_1', sequence: 2 } })).toEqual([1]);
  });

  it('takes an operation once, gives it back as it is, and leaves out alone what the database does not hold', async () => {
    await store.operations.add([operation(1)]);
    expect(
      await store.operations.add([
        operation(1, { text: 'another' }),
        operation(2, { at: 'no time' }),
        operation(3, { text: 'nul \0 and half \ud800 a pair', rows: null }),
      ]),
    ).toBe(1);
    const all = await store.operations.search({ phrases: [], tags: [], since: null, until: null, owner: null, limit: 9, after: null });
    expect(all.map(({ sequence, text, rows }) => [sequence, text, rows])).toEqual([
      [3, 'nul \ufffd and half \ufffd a pair', null],
      [1, operation(1).text, 3],
    ]);
    expect(all[1]).toMatchObject({ relations: ['ledger.entries'], kinds: ['select'], at: operation(1).at, verdict: 'allow', rule: 'bank/reads' });
  });

  it('remembers which journals are in it, until it is cleared', async () => {
    await store.operations.markIndexed('wrk_1');
    await store.operations.markIndexed('wrk_1');
    expect([...(await store.operations.indexedJournals())]).toEqual(['wrk_1']);
    await store.operations.clear();
    expect([...(await store.operations.indexedJournals())]).toEqual([]);
  });
});
