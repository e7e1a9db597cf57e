/**
 * Nothing that matters happens without an entry in the log: every command and every kind of decision is walked against a real gateway, and the log is asked
 * for what came of it. A command, an effect or a treatment that is new fails here until it is listed: with its entry, or with the reason why it has none.
 * Routes are walked in test/api.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalList, SessionList } from '../../src/contract/api-types.js';
import type { DecisionEffect } from '../../src/contract/decision.js';
import type { Treatment } from '../../src/contract/masking.js';
import { createAuditReader } from '../../src/gateway/audit-reader.js';
import { eventually } from '../store/state-server.js';
import { ROOT } from '../support/build-cli.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: partial }, iban: { treatment: mask } }
data: { public.people.ssn: { class: ssn }, public.people.iban: { class: iban } }
masks:
  - { id: dba-sees, classes: [ssn], treatment: clear, subjects: { groups: [dba] } }
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers, dba, admins, auditors] } }
  - { id: no-drop, effect: deny, actions: [drop] }
  - id: deletes
    effect: require_approval
    actions: [delete]
    approval: { groups: [dba], expires: 10m, grants: 2h }
    break_glass: { groups: [engineers], for: 10m }
`;

/** Why a command leaves nothing in the log. */
const LOCAL = 'does something on this machine only';
const FILES = 'reads files where they lie; the gateway is not asked';
const OWN = "shows the caller's own rights, requests or state, and nothing of anybody else";
/** An entry of this kind; or a reason. `like`: it goes the same way as that command, and has tests of its own. */
type Trace = { readonly entry: string } | { readonly none: string } | { readonly like: string };

const COMMANDS: Readonly<Record<string, Trace>> = {
  approve: { entry: 'approval.approve' },
  'audit:cosign': { none: FILES },
  'audit:key': { none: FILES },
  'audit:key:rotate': { entry: 'log.keys' },
  'audit:mirror': { entry: 'log.read' },
  'audit:prove': { none: FILES },
  'audit:search': { entry: 'log.read' },
  'audit:sinks': { none: 'shows how far sinks are, and nothing of what is in them' },
  'audit:tail': { entry: 'log.read' },
  'audit:verify': { none: FILES },
  'audit:witness': { entry: 'log.read' },
  'autocomplete:fish': { none: LOCAL },
  config: { none: LOCAL },
  'config:ls': { none: LOCAL },
  'config:rm': { none: LOCAL },
  'config:set': { none: LOCAL },
  'config:unset': { none: LOCAL },
  'config:use': { none: LOCAL },
  connect: { entry: 'session.start' },
  deny: { entry: 'approval.deny' },
  doctor: { none: OWN },
  'evidence:export': { like: 'sessions:export' },
  'evidence:verify': { none: FILES },
  exec: { entry: 'session.start' },
  'gateway:check': { none: FILES },
  'gateway:start': { entry: 'gateway.start' },
  'grants:ls': { none: OWN },
  'grants:revoke': { entry: 'grant.revoke' },
  'help:exit-codes': { none: LOCAL },
  'hold:add': { entry: 'hold.add' },
  'hold:ls': { entry: 'log.read' },
  'hold:release': { entry: 'hold.release' },
  login: { none: 'happens at the issuer; what the gateway refuses is login.refused' },
  logout: { none: LOCAL },
  ls: { none: OWN },
  'masking:scan': { entry: 'masking.scan' },
  'masking:tags': { none: 'shows which columns carry a class, and no value of them' },
  overview: { none: OWN },
  'policy:check': { none: FILES },
  'policy:diff': { none: FILES },
  'policy:explain': { entry: 'policy.explain' },
  'policy:show': { entry: 'policy.read' },
  'policy:simulate': { entry: 'policy.simulate' },
  'policy:test': { none: FILES },
  psql: { entry: 'session.start' },
  quickstart: { none: 'starts a gateway of its own, whose log it is' },
  'quickstart:token': { none: LOCAL },
  'recordings:export': { like: 'sessions:export' },
  'recordings:ls': { like: 'sessions:ls' },
  'recordings:rm': { none: LOCAL },
  'recordings:upload': { none: 'every piece and the end are entries, which the walk over routes looks for' },
  'retention:ls': { entry: 'log.read' },
  'retention:run': { entry: 'retention.request' },
  'request:cancel': { entry: 'approval.cancel' },
  'request:create': { entry: 'approval.request' },
  'request:ls': { none: 'shows requests to those who ask and to those who are asked' },
  'request:show': { none: 'shows a request to who asks and to those who are asked' },
  'sessions:erase': { entry: 'session.erase' },
  'sessions:export': { entry: 'log.read' },
  'sessions:kill': { entry: 'session.kill' },
  'sessions:ls': { entry: 'log.read' },
  'sessions:play': { entry: 'log.read' },
  'sessions:search': { entry: 'log.read' },
  'sessions:show': { entry: 'log.read' },
  'sessions:watch': { entry: 'log.read' },
  ssh: { like: 'connect' },
  'ssh-ca': { none: 'prints a public key' },
  'ssh-cert': { none: 'certificate.issue, which the walk over routes looks for' },
  'ssh-config': { none: LOCAL },
  'ssh-proxy': { like: 'connect' },
  status: { none: OWN },
  'users:lock': { entry: 'subject.lock' },
  'users:ls': { entry: 'log.read' },
  'users:unlock': { entry: 'subject.unlock' },
  version: { none: LOCAL },
};

