/** The last words of a server that goes down reach the client and the record, also while the refusal of a statement is on its way. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readSession } from '../../../../src/recording/index.js';
import { type PathWorld, startPathWorld } from '../../../support/path-world.js';
import { fields, frame, query, RawClient, shape } from '../../../support/raw-client.js';
import { startStubServer } from './stub-server.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect] }
  - { id: no-drop, effect: deny, actions: [drop], message: tables stay }
`;

let server: Awaited<ReturnType<typeof startStubServer>>;
let world: PathWorld;

beforeEach(async () => {
  server = await startStubServer({
    onMessage: ({ socket }) =>
      void socket.end(frame('N', 'SWARNING\0VWARNING\0C57P02\0Mterminating connection because of crash of another server process\0\0')),
  });
  world = await startPathWorld({ server, policy: POLICY });
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

it.each(['drop table t', 'select 1'])('in answer to: %s', async (text) => {
  const client = await RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
  client.send(query(text));
  const replies = await client.untilClosed();
  expect(shape(replies)).toBe('N');
  expect(replies.map((reply) => fields(reply)['C'])).toEqual(['57P02']);
  const items = [];
  for await (const item of readSession(world.journalDir, world.bootId, world.sessions.at(-1) ?? '')) items.push(item);
  expect(items.find(({ kind }) => kind === 'end')).toMatchObject({ end: { reason: 'target', message: null } });
  expect(
    JSON.stringify(
      items.map((item) => (item.kind === 'unsolicited' ? item.bytes.toString() : item.kind === 'operation' ? item.operation.delivered.bytes.toString() : '')),
    ),
  ).toContain('57P02');
});
