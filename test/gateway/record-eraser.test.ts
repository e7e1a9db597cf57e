/** What cannot be erased is not written to the log as erased: real journals, encrypted and not, and a real state database. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { createRecordEraser } from '../../src/gateway/record-eraser.js';
import { openStore, type Store } from '../../src/store/index.js';
import { end, open, start } from '../recording/session-fixture.js';
import { type StateServer, startStateServer } from '../store/state-server.js';

let server: StateServer;
let store: Store;
let dir: string;

beforeAll(async () => {
  server = await startStateServer();
  store = await openStore({ url: await server.database(), logger: silentLogger });
  dir = await mkdtemp(join(tmpdir(), 'gw-eraser-'));
  for (const [bootId, options] of [
    ['sealed', {}],
    ['plain', { encryption: null }],
  ] as const) {
    const journal = await open(dir, { bootId, ...options });
    journal.begin(start(`ses_${bootId}`)).end(end);
    journal.commit();
    await journal.close();
  }
});
afterAll(async () => {
  await store?.close();
  await server?.close();
  await rm(dir, { recursive: true, force: true });
});

it.each([
  ['that can be erased', 'ses_sealed', 'sealed', null, 1],
  ['of a journal that is not encrypted', 'ses_plain', 'plain', 'record.plain', 0],
  ['of a journal that is on another gateway', 'ses_other', 'other', 'record.elsewhere', 0],
  ['of which the journal leads out of the directory', 'ses_sealed', 'x/../sealed', 'record.elsewhere', 0],
] as const)('a session %s is written to the log before, or not at all', async (_what, id, journal, code, written) => {
  store.sessions.started({ ...start(id), startedAt: 0 }, journal);
  store.sessions.ended(id, { ...end, endedAt: 0 });
  await store.sessions.flush();
  const session = await store.sessions.find(id);
  if (session === null) throw new Error('there is no session');
  const erase = createRecordEraser({ journalDir: dir, holds: store.holds, contents: store.contents });
  let records = 0;
  const erasing = erase({ ...session, journal, content: 'kept' }, () => Promise.resolve(void records++));
  if (code === null) await erasing;
  else await expect(erasing).rejects.toMatchObject({ code });
  expect(records).toBe(written);
});
