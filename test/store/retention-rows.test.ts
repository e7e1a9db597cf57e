/** Rows end by their period and target, never what is open, unreviewed or held; and an erased session takes the texts of its requests with it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import type { ApprovalRecord } from '../../src/contract/approval.js';
import type { IndexedOperation } from '../../src/contract/operation-index.js';
import type { RetentionRules } from '../../src/contract/retention.js';
import { openStore, type Store } from '../../src/store/index.js';
import { record } from '../approval/fixture.js';
import { indexedOperation, sessionStart } from './session-fixture.js';
import { eventually, type StateServer, startStateServer } from './state-server.js';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-26T10:00:00Z');
const RULES: RetentionRules = {
  recordings: 30 * DAY,
  approvals: 30 * DAY,
  index: 30 * DAY,
  targets: [{ target: 'long-db', recordings: 90 * DAY, approvals: 90 * DAY, index: 90 * DAY }],
};

let server: StateServer;
let store: Store;
let url: string;

beforeAll(async () => {
  server = await startStateServer();
  url = await server.database();
  store = await openStore({ url, logger: silentLogger });
  for (const [id, scope, value, issuer] of [
    ['hld_1', 'session', 'ses_held', null],
    ['hld_2', 'target', 'held-db', null],
    ['hld_3', 'subject', 'mallory', 'https://issuer.test'],
  ] as const)
    await store.holds.add({ id, scope, value, issuer, reason: 'case', addedBy: 'carol' }, () => Promise.resolve());
});
afterAll(async () => {
  await store?.close();
  await server?.close();
});

describe('rows of the index', () => {
  const operation = (session: string, days: number, change: Partial<IndexedOperation> = {}) =>
    indexedOperation({ session, at: new Date(NOW - days * DAY).toISOString(), subject: 'alice', ...change });

  it('end by the period of their target, unless they are held', async () => {
    await store.operations.add([
      operation('ses_old', 31),
      operation('ses_young', 29),
      operation('ses_long', 31, { target: 'long-db' }),
      operation('ses_longer', 91, { target: 'long-db' }),
      operation('ses_held', 31),
      operation('ses_target', 31, { target: 'held-db' }),
      operation('ses_subject', 31, { subject: 'mallory' }),
      operation('ses_namesake', 31, { subject: 'mallory', issuer: 'https://other.test' }),
    ]);
    expect(await store.retention.expire('index', RULES, NOW, true)).toBe(3);
    expect(await store.retention.expire('index', RULES, NOW, false)).toBe(3);
    expect(await store.retention.expire('index', RULES, NOW, false)).toBe(0);
    const left = await store.operations.search({ phrases: [], tags: [], since: null, until: null, owner: null, limit: 100, after: null });
    expect(left.map(({ session }) => session).sort()).toEqual(['ses_held', 'ses_long', 'ses_subject', 'ses_target', 'ses_young']);
  });
});

it('a hold that is being placed keeps the rows that it covers', async () => {
  await store.operations.add([indexedOperation({ session: 'ses_late', at: new Date(NOW - 31 * DAY).toISOString() })]);
  let go: () => void = () => undefined;
  let entered: () => void = () => undefined;
  const inside = new Promise<void>((resolve) => (entered = resolve));
  const placed = new Promise<void>((resolve) => (go = resolve));
  const adding = store.holds.add({ id: 'hld_late', scope: 'session', value: 'ses_late', issuer: null, reason: 'case', addedBy: 'carol' }, () => {
    entered();
    return placed;
  });
  await inside;
  const expiring = store.retention.expire('index', RULES, NOW, false);
  const waiting = "select from pg_catalog.pg_locks where locktype = 'advisory' and not granted";
  await Promise.race([expiring, eventually('it waits for the hold', async () => (await server.query(url, waiting)).length > 0)]);
  go();
  await adding;
  expect(await expiring).toBe(0);
});

describe('requests for approval', () => {
  const days = (count: number): number => NOW - count * DAY;
  const insert = (id: string, change: Partial<ApprovalRecord>): Promise<void> =>
    store.approvals.insert({ ...record(), id, state: 'denied', session: null, waiter: null, createdAt: days(60), expiresAt: days(31), ...change });

  it('end when they are decided and over, reviewed and not held', async () => {
    await insert('apr_old', {});
    await insert('apr_young', { expiresAt: days(29) });
    await insert('apr_open', { state: 'pending' });
    await insert('apr_granted', { state: 'approved' });
    await insert('apr_glass', { kind: 'break_glass', state: 'expired', review: null });
    await insert('apr_held', { session: 'ses_held' });
    await insert('apr_long', { target: 'long-db' });
    expect(await store.retention.expire('approvals', RULES, NOW, true)).toBe(1);
    expect(await store.retention.expire('approvals', RULES, NOW, false)).toBe(1);
    expect(await store.approvals.find('apr_old')).toBeNull();
    for (const id of ['apr_young', 'apr_open', 'apr_granted', 'apr_glass', 'apr_held', 'apr_long']) expect(await store.approvals.find(id), id).not.toBeNull();
  });

  it('lose their texts with the session that they were asked for, and keep who decided what', async () => {
    await insert('apr_session', { session: 'ses_erased', reason: 'because of quokka' });
    await insert('apr_other', { session: 'ses_other', reason: 'because of wombat' });
    await store.contents.remove('ses_erased', 'erased');
    const erased = await store.approvals.find('apr_session');
    const before = record();
    expect(erased).toMatchObject({ reason: null, state: 'denied', digest: before.digest, requester: before.requester, version: before.version + 1 });
    expect(erased?.operation).toMatchObject({ exact: null, redacted: '(erased)', parameters: null, resources: [] });
    expect(JSON.stringify(erased)).not.toMatch(/quokka|ledger\.entries/);
    expect(await store.approvals.find('apr_other')).toMatchObject({ reason: 'because of wombat' });
    await store.contents.remove('ses_erased', 'erased');
    expect((await store.approvals.find('apr_session'))?.version, 'again changes nothing').toBe(before.version + 1);
  });
});

describe('recordings of clients under which no session was opened', () => {
  const begun = async (id: string, days: number, targets = ['bank-db'], subject = 'alice', session: string | null = null): Promise<void> => {
    const createdAt = new Date(NOW - days * DAY).toISOString();
    await store.clientRecordings.create({ id, issuer: 'https://issuer.test', subject, name: subject, targets, createdAt }, Buffer.alloc(32));
    await store.clientRecordings.append(id, 0, Buffer.from('piece'));
    if (session === null) return;
    store.sessions.started(sessionStart({ session, recording: id }), 'wrk_1');
    await store.sessions.flush();
  };

  it('end by the longest period of their targets, unless they are held', async () => {
    await begun('rec_old', 31);
    await begun('rec_young', 29);
    await begun('rec_long', 31, ['bank-db', 'long-db']);
    await begun('rec_longer', 91, ['bank-db', 'long-db']);
    await begun('rec_target', 31, ['bank-db', 'held-db']);
    await begun('rec_subject', 31, ['bank-db'], 'mallory');
    await begun('rec_session', 31, ['bank-db'], 'alice', 'ses_recorded');
    expect(await store.retention.expireLooseRecordings(RULES, NOW)).toBe(2);
    expect(await store.retention.expireLooseRecordings(RULES, NOW)).toBe(0);
    expect((await store.clientRecordings.list({ limit: 100 })).map(({ id }) => id).sort()).toEqual([
      'rec_long',
      'rec_session',
      'rec_subject',
      'rec_target',
      'rec_young',
    ]);
    for await (const piece of store.clientRecordings.content('rec_old')) expect(piece, 'its pieces go with it').toBeUndefined();
  });
});
