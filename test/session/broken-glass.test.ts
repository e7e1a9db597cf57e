/** A session that was opened by breaking the glass: it lasts as long as the policy in force lets that glass be broken, and no longer. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { LocalPort } from '../../src/tunnel/local-port.js';
import { askingPolicy } from '../approval/asking-policy.js';
import { type DeskWorld, startDeskWorld } from '../approval/desk-world.js';
import { demand } from '../approval/fixture.js';
import { eventually } from '../store/state-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';
import { type TestCertificate, testCertificate } from '../support/test-certificate.js';

const SECRET = 'S'.repeat(43);
const MINUTE = 60_000;

let server: RealPostgres;
let desks: DeskWorld;
let world: PathWorld;
let port: LocalPort;
let certificate: TestCertificate;
let asks: ReturnType<typeof demand> | null = null;
/** How often the policy was asked whether somebody may connect, or stay. */
let looks = 0;

beforeAll(async () => {
  certificate = await testCertificate();
  [server, desks] = await Promise.all([startRealPostgres('18'), startDeskWorld(1)]);
  // The path counts by the machine's clock.
  desks.clock.advance(Date.now() - desks.clock.now());
  const [desk] = desks.desks;
  if (desk === undefined) throw new Error('no desk');
  world = await startPathWorld({
    server,
    certificate,
    approvals: desk.door,
    wrapPolicy: (set) =>
      askingPolicy(set, {
        operation: () => null,
        get connect() {
          looks++;
          return asks;
        },
      }),
  });
  desks.policy = world.policy;
});
beforeEach(() => {
  asks = demand({ breakGlassMs: 10 * MINUTE });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await desks?.close();
  await server?.[Symbol.asyncDispose]();
});

/** By a login of its own each time: nobody breaks a glass again that was not reviewed. */
async function broken(name: string): Promise<{ client: pg.Client; end: Promise<void> }> {
  port = await LocalPort.open({
    gateway: { host: 'localhost', port: world.tlsPort ?? 0, ca: certificate.ca },
    port: 0,
    hello: () =>
      Promise.resolve({ target: 'bank-db', token: `token-${name}`, secret: SECRET, reason: 'payments stand still', client: 'test', breakGlass: true }),
  });
  const client = new pg.Client({ host: '127.0.0.1', port: port.port, user: 'bank-db', password: SECRET, database: 'postgres' });
  const end = new Promise<void>((resolve) => client.once('end', resolve));
  client.on('error', () => undefined);
  await client.connect();
  return { client, end };
}

it.each([
  ['does not let it be broken any more', 'ann', () => demand({ breakGlassMs: null })],
  ['lets it be broken for a shorter time', 'ben', () => demand({ breakGlassMs: 1 })],
] as const)('ends within seconds where policy %s', async (_, name, less) => {
  const { client, end } = await broken(name);
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  asks = less();
  await end;
  await expect(client.query('select 1')).rejects.toThrow();
  await port.close();
});

it('goes on where policy asks nobody any more, or for longer', async () => {
  const { client, end } = await broken('cid');
  const ended = end.then(() => 'ended');
  const lookedAt = async (): Promise<string> => {
    const before = looks;
    await eventually('the session is looked at twice', () => looks > before + 1);
    return 'there';
  };
  for (const more of [null, demand({ breakGlassMs: 20 * MINUTE })]) {
    asks = more;
    expect(await Promise.race([ended, lookedAt()])).toBe('there');
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  }
  await client.end();
  await port.close();
});
