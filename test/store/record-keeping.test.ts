/** Holds and the end of contents in a real state database: what is held is not ended, and what is ended is in no row, in no statistic and in no file. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import type { HeldRecord } from '../../src/contract/record-keeping.js';
import { openStore, type Store } from '../../src/store/index.js';
import { indexedOperation, sessionEnd, sessionStart } from './session-fixture.js';
import { type StateServer, startStateServer } from './state-server.js';

let server: StateServer;
let store: Store;
let url: string;

beforeAll(async () => {
  server = await startStateServer();
  url = await server.database();
  store = await openStore({ url, logger: silentLogger });
});
afterAll(async () => {
  await store?.close();
  await server?.close();
});

const record: HeldRecord = { session: 'ses_1', target: 'bank-db', subject: 'sub-alice', issuer: 'https://issuer.test' };
const hold = (id: string, scope: 'session' | 'target' | 'subject', value: string, issuer: string | null = null) =>
  store.holds.add({ id, scope, value, issuer, reason: 'case 7', addedBy: 'carol' }, () => Promise.resolve());

describe('holds', () => {
  it.each([
    ['session', 'ses_1', null],
    ['target', 'bank-db', null],
    ['subject', 'sub-alice', 'https://issuer.test'],
  ] as const)('on a %s keep what they cover, until they are released', async (scope, value, issuer) => {
    const id = `hld_${scope}`;
    expect(await hold(id, scope, value, issuer)).toMatchObject({ id, scope, value, issuer, addedBy: 'carol', releasedAt: null });
    expect((await store.holds.covering(record)).map((each) => each.id)).toEqual([id]);
    let acted = false;
    const act = (): Promise<void> => Promise.resolve(void (acted = true));
    await expect(store.holds.unlessHeld(record, act)).rejects.toMatchObject({ code: 'record.held', message: expect.stringContaining(id) });
    expect(acted).toBe(false);
    await store.holds.unlessHeld({ session: 'ses_2', target: 'other-db', subject: 'sub-alice', issuer: 'https://other.test' }, act);
    expect(acted, 'what it does not cover').toBe(true);
    expect(await store.holds.release(id, 'dave', 'closed')).toMatchObject({ releasedBy: 'dave', releaseReason: 'closed' });
    expect(await store.holds.release(id, 'eve', 'again'), 'the first release stands').toMatchObject({ releasedBy: 'dave' });
    await store.holds.unlessHeld(record, act);
    expect((await store.holds.list(false)).map((each) => each.id)).not.toContain(id);
    expect((await store.holds.list(true)).map((each) => each.id)).toContain(id);
  });

  it('that come while a record is being ended wait until it is', async () => {
    const order: string[] = [];
    let go: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (go = resolve));
    let entered: () => void = () => undefined;
    const inside = new Promise<void>((resolve) => (entered = resolve));
    const ending = store.holds.unlessHeld({ ...record, session: 'ses_race' }, async () => {
      entered();
      await held;
      order.push('ended');
    });
    await inside;
    const adding = hold('hld_race', 'session', 'ses_race').then(() => order.push('held'));
    go();
    await Promise.all([ending, adding]);
    expect(order).toEqual(['ended', 'held']);
  });

  it('are not taken without an issuer of the subject, nor released when there are none', async () => {
    await expect(hold('hld_bad', 'subject', 'sub-alice')).rejects.toThrow();
    expect(await store.holds.release('hld_none', 'dave', 'x')).toBeNull();
  });
});

const MARK = 'quokkaword';
const operation = (session: string, sequence: number, text: string) => indexedOperation({ session, sequence, relations: [`bank.${MARK}relation`], text });

async function filesWith(dir: string, mark: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    if ((await readFile(path)).includes(mark)) found.push(path);
  }
  return found;
}

describe('the end of contents', () => {
  it('leaves no word of a session in rows, statistics, dead rows or the log of the server', async () => {
    for (const id of ['ses_gone', 'ses_stays']) {
      store.sessions.started(sessionStart({ session: id, reason: `because of ${MARK}` }), 'wrk_1');
      store.sessions.ended(id, sessionEnd({ message: `${MARK} said the server` }));
    }
    await store.sessions.flush();
    const other = (text: string): string => text.replaceAll(MARK, 'wombatword');
    for (let at = 1; at <= 400; at++) {
      await store.operations.add([operation('ses_gone', at, `select '${MARK}' from ${MARK}table where id = ${at}`)]);
      await store.operations.add([{ ...operation('ses_stays', at, other(`select '${MARK}' where id = ${at}`)), relations: ['bank.customers'] }]);
    }
    await server.query(url, 'analyze gw.operations');
    await server.query(url, 'checkpoint');
    expect(await filesWith(server.dir, MARK), 'this test can fail').not.toEqual([]);
    await store.contents.remove('ses_gone', 'erased');
    await store.contents.remove('ses_stays', 'expired');
    expect(await store.contents.scrub()).toBe(true);
    expect(await filesWith(server.dir, MARK)).toEqual([]);
    expect(await store.sessions.find('ses_gone')).toMatchObject({ content: 'erased', reason: null, client: null, target: 'bank-db', state: 'ended' });
    // Late news of an indexer that had read it before.
    await store.operations.add([operation('ses_gone', 401, MARK)]);
    expect(await store.operations.search({ phrases: [MARK], tags: [], since: null, until: null, owner: null, limit: 10, after: null })).toEqual([]);
    await store.contents.remove('ses_gone', 'expired');
    expect(await store.sessions.find('ses_gone'), 'the first end stands').toMatchObject({ content: 'erased' });
  });
});

describe('a recording of a terminal under which several sessions were opened', () => {
  /** Sessions under one recording with one piece. */
  async function recorded(id: string, ...sessions: string[]): Promise<void> {
    const by = { issuer: 'https://idp.test', subject: 'sub-alice', name: 'alice' };
    await store.clientRecordings.create({ id, ...by, targets: ['bank-db'], createdAt: '2026-01-02T03:04:05.000Z' }, Buffer.alloc(32));
    await store.clientRecordings.append(id, 0, Buffer.from('piece'));
    for (const session of sessions) {
      store.sessions.started(sessionStart({ session, recording: id }), 'wrk_1');
      store.sessions.ended(session, sessionEnd());
    }
    await store.sessions.flush();
  }

  async function isThere(id: string): Promise<boolean> {
    const pieces: Buffer[] = [];
    for await (const piece of store.clientRecordings.content(id)) pieces.push(piece);
    const key = await store.clientRecordings.key(id);
    expect(pieces.length > 0, 'pieces and key go together').toBe(key !== null);
    return key !== null;
  }

  it('stays while one of them is kept when others expire, and goes with the last', async () => {
    await recorded('rec_a', 'ses_a1', 'ses_a2');
    await store.contents.remove('ses_a1', 'expired');
    expect(await isThere('rec_a')).toBe(true);
    await store.contents.remove('ses_a2', 'expired');
    expect(await isThere('rec_a')).toBe(false);
  });

  it('goes with the first of them that is erased, also when that one had expired before', async () => {
    await recorded('rec_b', 'ses_b1', 'ses_b2');
    await store.contents.remove('ses_b1', 'expired');
    await store.contents.remove('ses_b1', 'erased');
    expect(await isThere('rec_b')).toBe(false);
    expect(await store.sessions.find('ses_b2')).toMatchObject({ content: 'kept' });
  });

  it('keeps them from being erased while one of the others is held', async () => {
    await recorded('rec_c', 'ses_c1', 'ses_c2');
    await hold('hld_c', 'session', 'ses_c2');
    const erased = { ...record, session: 'ses_c1', target: 'other-db', clientRecording: 'rec_c' };
    const act = (): Promise<string> => Promise.resolve('acted');
    await expect(store.holds.unlessHeld(erased, act)).rejects.toMatchObject({ code: 'record.held', message: expect.stringContaining('hld_c') });
    const { clientRecording: _recording, ...expiring } = erased;
    expect(await store.holds.unlessHeld(expiring, act), 'what expires leaves the recording').toBe('acted');
    await store.holds.release('hld_c', 'dave', 'closed');
    expect(await store.holds.unlessHeld(erased, act)).toBe('acted');
  });
});
