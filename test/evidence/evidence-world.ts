/**
 * A gateway with a history that evidence is made of: people and an agent at work on a real PostgreSQL server, values masked and seen in clear, operations
 * refused, approved and denied, a refused login, a change of policy; and a pack of it, exported as an auditor does.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from '../gateway/gateway-world.js';
import { eventually } from '../store/state-server.js';
import { type CliHome, makeHome } from '../support/run-cli.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: partial }, pan: { treatment: mask } }
data: { bank.customers.ssn: { class: ssn }, bank.customers.card: { class: pan } }
masks:
  - { id: fraud-sees-numbers, subjects: { groups: [fraud] }, classes: [ssn], treatment: clear }
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers, admins, fraud] } }
  - { id: robots, effect: allow, actions: [connect], subjects: { kinds: [agent, service] } }
  - { id: no-drop, effect: deny, actions: [drop] }
  - id: ask-for-deletes
    effect: require_approval
    actions: [delete]
    approval: { groups: [reviewers], expires: 10m }
`;

export interface EvidenceWorld {
  readonly world: GatewayWorld;
  readonly gateway: RunningGateway;
  readonly home: CliHome;
  readonly data: string;
  readonly keyFile: string;
  /** Environment of a CLI that is logged in as an auditor. */
  readonly auditor: Readonly<Record<string, string>>;
  /** Sessions by who had them. */
  readonly sessions: ReadonlyMap<string, string>;
  /** Runs gw as the auditor. */
  gw(...argv: readonly string[]): ReturnType<CliHome['run']>;
  close(): Promise<void>;
}

export async function startEvidenceWorld(workers = 2): Promise<EvidenceWorld> {
  const world = await startGatewayWorld();
  const home = await makeHome();
  await world.writePolicy(POLICY);
  await world.configure({ workers });
  await world.target.sql(`
    create schema bank;
    create table bank.customers (id int primary key, name text, ssn text, card text);
    insert into bank.customers select n, 'customer ' || n, '123-45-' || (6700 + n), '4111111111111111' from generate_series(1, 8) n;
  `);
  const gateway = await world.start();
  const keyFile = join(world.dir, 'audit.pub');
  await writeFile(keyFile, (await home.run(['audit', 'key', '--config', world.configFile])).stdout);
  const auditor = { GW_ID_TOKEN: await world.token('audrey', ['auditors']), GW_GATEWAY: gateway.url, GW_CA_FILE: join(world.dir, 'ca.pem') };
  await writeFile(auditor.GW_CA_FILE, world.ca);
  await history(world, gateway);
  const token = await world.token('audrey', ['auditors']);
  const list = (await world.api(gateway, '/api/v1/sessions', { token })).json as unknown as { sessions: { id: string; name: string }[] };
  return {
    world,
    gateway,
    home,
    data: join(world.dir, 'data'),
    keyFile,
    auditor,
    sessions: new Map(list.sessions.map(({ id, name }) => [name, id])),
    gw: (...argv) => home.run(argv, { env: auditor }),
    close: async () => {
      await world.close();
      await home.remove();
    },
  };
}

/** What the identity provider says of how people logged in; of others it says nothing. */
const FACTORS = { amr: ['pwd', 'mfa'], acr: 'urn:bank:strong' };

async function history(world: GatewayWorld, gateway: RunningGateway): Promise<void> {
  const alice = await world.connect(gateway, await world.token('alice', ['engineers'], FACTORS));
  await alice.query('select name, ssn, card from bank.customers order by id');
  await refused(alice, 'drop table bank.customers');
  await approved(world, gateway, alice, 'delete from bank.customers where id = 8', true);
  await alice.end();
  const bob = await world.connect(gateway, await world.token('bob'));
  await approved(world, gateway, bob, 'delete from bank.customers where id = 7', false);
  await bob.query('update bank.customers set name = $1 where id = $2', ['=cmd("x"),y', 1]);
  await bob.end();
  const fay = await world.connect(gateway, await world.token('fay', ['fraud']));
  await fay.query('select ssn from bank.customers where id = 1');
  await fay.end();
  const robot = await world.connect(gateway, await world.token('robot', [], { act: { sub: 'ci-runner', iss: world.issuer.url } }));
  await robot.query('select count(*) from bank.customers');
  await robot.end();
  await world.connect(gateway, await world.token('mallory', ['strangers'])).then(
    (client) => client.end(),
    () => undefined,
  );
  await world.api(gateway, '/api/v1/users', { token: await world.token('alice') });
  const changed = gateway.log.length;
  await world.writePolicy(`${POLICY}  - { id: no-truncate, effect: deny, actions: [truncate] }\n`);
  await eventually('the policy changed', async () => Promise.resolve(gateway.log.slice(changed).some((line) => line['msg'] === 'policy changed')));
}

async function refused(client: pg.Client, statement: string): Promise<void> {
  await client.query(statement).then(
    () => {
      throw new Error(`${statement} was not refused`);
    },
    () => undefined,
  );
}

async function approved(world: GatewayWorld, gateway: RunningGateway, client: pg.Client, statement: string, yes: boolean): Promise<void> {
  const token = await world.token('rita', ['reviewers'], FACTORS);
  const waiting = client.query(statement).then(
    () => true,
    () => false,
  );
  let request: { id: string; digest: string } | undefined;
  await eventually('people are asked', async () => {
    const { json } = await world.api(gateway, '/api/v1/requests?for=me&state=pending', { token });
    request = (json as unknown as { requests?: { id: string; digest: string }[] }).requests?.[0];
    return request !== undefined;
  });
  // Whoever asked tries it first: that is refused, and is no approval.
  if (yes) {
    const own = await world.api(gateway, `/api/v1/requests/${request?.id ?? ''}/approve`, {
      token: await world.token('alice'),
      method: 'POST',
      body: { digest: request?.digest },
    });
    if (own.status !== 403) throw new Error(`alice approved her own request: ${own.status}`);
  }
  const path = `/api/v1/requests/${request?.id ?? ''}/${yes ? 'approve' : 'deny'}`;
  const reply = await world.api(gateway, path, { token, body: yes ? { digest: request?.digest ?? '', reason: 'as agreed' } : { reason: 'not now' } });
  if (reply.status !== 200 || (await waiting) !== yes) throw new Error(`the request was not ${yes ? 'approved' : 'denied'}: ${reply.text}`);
}
