/** Recordings of clients over the API: who never opens a session begins so many and no more, and nothing is written down of what is refused. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LOOSE_RECORDINGS_LIMIT } from '../../src/contract/client-recording.js';
import { ApiWorld, codeOf } from './api-world.js';

let world: ApiWorld;

beforeAll(async () => void (world = await ApiWorld.start()));
afterAll(() => world?.close());

it('refuses one recording more than the limit, and takes those of others', async () => {
  const alice = await world.token('alice');
  const begin = (token: string) => world.ask('/api/v1/recordings', { token, body: { targets: ['bank-db'] } });
  for (let at = 0; at < LOOSE_RECORDINGS_LIMIT; at++) expect((await begin(alice)).status).toBe(200);
  world.audit.length = 0;
  const refused = await begin(alice);
  expect([refused.status, codeOf(refused)]).toEqual([429, 'recording.limit']);
  expect(world.audit).toEqual([]);
  expect((await begin(await world.token('bob'))).status).toBe(200);
});
