/**
 * Approvals as their users have them: gateways in processes of their own, policy from a file, the real psql for alice and the real `gw` for
 * bob. What must hold: psql waits and says for whom, runs in its own transaction once approved, survives the gateway's death without
 * running twice, and says no in its own words.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalInfo, ApprovalList } from '../../src/contract/api-types.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from '../gateway/gateway-world.js';
import { eventually } from '../store/state-server.js';
import { type CliHome, makeHome } from '../support/run-cli.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers, dba] } }
  - id: writes
    effect: require_approval
    actions: [delete, update]
    approval: { groups: [dba], expires: 10m, grants: 2h }
    break_glass: { groups: [engineers], for: 10m }
    message: writes are seen by a second person
  - { id: few, effect: allow, actions: [insert], limits: { rows: 3 }, approval: { groups: [dba], expires: 10m } }
  - id: critical
    effect: require_approval
    actions: [truncate]
    tier: critical
    approval: { groups: [dba] }
`;

let world: GatewayWorld;
let gateway: RunningGateway;
let home: CliHome;
let bob: Record<string, string>;
let alice: Record<string, string>;
const children: ChildProcess[] = [];

async function start(): Promise<void> {
  gateway = await world.start();
  const port = Number(new URL(gateway.url).port);
  await home.trust(port, world.ca);
  const url = `https://localhost:${port}`;
  bob = { GW_GATEWAY: url, GW_ID_TOKEN: await world.token('bob', ['dba']) };
  alice = { GW_GATEWAY: url, GW_ID_TOKEN: await world.token('alice', ['engineers']), PSQLRC: '/dev/null' };
}

beforeAll(async () => {
  [world, home] = await Promise.all([startGatewayWorld(), makeHome()]);
  await world.writePolicy(POLICY);
  await world.configure({ workers: 2 });
  await start();
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(async () => {
  await world?.close();
  await home?.remove();
});

const table = async (): Promise<void> => {
  await world.target.sql(
    "drop table if exists entries; create table entries (id int, note text); insert into entries select i, 'old' from generate_series(1, 10) i",
  );
};
async function left(): Promise<number> {
  const direct = new pg.Client({ connectionString: world.target.url });
  await direct.connect();
  const { rows } = await direct.query<{ n: string }>('select count(*) n from entries');
  await direct.end();
  return Number(rows[0]?.n);
}

/** psql through `gw connect`, or straight to the native port. */
function run(command: string, args: readonly string[], env: Record<string, string>): { child: ChildProcess; said: () => string; done: Promise<number | null> } {
  const child = spawn(command, args, { env: { ...home.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (said += text));
  return { child, said: () => said, done: once(child, 'close').then(([code]) => code as number | null) };
}
const gw = (args: readonly string[], env = alice) => run(process.execPath, ['bin/run.js', ...args], env);

async function waiting(): Promise<ApprovalInfo> {
  let found: readonly ApprovalInfo[] = [];
  await eventually('one request waits for bob', async () => {
    const { stdout } = await home.run(['approve', '--json'], { env: bob });
    found = (JSON.parse(stdout) as ApprovalList).requests;
    return found.length === 1;
  });
  return found[0] as ApprovalInfo;
}

describe('psql', () => {
  it('waits with a NOTICE, and the statement runs in the same transaction of the same psql once bob approved it', async () => {
    await table();
    const psql = gw([
      'connect',
      'bank-db',
      '--reason',
      'TICKET-7',
      '--',
      '-X',
      '-v',
      'ON_ERROR_STOP=1',
      '-c',
      'begin',
      '-c',
      'insert into entries values (11)',
      '-c',
      'delete from entries where id in (1, 11)',
      '-c',
      'commit',
    ]);
    const request = await waiting();
    expect(request).toMatchObject({
      requester: { name: 'alice' },
      reason: 'TICKET-7',
      rule: 'policy/writes',
      operation: { text: 'delete from entries where id in (1, 11)' },
    });
    await eventually('psql says for whom it waits', () => psql.said().includes('HINT:'));
    expect(psql.said()).toMatch(new RegExp(`NOTICE: +waiting for approval ${request.id}.*dba.*gw approve ${request.id}`, 's'));
    expect(await left()).toBe(10);
    expect(await home.run(['approve', request.id, '--yes'], { env: bob })).toMatchObject({ code: 0 });
    expect(await psql.done).toBe(0);
    expect(psql.said()).toContain('DELETE 2');
    expect(await left()).toBe(9);
    const session = JSON.parse((await home.run(['sessions', 'show', request.session ?? '', '--json'], { env: alice })).stdout) as {
      events: { kind: string }[];
      intact: boolean;
    };
    expect(session.events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['approval.hold', 'approval.answer']));
  });

  it('on the native port, without gw, waits in the same way; a denial is an ordinary error', async () => {
    await table();
    const [host = '', port = ''] = (gateway.native['postgres'] ?? '').split(':');
    const token = await world.token('alice', ['engineers']);
    const env = { PGPASSWORD: token, PGSSLMODE: 'require', PSQLRC: '/dev/null' };
    const psql = run(
      'psql',
      ['-X', '-h', host, '-p', port, '-U', 'bank-db', '-v', 'VERBOSITY=verbose', '-c', 'delete from entries', world.target.database],
      env,
    );
    const request = await waiting();
    expect(await home.run(['deny', request.id, '--reason', 'name the rows'], { env: bob })).toMatchObject({ code: 0 });
    expect(await psql.done).toBe(1);
    expect(psql.said()).toMatch(/ERROR: +42501: bob denied apr_\w+: name the rows/);
    expect(await left()).toBe(10);
  });

  it('Ctrl-C takes the request back', async () => {
    await table();
    const [host = '', port = ''] = (gateway.native['postgres'] ?? '').split(':');
    const env = { PGPASSWORD: await world.token('alice', ['engineers']), PGSSLMODE: 'require' };
    const psql = run('psql', ['-X', '-h', host, '-p', port, '-U', 'bank-db', '-c', 'delete from entries', world.target.database], env);
    const request = await waiting();
    psql.child.kill('SIGINT');
    expect(await psql.done).not.toBe(0);
    expect(psql.said()).toContain('cancelled by its client');
    expect(await home.run(['approve', request.id, '--yes'], { env: bob })).toMatchObject({ code: 1 });
    expect(await left()).toBe(10);
  });

  it('is cut when every gateway process dies; the request survives, and the same statement runs once when it is sent again', async () => {
    await table();
    const psql = gw(['connect', 'bank-db', '--', '-X', '-c', 'delete from entries where id = 3']);
    const request = await waiting();
    gateway.process.kill('SIGKILL');
    await gateway.exited;
    expect(await psql.done).not.toBe(0);
    await start();
    expect(await home.run(['approve', request.id, '--yes'], { env: bob })).toMatchObject({ code: 0 });
    expect(await left()).toBe(10);
    expect(await gw(['connect', 'bank-db', '--', '-X', '-c', 'delete from entries where id = 3']).done).toBe(0);
    expect(await left()).toBe(9);
    expect(JSON.parse((await home.run(['request', 'show', request.id, '--json'], { env: alice })).stdout)).toMatchObject({ state: 'used' });
    const second = gw(['exec', 'bank-db', '--no-wait', '--', 'psql', '-X', '-c', 'delete from entries where id = 3']);
    expect(await second.done).toBe(5);
    await home.run(['deny', (await waiting()).id, '--reason', 'once is enough'], { env: bob });
    expect(await left()).toBe(9);
  });
});

describe('a write over its row limit', () => {
  const MANY = 'insert into entries select i from generate_series(100, 149) i';

  it('waits in psql before it is committed, with the real number, and is committed once bob approved it', async () => {
    await table();
    const psql = gw(['connect', 'bank-db', '--', '-X', '-c', MANY]);
    const request = await waiting();
    expect(request).toMatchObject({ estimate: { exactRows: 50 }, reasons: expect.arrayContaining(['this INSERT changed 50 rows in entries; limit 3']) });
    await eventually('psql says for whom it waits', () => psql.said().includes('HINT:'));
    expect(psql.said()).toMatch(new RegExp(`NOTICE: +waiting for approval ${request.id}.*1 of dba: this INSERT changed 50 rows`, 's'));
    expect(await left()).toBe(10);
    const shown = await home.run(['request', 'show', request.id], { env: bob });
    expect(shown.stdout).toContain('50 rows, counted; it has run and is not committed');
    expect(await home.run(['approve', request.id, '--yes'], { env: bob })).toMatchObject({ code: 0 });
    expect(await psql.done).toBe(0);
    expect(psql.said()).toContain('INSERT 0 50');
    expect(await left()).toBe(60);
  });

  it('is undone by Ctrl-C, and by a gateway that is killed', async () => {
    await table();
    const [host = '', port = ''] = (gateway.native['postgres'] ?? '').split(':');
    const env = { PGPASSWORD: await world.token('alice', ['engineers']), PGSSLMODE: 'require' };
    const psql = run('psql', ['-X', '-h', host, '-p', port, '-U', 'bank-db', '-c', MANY, world.target.database], env);
    await waiting();
    psql.child.kill('SIGINT');
    expect(await psql.done).not.toBe(0);
    expect(psql.said()).toContain('cancelled by its client');
    expect(await left()).toBe(10);
    const lost = gw(['connect', 'bank-db', '--', '-X', '-c', MANY]);
    const request = await waiting();
    gateway.process.kill('SIGKILL');
    await gateway.exited;
    expect(await lost.done).not.toBe(0);
    await start();
    expect(await home.run(['deny', request.id, '--reason', 'gone'], { env: bob })).toMatchObject({ code: 0 });
    expect(await left()).toBe(10);
  });

  it('exec --no-wait undoes it and ends with 5; denied 6; approved, the same goes through once', async () => {
    await table();
    const exec = ['exec', 'bank-db', '--', 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-c', MANY];
    const first = gw(['exec', 'bank-db', '--no-wait', ...exec.slice(2)]);
    expect(await first.done).toBe(5);
    const request = await waiting();
    expect(first.said()).toContain(request.id);
    expect(await left()).toBe(10);
    expect(await home.run(['approve', request.id, '--yes'], { env: bob })).toMatchObject({ code: 0 });
    expect(await gw(exec).done).toBe(0);
    expect(await left()).toBe(60);
    const again = gw(exec);
    const next = await waiting();
    expect(next.id).not.toBe(request.id);
    await home.run(['deny', next.id, '--reason', 'once is enough'], { env: bob });
    expect(await again.done).toBe(6);
    expect(await left()).toBe(60);
  });
});

describe('gw', () => {
  it('exec --no-wait ends with 5 and the request stays; denied, the same ends with 6', async () => {
    await table();
    const statement = 'delete from entries where id = 5';
    const first = gw(['exec', 'bank-db', '--no-wait', '--', 'psql', '-X', '-c', statement]);
    expect(await first.done).toBe(5);
    const request = await waiting();
    expect(first.said()).toContain(request.id);
    const held = gw(['exec', 'bank-db', '--', 'psql', '-X', '-c', statement]);
    await eventually('it waits for the same request', () => held.said().includes(request.id));
    await home.run(['deny', request.id, '--reason', 'no'], { env: bob });
    expect(await held.done).toBe(6);
    expect(await left()).toBe(10);
  });

  it('the highest tier takes the name of the target', async () => {
    await table();
    const psql = gw(['connect', 'bank-db', '--', '-X', '-c', 'truncate entries']);
    const request = await waiting();
    expect(await home.run(['approve', request.id, '--yes'], { env: bob })).toMatchObject({ code: 2 });
    expect(await home.run(['approve', request.id, '--yes', '--target', 'bank-db'], { env: bob })).toMatchObject({ code: 0 });
    expect(await psql.done).toBe(0);
    expect(await left()).toBe(0);
  });

  it('request create gives access for a time, and grants revoke cuts the session that uses it, in another worker too', async () => {
    await table();
    expect((await home.run(['request', 'create', 'bank-db', '--for', '1h', '--reason', 'month end'], { env: alice })).code).toBe(0);
    const request = await waiting();
    await home.run(['approve', request.id, '--yes'], { env: bob });
    const psql = gw(['connect', 'bank-db', '--', '-X']);
    psql.child.stdin?.write('delete from entries where id = 1;\n');
    await eventually('it ran without asking', () => psql.said().includes('DELETE 1'));
    const started = performance.now();
    expect((await home.run(['grants', 'revoke', request.id, '--reason', 'enough'], { env: bob })).code).toBe(0);
    await eventually('the session is over', async () => {
      const { stdout } = await home.run(['sessions', 'ls', '--state', 'live', '--json'], { env: alice });
      return (JSON.parse(stdout) as { sessions: unknown[] }).sessions.length === 0;
    });
    expect(performance.now() - started).toBeLessThan(20_000);
    psql.child.stdin?.end('select 1;\n');
    await psql.done;
    expect(psql.said()).toMatch(/revoked|terminat|closed/);
  });

  it('connect --break-glass goes on at once, loudly, and waits for review', async () => {
    await table();
    const psql = gw(['connect', 'bank-db', '--break-glass', '--reason', 'payments stand still', '--', '-X', '-c', 'delete from entries where id = 2']);
    expect(await psql.done).toBe(0);
    expect(psql.said()).toMatch(/WARNING: +BREAK-GLASS ACCESS/);
    const open = await waiting();
    expect(open).toMatchObject({ kind: 'break_glass', reason: 'payments stand still', review: null });
    expect(gateway.log.some(({ msg }) => String(msg).includes('BREAK-GLASS'))).toBe(true);
    const early = await home.run(['approve', open.id, '--yes'], { env: bob });
    expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining(`gw grants revoke ${open.id}`) as string });
    expect((await home.run(['grants', 'revoke', open.id, '--reason', 'payments go again'], { env: alice })).code).toBe(0);
    expect(await home.run(['approve', open.id, '--yes', '--reason', 'seen'], { env: bob })).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`Accepted ${open.id}`) as string,
    });
    expect(JSON.parse((await home.run(['request', 'show', open.id, '--json'], { env: alice })).stdout)).toMatchObject({
      review: { by: 'bob', accepted: true },
    });
  });

  it('connect --break-glass says so where the glass cannot be broken, and waits', async () => {
    await table();
    const psql = gw(['connect', 'bank-db', '--break-glass', '--reason', 'payments stand still', '--', '-X', '-c', 'truncate entries']);
    const held = await waiting();
    expect(held).toMatchObject({ kind: 'operation', reason: 'payments stand still' });
    await eventually('psql says so', () => /HINT: +No rule lets you break the glass here\. They approve with "gw approve/.test(psql.said()));
    expect((await home.run(['deny', held.id, '--reason', 'no'], { env: bob })).code).toBe(0);
    expect(await psql.done).not.toBe(0);
    expect(await left()).toBe(10);
  });
});
