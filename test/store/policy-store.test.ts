/** The text behind a digest is kept for ever: as it was first, byte for byte, found by the digest or its beginning. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { openStore, type Store } from '../../src/store/index.js';
import { type StateServer, startStateServer } from './state-server.js';

let server: StateServer;
let store: Store;
beforeAll(async () => {
  server = await startStateServer();
  store = await openStore({ url: await server.database(), logger: silentLogger });
});
afterAll(async () => {
  await store?.close();
  await server?.close();
});

const digest = (head: string): string => `sha256:${head.padEnd(64, '0')}`;

it('keeps files and canonical text, every character of them, and does not let them be replaced', async () => {
  const files = [{ path: 'policy/a.yaml', text: 'version: 1\n# é \u0000 \ud83d\ude00 \\ "\r\n' }];
  await store.policies.keep({ digest: digest('ab12'), canonical: '{"a":"\\u0000"}', files });
  await store.policies.keep({ digest: digest('ab12'), canonical: 'other', files: [] });
  expect(await store.policies.find(digest('ab12'))).toMatchObject({
    digest: digest('ab12'),
    canonical: '{"a":"\\u0000"}',
    files,
    since: expect.stringMatching(/Z$/) as string,
  });
});

it('finds by the beginning of the digest where only one begins so', async () => {
  for (const head of ['cd34', 'cd35']) await store.policies.keep({ digest: digest(head), canonical: '{}', files: [] });
  expect((await store.policies.find('sha256:cd34'))?.digest).toBe(digest('cd34'));
  expect((await store.policies.find('cd35'))?.digest).toBe(digest('cd35'));
  expect(await store.policies.find('cd3')).toBeNull();
  expect(await store.policies.find('ffff')).toBeNull();
  expect(await store.policies.find('%')).toBeNull();
});
