/** Names that a server with another encoding takes for others than the gateway does: a database of LATIN1 cuts them at other bytes. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bind, execute, fields, parse, query, RawClient, type Reply, rowsOf, sync } from '../support/raw-client.js';
import { canariesIn } from './canary.js';
import { CANARY_SCHEMA, type CanaryWorld, startCanaryWorld } from './canary-world.js';

let canary: CanaryWorld;

beforeAll(async () => {
  canary = await startCanaryWorld();
  const { server } = canary;
  await server.sql("create database legacy encoding 'LATIN1' locale 'C' template template0");
  const owner = await RawClient.login(server.port, server.username, server.password, 'legacy');
  await owner.run(query(CANARY_SCHEMA));
  owner.close();
});
afterAll(() => canary[Symbol.asyncDispose]());

const CLEAN = 'a'.repeat(62);
const LONG = `${CLEAN}é`;
const through = (): Promise<RawClient> => RawClient.login(canary.world.port, 'bank-db', 'token-ann', 'legacy');

it('a name that is cut elsewhere is not taken for another one', async () => {
  const found: string[] = [];
  const shown: Reply[] = [];
  for (const run of [
    [query(`execute "${LONG}"`)],
    [query(`execute U&"${CLEAN}\\00e9"`)],
    [parse('', `execute "${LONG}"`), bind('', ''), execute(''), sync()],
  ]) {
    const client = await through();
    await client.run(query(`prepare "${LONG}" as select ssn || '!' as v from bank.customers`));
    await client.run(query(`prepare "${CLEAN}" as select 'q' || '' as v`));
    shown.push(...(await client.run(...run)));
    client.close();
  }
  found.push(...canariesIn(Buffer.concat(shown.map(({ body }) => body))));
  expect(found).toEqual([]);
  expect(shown.filter(({ type }) => type === 'E').map((reply) => fields(reply)['M'])).toEqual(
    Array.from({ length: 3 }, () => expect.stringContaining('a name outside ASCII')),
  );
});

it('constants may hold anything, and what is hidden is', async () => {
  const client = await through();
  expect(rowsOf(await client.run(query("select 'é' as v, ssn /* é */ from bank.customers where id = 1")))).toEqual([['é', expect.stringContaining('*')]]);
  client.close();
});
