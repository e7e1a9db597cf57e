/** Inherited tags in a real state database: kept once, bound to what has the expected name, and forgotten no sooner than is safe. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import type { NewInheritedTag } from '../../src/contract/inherited-tags.js';
import { openStore, type Store } from '../../src/store/index.js';
import { type StateServer, startStateServer } from './state-server.js';

const by = { session: 'ses_1', subject: 'ann' };
const place = { target: 'bank-db', part: 'bank' };
const expectation: NewInheritedTag = {
  relation: ['public', 'copy'],
  object: null,
  column: 2,
  name: 's',
  from: [['public', 'people', 'ssn']],
  exact: true,
  reason: 'created',
};
const bound: NewInheritedTag = { ...expectation, object: '16400', reason: 'renamed' };

let server: StateServer;
let url: string;
let store: Store;
beforeAll(async () => {
  server = await startStateServer();
  url = await server.database();
  store = await openStore({ url, logger: silentLogger });
});
beforeEach(() => server.query(url, 'truncate gw.inherited_tags'));
afterAll(async () => {
  await store.close();
  await server.close();
});
const list = (): ReturnType<Store['inheritedTags']['list']> => store.inheritedTags.list('bank-db', 'bank');
const only = async (): Promise<string> => (await list())[0]?.id ?? '';
const age = (what: string, by: string): Promise<object[]> => server.query(url, `update gw.inherited_tags set ${what} = ${what} - interval '${by}'`);

it('are kept once, by target and part, with who made them last', async () => {
  await store.inheritedTags.add(place, by, [expectation, bound]);
  await store.inheritedTags.add(place, { session: 'ses_2', subject: 'bob' }, [expectation]);
  expect(await list()).toEqual([
    expect.objectContaining({ ...expectation, part: 'bank', session: 'ses_2', subject: 'bob' }),
    expect.objectContaining({ ...bound, part: 'bank', session: 'ses_1', subject: 'ann' }),
  ]);
  expect(await store.inheritedTags.list('bank-db', 'other')).toEqual([]);
  expect(await store.inheritedTags.list('other', null)).toEqual([]);
});

it('hold any name that a target may have', async () => {
  const names = ['"; drop table x --', 'a\0b', '\ud800', 'ÄÖ 試', 'x'.repeat(3000)];
  await store.inheritedTags.add(place, by, [{ ...expectation, relation: ['public', names.join()], name: names.join(), from: [names] }]);
  expect(await list()).toHaveLength(1);
});

it('are bound to each relation that has the expected name, and keep expecting', async () => {
  await store.inheritedTags.add(place, by, [expectation]);
  const id = await only();
  for (const object of ['16400', '16500', '16500'])
    await store.inheritedTags.settle({ seen: [{ id, object, relation: ['public', 'copy'], name: 't' }], gone: [] });
  expect((await list()).map(({ object, name }) => [object, name])).toEqual([
    [null, 's'],
    ['16400', 't'],
    ['16500', 't'],
  ]);
});

it('go by the names of today', async () => {
  await store.inheritedTags.add(place, by, [bound]);
  await store.inheritedTags.settle({ seen: [{ id: await only(), object: '16400', relation: ['other', 'moved'], name: 't' }], gone: [] });
  expect(await list()).toEqual([expect.objectContaining({ object: '16400', relation: ['other', 'moved'], name: 't' })]);
});

describe('are forgotten', () => {
  it('when their relation is gone for a minute, which an older catalog does not say', async () => {
    await store.inheritedTags.add(place, by, [bound]);
    await store.inheritedTags.settle({ seen: [], gone: [await only()] });
    expect(await list()).toHaveLength(1);
    await age('seen', '2 minutes');
    await store.inheritedTags.settle({ seen: [], gone: [await only()] });
    expect(await list()).toEqual([]);
  });

  it.each([
    ['never matched', null, '31 days', 'seen', 0],
    ['never matched', null, '2 days', 'seen', 1],
    ['matched', '16400', '25 hours', 'matched', 0],
    ['matched', '16400', '2 hours', 'matched', 1],
  ] as const)('an expectation, %s %s, after %s', async (_, object, time, what, left) => {
    await store.inheritedTags.add(place, by, [expectation]);
    const id = await only();
    if (object !== null) await store.inheritedTags.settle({ seen: [{ id, object, relation: ['public', 'copy'], name: 's' }], gone: [] });
    await age(what, time);
    await store.inheritedTags.settle({ seen: [], gone: [id] });
    await store.inheritedTags.add({ ...place, part: 'elsewhere' }, by, [bound]);
    expect((await list()).filter((tag) => tag.object === null)).toHaveLength(left);
  });

  it('an expectation that was matched when its session is over', async () => {
    await store.inheritedTags.add(place, by, [expectation]);
    await store.inheritedTags.settle({ seen: [{ id: await only(), object: '16400', relation: ['public', 'copy'], name: 's' }], gone: [] });
    await age('matched', '2 minutes');
    const session = `insert into gw.sessions (id, state, started_at, ended_at, issuer, subject, name, kind, target, protocol, via, client_address, gateway, journal)
      values ('ses_1', 'STATE', now(), ENDED, 'i', 's', 'ann', 'person', 'bank-db', 'p', 'v', 'c', 'g', 'j')`;
    await server.query(url, session.replace('STATE', 'live').replace('ENDED', 'null'));
    await store.inheritedTags.add({ ...place, part: 'elsewhere' }, by, [bound]);
    expect(await list()).toHaveLength(2);
    await server.query(url, "update gw.sessions set state = 'ended', ended_at = now() - interval '2 minutes'");
    await store.inheritedTags.add({ ...place, part: 'elsewhere' }, by, [bound]);
    expect((await list()).map(({ object }) => object)).toEqual(['16400']);
  });
});