/** What each effect of policy leaves, at the connection and at an operation; what is allowed is in the journal, under the root of its segment. */
const EFFECTS: Readonly<Record<DecisionEffect, readonly string[]>> = {
  allow: ['session.start', 'session.end', 'journal.segment'],
  deny: ['operation.deny', 'login.refused'],
  require_approval: ['approval.hold', 'approval.use', 'grant.use', 'approval.break_glass'],
};
const TREATMENTS: Readonly<Record<Treatment, string>> = {
  clear: 'data.clear',
  partial: 'data.masked',
  mask: 'data.masked',
  token: 'data.masked',
  null: 'data.masked',
  generalise: 'data.masked',
};

let world: GatewayWorld;
let home: CliHome;
let gateway: RunningGateway;
const who: Record<string, Record<string, string>> = {};
const walked = new Set<string>();

beforeAll(async () => {
  [world, home] = await Promise.all([startGatewayWorld(), makeHome()]);
  await world.writePolicy(POLICY);
  // A key that was replaced counts from the next heartbeat on.
  await world.configure({ audit: { heartbeat: '1s' } });
  await world.target.sql(
    "create table people (id int, ssn text, iban text); insert into people values (1, '123-45-6789', 'DE89370400440532013000'); create table entries (id int); insert into entries select generate_series(1, 9)",
  );
  gateway = await world.start();
  const caFile = join(world.dir, 'ca.pem');
  await writeFile(caFile, world.ca);
  for (const [name, group] of [
    ['alice', 'engineers'],
    ['bob', 'dba'],
    ['root', 'admins'],
    ['aud', 'auditors'],
    ['eve', 'sales'],
  ] as const)
    who[name] = { GW_GATEWAY: gateway.url, GW_CA_FILE: caFile, GW_ID_TOKEN: await world.token(name, [group]), PSQLRC: '/dev/null' };
});
afterAll(async () => {
  await world?.close();
  await home?.remove();
});

async function entriesOf(kind: string): Promise<number> {
  const filter = { kinds: [kind], subject: null, target: null, session: null, text: null, since: null, until: null };
  return (await createAuditReader(join(world.dir, 'data')).search(filter, 1_000, null)).entries.length;
}

/** Runs a command to its end; its entry comes with it. */
async function walk(command: string, name: string, argv: readonly string[], code = 0): Promise<string> {
  const trace = COMMANDS[command];
  const kind = trace !== undefined && 'entry' in trace ? trace.entry : '';
  const before = await entriesOf(kind);
  const result = await home.run([...command.split(':'), ...argv], { env: who[name] ?? {} });
  expect([command, result.code, result.stderr]).toEqual([command, code, expect.anything()]);
  await eventually(`${command} leaves ${kind}`, async () => (await entriesOf(kind)) > before);
  walked.add(command);
  return result.stdout;
}

async function requested(name: string, argv: readonly string[] = ['--for', '1h']): Promise<string> {
  await walk('request:create', name, ['bank-db', ...argv, '--reason', 'month end']);
  const { stdout } = await home.run(['request', 'ls', '--json'], { env: who[name] ?? {} });
  return (JSON.parse(stdout) as ApprovalList).requests.find(({ state }) => state === 'pending')?.id ?? '';
}

const psql = (sql: string): string[] => ['bank-db', '--', '-X', '-c', sql];

