/**
 * Sinks of a real gateway: kill -9 of everything in the middle of deliveries, a receiver that is dead all the while and holds up nobody, and what an
 * administrator sees of it. The number of kills is bounded here; GW_KILLS asks for more.
 */
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logState } from '../../src/audit/live-log.js';
import { eventually } from '../store/state-server.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const KILLS = Number(process.env['GW_KILLS'] ?? 3);

interface Sent {
  readonly log: string;
  readonly n: number;
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly sensitive?: Readonly<Record<string, unknown>>;
}

let world: GatewayWorld;
let home: CliHome;
let server: Server;
const posted: Sent[] = [];
let received = 0;

beforeAll(async () => {
  world = await startGatewayWorld();
  home = await makeHome();
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      // Every fifth batch is taken, and its answer lost; every seventh is refused.
      received++;
      if (received % 7 === 0) {
        response.writeHead(500).end();
        return;
      }
      posted.push(...(JSON.parse(body) as { events: Sent[] }).events);
      if (received % 5 === 0) request.socket.destroy();
      else response.writeHead(200).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await writeFile(join(world.dir, 'hook-url'), `http://127.0.0.1:${(server.address() as AddressInfo).port}/\n`, { mode: 0o600 });
  await writeFile(join(world.dir, 'hook-secret'), 'secret\n', { mode: 0o600 });
  await world.configure({
    workers: 2,
    sinks: {
      files: [
        { name: 'archive', path: 'out/audit.ndjson' },
        { name: 'people', path: 'out/people.ndjson', sensitive: true, events: ['session.*', 'login.refused', 'subject.lock'] },
      ],
      webhooks: [{ name: 'hook', url: { file: 'hook-url' }, secret: { file: 'hook-secret' } }],
      // Nobody listens there.
      syslog: [{ name: 'dead', server: '127.0.0.1:1', transport: 'tcp', alarm: '1s' }],
    },
  });
});
afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await world?.close();
  await home?.remove();
});

const filed = async (name = 'audit'): Promise<Sent[]> =>
  (await readFile(join(world.dir, 'out', `${name}.ndjson`), 'utf8'))
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Sent);

/** Size of each log, by its origin, as it is signed now. */
async function sizes(): Promise<Map<string, number>> {
  const logs = join(world.dir, 'data', 'log');
  const found = new Map<string, number>();
  for (const name of await readdir(logs)) {
    const state = await logState(join(logs, name));
    if (state !== null) found.set(state.origin, state.size);
  }
  return found;
}

function firstTimes(sent: readonly Sent[], log: string): number[] {
  return [...new Set(sent.filter((each) => each.log === log).map(({ n }) => n))];
}

async function work(gateway: RunningGateway): Promise<void> {
  const client = await world.connect(gateway, await world.token('alice'));
  await client.query('select 1');
  await client.end();
}

/** The primary and the workers at once, as a power cut would end them. */
async function killAll(gateway: RunningGateway): Promise<void> {
  const pids: number[] = [];
  for (const name of (await readdir('/proc')).filter((each) => /^\d+$/.test(each))) {
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === gateway.process.pid) {
      const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
      if (command.includes('worker-main')) pids.push(Number(name));
    }
  }
  gateway.process.kill('SIGKILL');
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await gateway.exited;
}

