/** What a decision holds an operation to is held by what really happens; and what must be asked for is refused where nobody can be asked. */
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { readSession } from '../../src/recording/index.js';
import { complete, dataRow, errorMessage, ready, rowDescription, type StubServer, startStubServer, until } from '../protocols/postgres/hostile/stub-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { fields, frame, query, RawClient, shape } from '../support/raw-client.js';

const POLICY = `
version: 1
rules:
  - { id: connect, effect: allow, actions: [connect] }
  - { id: read, effect: allow, actions: [select, copy_to], limits: { rows: 3, bytes: 1KiB, seconds: 1, statements: 3 } }
  - { id: big, effect: warn, actions: [select], resources: [relation: '*.customers'], message: Customers are people. }
  - { id: ask, effect: require_approval, actions: [delete], approval: { groups: [owners] } }
`;

let server: StubServer;
let world: PathWorld;
beforeAll(async () => {
  let lying: Socket | null = null;
  server = await startStubServer({
    onConnect: () => {
      lying?.write(frame('1', ''));
      lying = null;
    },
    onMessage: ({ socket }, { type, body }) => {
      const [, count = '0', width = '1'] = /rows (\d+) (\d+)/.exec(body.toString()) ?? [];
      if (type !== 'Q' || count === '99') return;
      // What stands upstream in the place of a refused statement is no SQL.
      if (body.toString().startsWith('gw refused')) {
        socket.write(Buffer.concat([errorMessage('ERROR', '42601', 'syntax error'), ready()]));
        return;
      }
      if (body.toString().startsWith('COPY')) {
        const data = Array.from({ length: Number(count) }, () => frame('d', 'x'.repeat(Number(width))));
        const response = frame('H', Buffer.from([0, 0, 0]));
        // A long one has not come to its tag yet.
        const end = count === '40' ? [] : [frame('c', ''), complete(`COPY ${count}`), ready()];
        socket.write(Buffer.concat([response, ...data, ...end]));
        return;
      }
      if (count === '98' || count === '97') {
        socket.write(Buffer.concat([rowDescription(), ...Array.from({ length: 4 }, () => dataRow('x'))]));
        // One goes on for ever; the other, asked to stop, answers what nobody asked.
        if (count === '97') lying = socket;
        else {
          const on = (): void => void (socket.writable && socket.write(dataRow('x'), () => setImmediate(on)));
          on();
        }
        return;
      }
      const rows = Array.from({ length: Number(count) }, () => dataRow('x'.repeat(Number(width))));
      socket.write(Buffer.concat([rowDescription(), ...rows, complete(`SELECT ${count}`), ready()]));
    },
  });
});
afterAll(() => server?.[Symbol.asyncDispose]());
beforeEach(async () => {
  world = await startPathWorld({ server, policy: POLICY });
});
afterEach(() => world[Symbol.asyncDispose]());

const connect = (): Promise<RawClient> => RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
const copied = (count: number): Buffer => query(`COPY (SELECT 'rows ${count} 1') TO STDOUT`);
const rows = (count: number, width = 1): Buffer => query(`SELECT 'rows ${count} ${width}'`);

async function lastError(client: RawClient): Promise<Record<string, string>> {
  const error = (await client.untilClosed()).findLast(({ type }) => type === 'E');
  return error === undefined ? {} : fields(error);
}

it('an operation within its limits is delivered', async () => {
  const client = await connect();
  expect(shape(await client.run(rows(3)))).toBe('T D D D C Z:I');
  expect(shape(await client.run(copied(3)))).toBe('H d d d c C Z:I');
  client.socket.destroy();
});

const delivered = async (): Promise<number> => {
  const sizes: number[] = [];
  for await (const item of readSession(world.journalDir, world.bootId, world.sessions[0] ?? '')) {
    if (item.kind === 'operation') sizes.push(item.operation.delivered.bytes.length);
  }
  return Math.max(...sizes);
};

it.each([
  ['rows', rows(4), 'more than 3 rows'],
  ['bytes', rows(1, 2000), 'more than 1024 bytes'],
])('one over its %s is refused and nothing beyond is delivered; the session goes on', async (_what, message, words) => {
  const client = await connect();
  const answer = await client.run(message);
  expect(shape(answer)).toBe('E Z:I');
  expect(answer[0] === undefined ? {} : fields(answer[0])).toMatchObject({ S: 'ERROR', C: '53400', M: expect.stringContaining(words) });
  expect(shape(await client.run(rows(1)))).toBe('T D C Z:I');
  client.close();
  await until(() => world.path.live.count() === 0);
  expect(await delivered()).toBeLessThanOrEqual(1024);
});

it.each([
  ['rows of a COPY', copied(40), 'more than 3 rows'],
  ['rows, sent for ever', rows(98), 'more than 3 rows'],
  ['rows, with an answer that nothing asked for', rows(97), 'unexpected message'],
  ['seconds', rows(99), 'more than 1 s'],
])('one over its %s that the target does not stop ends the session, and nothing beyond is delivered', async (_what, message, words) => {
  const client = await connect();
  client.socket.write(message);
  expect((await lastError(client))['M']).toContain(words);
  await until(() => world.path.live.count() === 0);
  expect(await delivered()).toBeLessThanOrEqual(1024);
});

it('a warning of the policy is said in front of the result, and changes nothing', async () => {
  const client = await connect();
  const answer = await client.run(query("SELECT 'rows 2 1' FROM bank.customers"));
  expect(shape(answer)).toBe('N T D D C Z:I');
  expect(answer[0] === undefined ? {} : fields(answer[0])).toMatchObject({ S: 'WARNING', M: expect.stringContaining('Customers are people. (') });
  client.socket.destroy();
});

it('the operation after the last of a session is refused', async () => {
  const client = await connect();
  for (let i = 0; i < 3; i++) expect(shape(await client.run(rows(0)))).toBe('T C Z:I');
  const refused = (await client.run(rows(0))).find(({ type }) => type === 'E');
  expect(refused === undefined ? '' : fields(refused)['M']).toContain('has run the 3 operations');
  client.socket.destroy();
});

it('what needs an approval is refused with whom to ask', async () => {
  const client = await connect();
  const refused = (await client.run(query('DELETE FROM t'))).find(({ type }) => type === 'E');
  expect(refused === undefined ? {} : fields(refused)).toMatchObject({ C: '42501', M: expect.stringContaining('test/ask asks for approval') as string });
  expect(refused === undefined ? '' : fields(refused)['D']).toContain('needs the approval of owners');
  client.socket.destroy();
});
