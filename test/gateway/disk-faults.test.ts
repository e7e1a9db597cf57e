/**
 * Nothing lost when something breaks under a real gateway at work: the disk of its records is full, read-only or slow (two seconds for each sync), or its
 * process has no file descriptors left. Every fault is the kernel's own. After each: what the server executed, by its own log, is recorded with an outcome; what
 * could not be recorded was not executed; readiness was red while it lasted; nobody lent a hand; and the log verifies. Needs root, for mounts.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { verifyAudit } from '../../src/gateway/audit-workbench.js';
import { listWorkers } from '../../src/recording/journal-directory.js';
import { eventually } from '../store/state-server.js';
import { recordedSessions } from '../support/kill/recorded-sessions.js';
import { KillTarget } from '../support/kill/target.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const run = promisify(execFile);
const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers] } }
`;

let world: GatewayWorld;
let target: KillTarget;
let disk: string;
let gateway: RunningGateway;
/** What undoes the fault under way, whatever becomes of the test. */
let heal: (() => Promise<unknown>) | null = null;

beforeAll(async () => {
  [world, target] = await Promise.all([startGatewayWorld(), KillTarget.start()]);
  disk = join(world.dir, 'disk');
  await mkdir(disk);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'gw-test-disk', disk]);
  await mkdir(join(world.dir, 'data'), { recursive: true });
  for (const name of ['log', 'journal']) {
    await mkdir(join(disk, name));
    await symlink(join(disk, name), join(world.dir, 'data', name));
  }
  await world.configure({ workers: 1 });
  await world.writePolicy(POLICY);
  const config = JSON.parse(await readFile(world.configFile, 'utf8')) as Record<string, unknown> & { gateway: object; targets: object[] };
  await writeFile(join(world.dir, 'password'), target.password, { mode: 0o600 });
  const address = { address: `127.0.0.1:${target.port}`, credential: { username: target.username, password: { file: 'password' } } };
  const targets = config.targets.flatMap((each) => [
    { ...each, ...address },
    { ...each, ...address, name: 'bank-strict', durability: 'strict' },
  ]);
  const gatewayPart = { ...config.gateway, native: [{ protocol: 'postgres', listen: '127.0.0.1:0', plaintext: 'loopback' }] };
  await writeFile(world.configFile, JSON.stringify({ ...config, gateway: gatewayPart, targets, recording: { segmentSize: '64KiB' } }));
});
afterEach(async () => {
  await heal?.();
  heal = null;
  gateway?.process.kill('SIGKILL');
  await gateway?.exited;
});
afterAll(async () => {
  gateway?.process.kill('SIGKILL');
  await gateway?.exited;
  await run('umount', ['-l', disk]);
  await world?.close();
  await target?.close();
});

/** What clients were told, by operation. */
type Told = Map<string, 'ok' | 'refused'>;
let operation = 0;

async function connect(name = 'bank-db'): Promise<pg.Client> {
  const port = Number(gateway.native['postgres']?.split(':').at(-1));
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: name,
    password: await world.token('alice'),
    database: 'postgres',
    connectionTimeoutMillis: 20_000,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** One operation that the server's log names. */
async function work(client: pg.Client, told: Told): Promise<boolean> {
  const id = `op-${++operation}`;
  try {
    await client.query(`select '${id}', repeat('x', 200)`);
    told.set(id, 'ok');
    return true;
  } catch {
    told.set(id, 'refused');
    return false;
  }
}

/** Over a connection that stays open: a process without file descriptors accepts none. */
async function readiness(agent: Agent): Promise<{ status: number; checks: Record<string, { ok: boolean }> }> {
  const sent = request(new URL('/readyz', gateway.url), { ca: world.ca, agent });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, checks: (JSON.parse(text) as { checks: Record<string, { ok: boolean }> }).checks };
}

async function workersOf(): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await readdir('/proc')).filter((each) => /^\d+$/.test(each))) {
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === gateway.process.pid && command.includes('worker-main')) found.push(name);
  }
  return found;
}

/** After the gateway has ended in order: the server's log, the journals and the log tell one story. */
async function allIsThere(told: Told): Promise<{ executed: number; refused: number }> {
  gateway.process.kill('SIGTERM');
  expect(await gateway.exited).toBe(0);
  await target.settle();
  const { problems } = await verifyAudit({ from: join(world.dir, 'data'), keyFiles: [], checkpointFiles: [], at: null });
  expect(problems).toEqual([]);
  const journals = join(world.dir, 'data', 'journal');
  const recorded = new Map<string, string>();
  for (const journal of await listWorkers(journals)) {
    for (const { operations } of await recordedSessions(journals, journal)) {
      for (const { exact, outcome } of operations) recorded.set(/op-\d+/.exec(exact.toString())?.[0] ?? '', outcome?.status ?? 'missing');
    }
  }
  const executed = new Set(target.executed.map(({ text }) => /op-\d+/.exec(text)?.[0] ?? text));
  const wrong: string[] = [];
  for (const id of executed) {
    if (!recorded.has(id)) wrong.push(`${id}: executed, and not recorded`);
    else if (recorded.get(id) === 'missing') wrong.push(`${id}: executed, and recorded without an outcome`);
  }
  for (const [id, answer] of told) {
    if (answer === 'ok' && recorded.get(id) !== 'ok') wrong.push(`${id}: the client got its result, and the record says ${String(recorded.get(id))}`);
    if (answer === 'ok' && !executed.has(id)) wrong.push(`${id}: the client got a result of nothing`);
    if (!recorded.has(id) && executed.has(id)) wrong.push(`${id}: refused, and executed without a record`);
  }
  expect(wrong).toEqual([]);
  return { executed: executed.size, refused: [...told.values()].filter((answer) => answer === 'refused').length };
}