describe('the sinks of a gateway', () => {
  it(`get every entry at least once and in order, over ${KILLS} kills in the middle of deliveries`, async () => {
    for (let kill = 0; kill < KILLS; kill++) {
      const gateway = await world.start();
      for (let round = 0; round < 3; round++) await work(gateway);
      const before = posted.length;
      await eventually('something was delivered', () => posted.length > before);
      await killAll(gateway);
    }
    const gateway = await world.start();
    await work(gateway);
    const wanted = await sizes();
    await eventually(
      'both have everything',
      async () => {
        const all = await filed().catch(() => []);
        return [...wanted].every(([log, size]) => firstTimes(all, log).length >= size && firstTimes(posted, log).length >= size);
      },
      60_000,
    );
    for (const sent of [await filed(), posted]) {
      for (const [log, size] of wanted) {
        const first = firstTimes(sent, log);
        expect(first.slice(0, size)).toEqual(Array.from({ length: size }, (_, n) => n));
        expect(first).toEqual([...first].sort((a, b) => a - b));
      }
    }
    gateway.process.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
  }, 180_000);

  it('have names, addresses and reasons only where they may, out of the encrypted journals of processes that were killed and of those that live', async () => {
    const gateway = await world.start();
    const lock = { issuer: world.issuer.url, subject: 'sub-alice', reason: 'a very private reason' };
    await expect(world.connect(gateway, 'no token')).rejects.toThrow();
    const locked = await world.api(gateway, '/api/v1/users/lock', { token: await world.token('root', ['admins']), body: lock });
    expect(locked.status).toBe(200);
    expect((await world.api(gateway, '/api/v1/users/unlock', { token: await world.token('root', ['admins']), body: lock })).status).toBe(200);
    const startsIn = (sent: readonly Sent[]): Sent[] => sent.filter(({ kind }) => kind === 'session.start');
    const sessionsIn = (sent: readonly Sent[]): number => new Set(startsIn(sent).map(({ data }) => data['session'])).size;
    // Each worker's log is delivered by itself: none waits for what another one tells.
    await eventually('all of it was delivered', async () => {
      const sent = await filed('people');
      return ['subject.lock', 'login.refused'].every((wanted) => sent.some(({ kind }) => kind === wanted)) && sessionsIn(sent) > KILLS * 3;
    });
    const people = await filed('people');
    const starts = startsIn(people);
    expect(sessionsIn(people)).toBe(KILLS * 3 + 1);
    for (const { sensitive } of starts)
      expect(sensitive).toMatchObject({ name: 'alice', groups: ['engineers'], clientAddress: expect.stringContaining('127.0.0.1') });
    expect(people.find(({ kind }) => kind === 'subject.lock')?.sensitive).toMatchObject({ reason: 'a very private reason', actorName: 'root' });
    expect(people.find(({ kind }) => kind === 'login.refused')?.sensitive).toMatchObject({ address: '127.0.0.1' });
    const archive = await readFile(join(world.dir, 'out', 'audit.ndjson'), 'utf8');
    for (const secret of ['a very private reason', '"name":"alice"', '"clientAddress":', '"address":', '"sensitive":'])
      expect([secret, archive.includes(secret)]).toEqual([secret, false]);
    gateway.process.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
  });

  it('do not hold up sessions when one is dead, which is an entry, and seen by administrators, in metrics, in readiness and by gw doctor', async () => {
    const gateway = await world.start();
    await work(gateway);
    await eventually('its failure is an entry', async () => (await filed()).some(({ kind }) => kind === 'sink.fail'));
    const caFile = join(world.dir, 'ca.pem');
    await writeFile(caFile, world.ca);
    const as = async (name: string, group: string) => ({ env: { GW_GATEWAY: gateway.url, GW_CA_FILE: caFile, GW_ID_TOKEN: await world.token(name, [group]) } });
    await eventually('it is known to fail', async () => (await world.api(gateway, '/metrics')).text.includes('gw_sink_failing{sink="dead"} 1'));
    const shown = await home.run(['audit', 'sinks', '--json'], await as('root', 'admins'));
    expect(shown.code).toBe(75);
    const { sinks } = JSON.parse(shown.stdout) as { sinks: { name: string; state: string; waiting: number; failing: { message: string } | null }[] };
    expect(sinks.map(({ name }) => name).sort()).toEqual(['archive', 'dead', 'hook', 'people']);
    expect(sinks.find(({ name }) => name === 'dead')).toMatchObject({ state: 'failing', failing: { message: expect.stringContaining('ECONNREFUSED') } });
    expect(sinks.find(({ name }) => name === 'archive')).toMatchObject({ failing: null });
    expect((await home.run(['audit', 'sinks'], await as('alice', 'engineers'))).code).toBe(3);

    const ready = await world.api(gateway, '/readyz');
    expect([ready.status, ready.json['ready']]).toEqual([200, true]);
    expect(ready.json).toMatchObject({ checks: { sinks: { ok: false, message: expect.stringMatching(/^entries of the audit log wait for/) } } });
    const metrics = (await world.api(gateway, '/metrics')).text;
    expect(metrics).toMatch(/gw_sink_failing\{sink="dead"\} 1/);
    expect(metrics).toMatch(/gw_sink_failing\{sink="archive"\} 0/);
    expect(metrics).toMatch(/gw_sink_waiting\{sink="dead"\} [1-9]/);
    expect(metrics).toMatch(/gw_sink_delivered_total\{sink="archive"\} [1-9]/);
    const doctor = await home.run(['doctor'], await as('alice', 'engineers'));
    expect(doctor.stdout).toContain('entries of the audit log wait for');
    gateway.process.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
  });
});
