/**
 * Masking in bulk: 200 MB of which columns are masked and others looked through cost this process no more than a fixed amount of memory, whatever
 * way they come, and so does what is copied in and watched. Server, gateway and client are real; the client keeps nothing.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { execute, fields, frame, parse, query, RawClient, rowsOf, sync } from '../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';

const MB = 1_000_000;
const TOTAL = 200 * MB;
/** Less than half of what comes: nothing of it may be kept. The runtime's own room for bytes in flight is in it. */
const BOUND = 80 * MB;
const ROWS = 230_000;
const SSN = '536-90-4399';
const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: partial, detect: true }, account: { treatment: token }, note: { treatment: mask } }
data: { public.people.ssn: { class: ssn }, public.people.account: { class: account }, public.people.note: { class: note } }
rules: [{ id: all-connect, effect: allow, actions: [connect] }]
`;
const QUERY = `select ssn, account, note, filler from people, generate_series(1, ${ROWS})`;
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

let server: RealPostgres;
let world: PathWorld;

beforeAll(async () => {
  server = await startRealPostgres('18');
  // The filler is what detectors look at, and holds a number that they find.
  await server.sql(`create table people (ssn text, account bigint, note text, filler text);
    insert into people values ('${SSN}', 4711471147114711, '${SSN}', repeat('a word of text ', 60) || ' ssn ${SSN} ');
    create table copied (like people)`);
  world = await startPathWorld({ server, policy: POLICY.replace('public.people.ssn', "'public.*.ssn'"), resultCap: 1_000_000 });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const login = (): Promise<RawClient> => RawClient.login(world.port, 'bank-db', 'token-ann', 'bank-db');

interface Seen {
  readonly bytes: number;
  /** Most that the process grew meanwhile. */
  readonly grown: number;
  readonly clear: number;
}

/** Sends, and reads until the session is ready. */
async function stream(client: RawClient, ...messages: Buffer[]): Promise<Seen> {
  client.socket.removeAllListeners('data');
  const before = process.memoryUsage.rss();
  let [bytes, grown, clear] = [0, 0, 0];
  let tail = Buffer.alloc(0);
  await new Promise<void>((resolve) => {
    client.socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      grown = Math.max(grown, process.memoryUsage.rss() - before);
      const joined = Buffer.concat([tail, chunk.subarray(0, SSN.length)]);
      if (chunk.includes(SSN) || joined.includes(SSN)) clear++;
      tail = Buffer.from(Buffer.concat([tail, chunk.subarray(-SSN.length)]).subarray(-SSN.length));
      if (tail.subarray(-READY.length).equals(READY)) resolve();
    });
    client.send(...messages);
  });
  client.close();
  return { bytes, grown, clear };
}

describe('a result of 200 MB', () => {
  it.each<[string, readonly Buffer[]]>([
    ['simple query', [query(QUERY)]],
    ['in binary', [parse('', QUERY), frame('B', Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, 0, 1])), frame('D', 'P\0'), execute(''), sync()]],
    ['COPY', [query(`copy (${QUERY}) to stdout`)]],
  ])('costs a fixed amount of memory: %s', async (_how, messages) => {
    // What is loaded and grows once is there before it is measured.
    await stream(
      await login(),
      ...messages.map((message) => Buffer.from(message.toString('latin1').replace(String(ROWS), String(ROWS / 10).padEnd(6)), 'latin1')),
    );
    const { bytes, grown, clear } = await stream(await login(), ...messages);
    expect(clear).toBe(0);
    expect(bytes).toBeGreaterThan(TOTAL);
    expect(grown).toBeLessThan(BOUND);
  });
});

it('COPY of 200 MB into a table of hidden data, which is looked through, costs a fixed amount of memory', async () => {
  const row = Buffer.from(`123-45-6789\t1\tnote\t${'x'.repeat(900)}\n`);
  const piece = frame('d', Buffer.concat(Array.from({ length: 60 }, () => row)));
  const pieces = Math.ceil(TOTAL / piece.length);
  const client = await login();
  await client.run(query('begin'));
  client.send(query('copy copied from stdin'));
  for (let reply = await client.next(); reply.type !== 'G'; reply = await client.next()) expect(reply.type).not.toBe('E');
  const send = async (count: number): Promise<number> => {
    let grown = 0;
    const before = process.memoryUsage.rss();
    for (let sent = 0; sent < count; sent++) {
      if (!client.socket.write(piece)) await new Promise<void>((resolve) => client.socket.once('drain', resolve));
      grown = Math.max(grown, process.memoryUsage.rss() - before);
    }
    return grown;
  };
  await send(pieces / 10);
  expect(await send(pieces)).toBeLessThan(BOUND);
  // It was looked at to its end: the last row is refused.
  const replies = await client.run(frame('d', '***-**-4399\t1\tnote\tx\n'), frame('c'));
  expect(replies.filter(({ type }) => type === 'E').map((reply) => fields(reply)['M'])).toEqual([expect.stringMatching(/put in the place of another/)]);
  await client.run(query('rollback'));
  expect(rowsOf(await client.run(query('select count(*) from copied')))).toEqual([['0']]);
  client.close();
});
