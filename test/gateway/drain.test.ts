import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../store/state-server.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

let world: GatewayWorld;

beforeAll(async () => {
  world = await startGatewayWorld();
});
afterAll(async () => {
  await world?.close();
});
afterEach(() => world.configure({}));

const draining = async (gateway: RunningGateway): Promise<boolean> => (await world.api(gateway, '/readyz')).status === 503;

/** Whether anything accepts at the address. */
async function accepts(address: string): Promise<boolean> {
  const [host = '', port = ''] = address.split(':');
  const socket = connect(Number(port), host);
  const outcome = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return outcome;
}

describe('drain', () => {
  it('turns readiness red and closes native ports, while sessions go on and API and renewal still answer; it ends with the last session', async () => {
    await world.configure({ workers: 2, drainTimeout: '10m' });
    const gateway = await world.start();
    const token = await world.token('alice');
    const client = await world.connect(gateway, token);
    gateway.process.kill('SIGTERM');
    await eventually('readiness is red', () => draining(gateway));
    await eventually('the native port is closed', async () => !(await accepts(gateway.native['postgres'] ?? '')));
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    const { sessions } = (await world.api(gateway, '/api/v1/sessions?state=live', { token })).json as { sessions: { id: string }[] };
    expect((await world.api(gateway, `/api/v1/sessions/${sessions[0]?.id ?? ''}/renew`, { token, body: {} })).status).toBe(200);
    expect((await world.api(gateway, '/healthz')).status).toBe(200);
    await client.end();
    expect(await gateway.exited).toBe(0);
  });

  it('ends sessions at the timeout with the reason in their record', async () => {
    await world.configure({ drainTimeout: '1s' });
    const gateway = await world.start();
    const client = await world.connect(gateway, await world.token('bob'));
    const told = new Promise<Error>((resolve) => client.once('error', resolve));
    gateway.process.kill('SIGTERM');
    expect((await told).message).toMatch(/shutting down/);
    expect(await gateway.exited).toBe(0);
    const next = await world.start();
    const { sessions } = (await world.api(next, '/api/v1/sessions', { token: await world.token('bob') })).json as { sessions: object[] };
    expect(sessions).toMatchObject([{ state: 'ended', endReason: 'drain' }]);
    next.process.kill('SIGTERM');
    await next.exited;
  });

  it('is hurried by a second signal', async () => {
    await world.configure({ drainTimeout: '10m' });
    const gateway = await world.start();
    const client = await world.connect(gateway, await world.token('carl'));
    const over = new Promise<void>((resolve) => client.once('end', resolve));
    gateway.process.kill('SIGINT');
    await eventually('readiness is red', () => draining(gateway));
    gateway.process.kill('SIGINT');
    await over;
    expect(await gateway.exited).toBe(0);
  });
});
