/**
 * A client that saw its cancel request end goes on with the next statement, which the request must not hit (PostgreSQL, protocol flow, "Canceling
 * Requests in Progress"). So the connection of the request ends once the target took it, whichever process of the deployment has the session.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bus, BusEvent } from '../../src/contract/session-store.js';
import { type StubConnection, type StubServer, startStubServer, until } from '../protocols/postgres/hostile/stub-server.js';
import { busForTests, type PathWorld, startPathWorld } from '../support/path-world.js';
import { int32, query, RawClient } from '../support/raw-client.js';

let server: StubServer;
let bus: Bus;
let events: BusEvent[];
let worlds: PathWorld[];

beforeEach(async () => {
  server = await startStubServer();
  bus = busForTests();
  events = [];
  bus.subscribe((event) => void events.push(event));
  worlds = await Promise.all([startPathWorld({ server, bus }), startPathWorld({ server, bus })]);
});
afterEach(async () => {
  for (const world of worlds) await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const portOf = (index: number): number => worlds[index]?.port ?? 0;

/** A session of the first process with a statement that does not end, and the key that cancels it. */
async function running(): Promise<{ client: RawClient; key: Buffer }> {
  const client = await RawClient.login(portOf(0), 'bank-db', 'token-alice', 'bank-db');
  client.send(query('SELECT 1'));
  return { client, key: client.greeting.find(({ type }) => type === 'K')?.body ?? Buffer.alloc(0) };
}

/** Asks at a process, and tells whether that connection has ended. */
async function ask(port: number, key: Buffer): Promise<{ readonly over: boolean; readonly ended: Promise<void> }> {
  const canceller = await RawClient.open(port);
  canceller.send(Buffer.concat([int32(16), int32(80_877_102), key]));
  const asked = { over: false, ended: Promise.resolve() };
  asked.ended = canceller.untilClosed().then(() => void (asked.over = true));
  return asked;
}

const isRequest = ({ bytes }: StubConnection): boolean => bytes().length >= 8 && bytes().readUInt32BE(4) === 80_877_102;

/** The request as it came to the target. */
async function atTarget(): Promise<StubConnection> {
  await until(() => server.connections.some((each) => isRequest(each) && each.bytes().length >= 16));
  return server.connections.find(isRequest) as StubConnection;
}

/** Whatever is under way between these sockets has come when another round trip has. */
async function roundTrip(port: number): Promise<void> {
  (await RawClient.login(port, 'bank-db', 'token-bob', 'bank-db')).close();
}

describe('the connection of a cancel request', () => {
  it.each([
    ['that has the session', 0],
    ['other than that of the session', 1],
  ])('ends when the target took it, at a process %s', async (_what, process) => {
    const { client, key } = await running();
    const asked = await ask(portOf(process), key);
    const { socket } = await atTarget();
    await roundTrip(portOf(process));
    expect(asked.over).toBe(false);
    socket.end();
    await asked.ended;
    client.close();
    if (process === 1) expect(events.map(({ kind }) => kind)).toEqual(['session.cancel', 'session.cancelled']);
  });

  it('ends for a key that nobody knows, and nothing comes to the target', async () => {
    const { client } = await running();
    await (await ask(portOf(1), Buffer.alloc(8, 7))).ended;
    for (const process of [0, 1]) await roundTrip(portOf(process));
    expect(server.connections.filter(isRequest)).toEqual([]);
    client.close();
  });
});