/** A gateway at work, a fault until operations are refused and readiness is red, its end, and work again. */
async function survives(fault: () => Promise<() => Promise<unknown>>, tryToConnect = true): Promise<void> {
  gateway = await world.start();
  const told: Told = new Map();
  target.executed = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  expect((await readiness(agent)).status).toBe(200);
  const first = await connect();
  for (let at = 0; at < 50; at++) await work(first, told);
  expect([...told.values()]).not.toContain('refused');
  heal = await fault();
  await eventually('operations are refused', async () => !(await work(first, told)));
  await eventually('readiness is red', async () => {
    const { status, checks } = await readiness(agent);
    return status === 503 && checks['journal']?.ok === false;
  });
  if (tryToConnect) await expect(connect()).rejects.toThrow();
  await heal();
  heal = null;
  await eventually('readiness is green', async () => (await readiness(agent)).status === 200);
  agent.destroy();
  const again = await connect();
  for (let at = 0; at < 50; at++) expect(await work(again, told)).toBe(true);
  await again.end();
  await first.end();
  const { executed, refused } = await allIsThere(told);
  expect(executed).toBeGreaterThanOrEqual(100);
  expect(refused).toBeGreaterThan(0);
}

it('a full disk', () =>
  survives(async () => {
    const filler = join(disk, 'filler');
    const file = await open(filler, 'w');
    const full = async (bytes: number): Promise<void> => {
      try {
        for (;;) await file.write(Buffer.alloc(bytes));
      } catch (thrown) {
        expect((thrown as NodeJS.ErrnoException).code).toBe('ENOSPC');
      }
    };
    await full(1 << 20);
    await full(1);
    await file.close();
    return () => rm(filler);
  }));

it('a disk that turns read-only', () =>
  survives(async () => {
    await run('mount', ['--bind', disk, disk]);
    await run('mount', ['-o', 'remount,bind,ro', disk]);
    return () => run('umount', [disk]);
  }));

it('a process without file descriptors', () =>
  survives(async () => {
    const [worker = ''] = await workersOf();
    const { stdout } = await run('prlimit', ['--pid', worker, '--nofile', '--noheadings', '--output', 'SOFT,HARD']);
    const [soft = '', hard = ''] = stdout.trim().split(/\s+/);
    // What is open stays open; not one more is given, whatever is closed meanwhile.
    await run('prlimit', ['--pid', worker, `--nofile=0:${hard}`]);
    return () => run('prlimit', ['--pid', worker, `--nofile=${soft}:${hard}`]);
  }, false));

it('a disk that takes two seconds for each sync: nothing is refused, who is promised more waits', async () => {
  gateway = await world.start();
  const told: Told = new Map();
  target.executed = [];
  const [relaxed, strict] = [await connect(), await connect('bank-strict')];
  for (const client of [relaxed, strict]) expect(await work(client, told)).toBe(true);
  const pids = (await workersOf()).flatMap((pid) => ['-p', pid]);
  const slow = spawn('strace', ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:delay_exit=2000000', ...pids]);
  heal = async () => {
    if (slow.exitCode !== null) return;
    slow.kill('SIGINT');
    await once(slow, 'exit');
  };
  await eventually('a sync is slow', async () => {
    const began = performance.now();
    expect(await work(strict, told)).toBe(true);
    return performance.now() - began > 1_500;
  });
  // While one that is promised more waits for its sync, others go on.
  let waits = true;
  const patient = work(strict, told).finally(() => {
    waits = false;
  });
  let meanwhile = 0;
  for (; waits; meanwhile++) expect(await work(relaxed, told)).toBe(true);
  expect(await patient).toBe(true);
  expect(meanwhile).toBeGreaterThan(5);
  const more = await Promise.all([1, 2, 3, 4].map(() => connect('bank-strict')));
  expect(await Promise.all(more.map((client) => work(client, told)))).not.toContain(false);
  expect((await world.api(gateway, '/readyz')).status).toBe(200);
  await heal();
  heal = null;
  await Promise.all([relaxed, strict, ...more].map((client) => client.end()));
  expect((await allIsThere(told)).refused).toBe(0);
});

it('a start on a disk that is full or read-only: a clear error, and no session', async () => {
  await run('mount', ['--bind', disk, disk]);
  await run('mount', ['-o', 'remount,bind,ro', disk]);
  heal = () => run('umount', [disk]);
  await expect(world.start()).rejects.toThrow(/audit log below .* cannot be written/);
  await heal();
  heal = null;
  gateway = await world.start();
  const told: Told = new Map();
  target.executed = [];
  const client = await connect();
  expect(await work(client, told)).toBe(true);
  await client.end();
  await allIsThere(told);
});
