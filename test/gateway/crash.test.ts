import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionSummary } from '../../src/contract/api-types.js';
import { eventually } from '../store/state-server.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

let world: GatewayWorld;

beforeAll(async () => {
  world = await startGatewayWorld();
  await world.configure({ workers: 2 });
});
afterAll(async () => {
  await world?.close();
});

const metric = async (gateway: RunningGateway, name: string): Promise<number> =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec((await world.api(gateway, '/metrics')).text)?.[1]);

const sessions = async (gateway: RunningGateway, token: string, query = ''): Promise<SessionSummary[]> =>
  ((await world.api(gateway, `/api/v1/sessions${query}`, { token })).json as unknown as { sessions: SessionSummary[] }).sessions;

/** Process ids of the workers, from the kernel. */
async function workersOf(gateway: RunningGateway): Promise<number[]> {
  const children: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === gateway.process.pid && command.includes('worker-main')) children.push(Number(name));
  }
  return children;
}

/** Connections to the API that the kernel has made and nobody has closed. */
async function connections(gateway: RunningGateway): Promise<number> {
  const port = Number(new URL(gateway.url).port).toString(16).toUpperCase().padStart(4, '0');
  const table = await readFile('/proc/net/tcp', 'utf8');
  return table.split('\n').filter((line) => line.trim().split(/\s+/)[1]?.endsWith(`:${port}`) === true && line.trim().split(/\s+/)[3] === '01').length;
}

const ended = (client: { once(event: 'end', listener: () => void): unknown }): Promise<void> => new Promise((resolve) => client.once('end', resolve));

describe('a worker that is killed', () => {
  it('takes only its own sessions with it, is replaced, and its sessions are closed as interrupted with an intact record', async () => {
    const gateway = await world.start();
    const token = await world.token('alice');
    const auditor = await world.token('carol', ['auditors']);
    // Connections go round robin, so two sessions are in two workers.
    const clients = [await world.connect(gateway, token), await world.connect(gateway, token)];
    for (const client of clients) await client.query('select 1');
    await eventually('both are listed', async () => (await sessions(gateway, token, '?state=live')).length === 2);
    const before = await sessions(gateway, token, '?state=live');
    expect(new Set(before.map(({ journal }) => journal)).size).toBe(2);
    expect(await metric(gateway, 'gw_sessions_live')).toBe(2);

    const [victim = 0] = await workersOf(gateway);
    const oneEnded = Promise.race(clients.map((client, index) => ended(client).then(() => index)));
    process.kill(victim, 'SIGKILL');
    const gone = await oneEnded;
    const survivor = clients[1 - gone];
    expect((await survivor?.query('select 2 as two'))?.rows).toEqual([{ two: 2 }]);
    await eventually('a new worker is there', async () => (await metric(gateway, 'gw_workers')) === 2 && !(await workersOf(gateway)).includes(victim));
    expect((await workersOf(gateway)).length).toBe(2);

    let interrupted: SessionSummary[] = [];
    await eventually('its session is corrected', async () => {
      interrupted = (await sessions(gateway, token, '?state=ended')).filter(({ endReason }) => endReason === 'interrupted');
      return interrupted.length > 0;
    });
    expect(interrupted.map(({ id }) => id)).toEqual(before.map(({ id }) => id).filter((id) => interrupted.some((each) => each.id === id)));
    expect(interrupted).toHaveLength(1);
    expect(await sessions(gateway, token, '?state=live')).toHaveLength(1);
    const record = (await world.api(gateway, `/api/v1/sessions/${interrupted[0]?.id ?? ''}`, { token: auditor })).json;
    expect(record).toMatchObject({ intact: true, problems: [] });
    expect(record['operations']).toMatchObject([{ text: 'select 1', status: 'ok' }]);
    await survivor?.end();
    gateway.process.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
  });
});

describe('a connection that was given to a worker which died before it took it', () => {
  it.each([
    ['while another one is there', 2],
    ['while none is there', 1],
  ])('%s is not left hanging', async (_when, workers) => {
    await world.configure({ workers });
    const gateway = await world.start();
    const [victim = 0] = await workersOf(gateway);
    process.kill(victim, 'SIGSTOP');
    // Round robin: with two, every other one goes to the worker that stands still, and that takes no second one before the first.
    const answers = Array.from({ length: 4 }, () =>
      world.api(gateway, '/healthz', { headers: { connection: 'close' } }).then(
        ({ status }) => status,
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      ),
    );
    if (workers === 2) {
      const first = await Promise.race(answers);
      expect(first).toBe(200);
    } else await eventually('they are connected', async () => (await connections(gateway)) >= 4);
    process.kill(victim, 'SIGKILL');
    const all = await Promise.all(answers);
    if (workers === 2) expect(all).toEqual([200, 200, 200, 200]);
    else for (const answer of all) expect(['ECONNRESET', 'UND_ERR_SOCKET', 'EPIPE', 'socket hang up', 200]).toContain(answer);
    await eventually('a new worker is there', async () => (await workersOf(gateway)).filter((pid) => pid !== victim).length === workers);
    await eventually('it answers', async () =>
      world.api(gateway, '/healthz').then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
    gateway.process.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
    await world.configure({ workers: 2 });
  });
});

describe('a gateway that is killed', () => {
  it('leaves no process behind, and its sessions are closed as interrupted at the next start', async () => {
    const first = await world.start();
    const token = await world.token('bob');
    const client = await world.connect(first, token);
    await client.query('select 1');
    await eventually('it is listed', async () => (await sessions(first, token, '?state=live')).length === 1);
    const workers = await workersOf(first);
    expect(workers).toHaveLength(2);
    const over = ended(client);
    first.process.kill('SIGKILL');
    await over;
    await eventually('the workers are gone', async () =>
      (await Promise.all(workers.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))).every((command) => command === ''),
    );
    const second = await world.start();
    expect(await sessions(second, token)).toMatchObject([{ state: 'ended', endReason: 'interrupted', operations: 1 }]);
    second.process.kill('SIGTERM');
    expect(await second.exited).toBe(0);
  });
});

describe('an embedded state database that is killed', () => {
  it('turns readiness red, leaves live sessions alone, and is started again', async () => {
    const gateway = await world.start();
    const token = await world.token('dora');
    const client = await world.connect(gateway, token);
    const pid = Number((await readFile(`${world.dir}/data/state/postmaster.pid`, 'utf8')).split('\n')[0]);
    process.kill(pid, 'SIGKILL');
    await eventually('the log says so', () => gateway.log.some(({ msg }) => String(msg).includes('database ended unexpectedly')));
    expect((await client.query('select 3 as three')).rows).toEqual([{ three: 3 }]);
    await eventually('it is ready again', async () => (await world.api(gateway, '/readyz')).status === 200);
    expect((await world.api(gateway, '/api/v1/whoami', { token })).status).toBe(200);
    await client.end();
    await eventually('the session is stored as ended', async () => (await sessions(gateway, token))[0]?.state === 'ended');
    gateway.process.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
  });
});
