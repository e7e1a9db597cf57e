/** Parameters are recorded as they came, whatever their length (seen under kill -9: those of more than 64 KiB were cut without a word). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RecordedOperation, readSession } from '../../../src/recording/index.js';
import { type PathWorld, startPathWorld } from '../../support/path-world.js';
import { bind, execute, frame, parse, RawClient, rowsOf, sync } from '../../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../../support/real-postgres.js';

let server: RealPostgres;
let world: PathWorld;

beforeAll(async () => {
  server = await startRealPostgres('18');
  world = await startPathWorld({ server, resultCap: 16 << 20 });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

async function recorded(): Promise<RecordedOperation[]> {
  const operations: RecordedOperation[] = [];
  for await (const item of readSession(world.journalDir, world.bootId, world.sessions.at(-1) ?? ''))
    if (item.kind === 'operation') operations.push(item.operation);
  return operations;
}

describe('parameters in the record', () => {
  it.each([10, 65_000, 70_000, 1_000_000, 1_048_576, 3_000_000])('of %i bytes are all that was sent', async (size) => {
    const client = await RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
    const value = Array.from({ length: Math.ceil(size / 8) }, (_, n) => String(n).padStart(8, '.'))
      .join('')
      .slice(0, size);
    const message = bind('', '', value);
    expect(rowsOf(await client.run(parse('', 'SELECT length($1::text)'), message, execute(''), sync()))).toEqual([[String(size)]]);
    client.send(frame('X'));
    await client.untilClosed();
    const [operation] = await recorded();
    // Behind the two empty names. What is held whole is in the parameters, the rest of a longer one is the operation's input.
    const sent = message.subarray(7);
    expect(operation?.received.bytes.length === 0).toBe(size <= 1_000_000);
    expect(Buffer.concat([operation?.parameters ?? Buffer.alloc(0), operation?.received.bytes ?? Buffer.alloc(0)]).equals(sent)).toBe(true);
    expect(operation?.received.cut).toBe(false);
    expect(operation?.outcome?.status).toBe('ok');
  });
});