describe('the log', () => {
  it('is thought of for every command', async () => {
    const manifest = JSON.parse(await readFile(join(ROOT, 'oclif.manifest.json'), 'utf8')) as { readonly commands: object };
    expect(Object.keys(manifest.commands).filter((command) => !Object.hasOwn(COMMANDS, command))).toEqual([]);
    for (const trace of Object.values(COMMANDS)) if ('like' in trace) expect(COMMANDS[trace.like]).toHaveProperty('entry');
  });

  it('has an entry of each command that has something to say', async () => {
    // The worker that began is an entry, with the command that began it.
    await eventually('the gateway began', async () => (await entriesOf('gateway.start')) === 1);
    walked.add('gateway:start');

    await walk('connect', 'alice', psql('select 1'));
    await walk('exec', 'alice', ['bank-db', '--', 'psql', '-X', '-c', 'select 2']);
    await walk('psql', 'alice', psql('select 3'));

    const granted = await requested('alice');
    await walk('approve', 'bob', [granted, '--yes']);
    await walk('connect', 'alice', psql('delete from entries where id = 1'));
    await walk('grants:revoke', 'bob', [granted, '--reason', 'enough']);
    await walk('deny', 'bob', [await requested('alice'), '--reason', 'no']);
    await walk('request:cancel', 'alice', [await requested('alice')]);

    const client = await world.connect(gateway, await world.token('alice'));
    const live = await home.run(['sessions', 'ls', '--state', 'live', '--json'], { env: who['alice'] ?? {} });
    const session = (JSON.parse(live.stdout) as SessionList).sessions[0]?.id ?? '';
    await walk('sessions:kill', 'root', [session, '--reason', 'walk']);
    await client.end().catch(() => undefined);
    await walk('retention:ls', 'root', []);
    await walk('retention:run', 'root', ['--dry-run']);
    await walk('sessions:ls', 'aud', []);
    await walk('sessions:search', 'aud', ['select']);
    for (const command of ['sessions:show', 'sessions:export', 'sessions:play', 'sessions:watch']) await walk(command, 'aud', [session]);

    await walk('audit:search', 'aud', ['--kind', 'session.start']);
    await walk('audit:mirror', 'aud', ['--to', join(world.dir, 'mirror')]);
    const keys = join(world.dir, 'audit.pub');
    await writeFile(keys, (await home.run(['audit', 'key', '--config', world.configFile])).stdout);
    await walk('audit:witness', 'aud', ['--remote', '--state', join(world.dir, 'witness'), '--key', keys]);
    const before = await entriesOf('log.read');
    const tail = home.start(['audit', 'tail', '--last', '1'], { env: who['aud'] ?? {} });
    await eventually('audit:tail leaves log.read', async () => (await entriesOf('log.read')) > before);
    tail.child.kill('SIGINT');
    await tail.done;
    walked.add('audit:tail');

    await walk('masking:scan', 'root', ['bank-db']);
    await walk('policy:explain', 'root', ['--target', 'bank-db', 'drop table people']);
    await walk('policy:show', 'root', []);
    await walk('policy:simulate', 'aud', ['--policy', join(world.dir, 'policy.yaml')]);
    await walk('users:ls', 'root', []);
    await walk('users:lock', 'root', ['alice', '--reason', 'walk']);
    await walk('users:unlock', 'root', ['alice', '--reason', 'walk']);
    const hold = (JSON.parse(await walk('hold:add', 'root', ['--target', 'bank-db', '--reason', 'walk', '--json'])) as { id: string }).id;
    await walk('hold:ls', 'root', []);
    await walk('hold:release', 'root', [hold, '--reason', 'walk']);
    await walk('sessions:erase', 'root', [session, '--reason', 'walk']);
    await walk('audit:key:rotate', 'root', ['--config', world.configFile]);

    const wanted = Object.entries(COMMANDS).flatMap(([command, trace]) => ('entry' in trace ? [command] : []));
    expect(wanted.filter((command) => !walked.has(command))).toEqual([]);
  }, 300_000);

  it('has an entry of each effect of policy and of each treatment', async () => {
    expect((await home.run(['connect', ...psql('drop table people')], { env: who['alice'] ?? {} })).code).not.toBe(0);
    expect((await home.run(['connect', ...psql('select 1')], { env: who['eve'] ?? {} })).code).not.toBe(0);
    await expect(world.connect(gateway, 'no token')).rejects.toThrow();
    const held = home.start(['connect', ...psql('delete from entries where id = 2')], { env: who['alice'] ?? {} });
    let id = '';
    await eventually('it is held', async () => {
      const { stdout } = await home.run(['approve', '--json'], { env: who['bob'] ?? {} });
      id = (JSON.parse(stdout) as ApprovalList).requests[0]?.id ?? '';
      return id !== '';
    });
    expect((await home.run(['approve', id, '--yes'], { env: who['bob'] ?? {} })).code).toBe(0);
    expect((await held.done).code).toBe(0);
    const glass = ['connect', 'bank-db', '--break-glass', '--reason', 'payments stand still', '--', '-X', '-c', 'delete from entries where id = 3'];
    expect((await home.run(glass, { env: who['alice'] ?? {} })).code).toBe(0);
    for (const name of ['alice', 'bob']) expect((await home.run(['connect', ...psql('select ssn, iban from people')], { env: who[name] ?? {} })).code).toBe(0);
    gateway.process.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
    const missing: string[] = [];
    for (const kind of [...Object.values(EFFECTS).flat(), ...Object.values(TREATMENTS), 'gateway.stop', 'log.close'])
      if ((await entriesOf(kind)) === 0) missing.push(kind);
    expect(missing).toEqual([]);
  });
});
