import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../store/state-server.js';
import { ROOT } from '../support/build-cli.js';
import { type GatewayWorld, OPEN_POLICY, type StartFailure, startGatewayWorld } from './gateway-world.js';

let world: GatewayWorld;

beforeAll(async () => {
  world = await startGatewayWorld();
});
afterAll(async () => {
  await world?.close();
});
afterEach(async () => {
  await world.configure({});
  await world.writePolicy(OPEN_POLICY);
});

const check = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [join(ROOT, 'bin', 'run.js'), 'gateway', 'check', '--config', world.configFile, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });

describe('gw gateway start', () => {
  it('carries a session from start to record, ends with 0 on SIGTERM, and still knows it after the next start', async () => {
    const first = await world.start();
    const token = await world.token('alice');
    expect((await world.api(first, '/readyz')).json).toMatchObject({ ready: true });
    const client = await world.connect(first, token);
    expect((await client.query('select 40 + 2 as answer')).rows).toEqual([{ answer: 42 }]);
    await client.end();
    let id = '';
    await eventually('the session is listed as ended', async () => {
      const { sessions } = (await world.api(first, '/api/v1/sessions?state=ended', { token })).json as { sessions: { id: string; rows: number }[] };
      id = sessions[0]?.id ?? '';
      return id !== '';
    });
    const detail = (await world.api(first, `/api/v1/sessions/${id}`, { token })).json;
    expect(detail).toMatchObject({
      intact: true,
      problems: [],
      session: { state: 'ended', endReason: 'client', target: 'bank-db', name: 'alice', via: 'native' },
    });
    expect(detail['operations']).toMatchObject([
      { sequence: 1, text: 'select 40 + 2 as answer', verdict: 'allow', status: 'ok', rows: 1, actions: ['select'] },
    ]);
    first.process.kill('SIGTERM');
    expect(await first.exited).toBe(0);
    const second = await world.start();
    expect((await world.api(second, `/api/v1/sessions/${id}`, { token })).json).toMatchObject({ intact: true, session: { id, state: 'ended' } });
    second.process.kill('SIGINT');
    expect(await second.exited).toBe(0);
  });

  it('refuses tokens and people on the native port as the policy says (twin of the right login)', async () => {
    const gateway = await world.start();
    await expect(world.connect(gateway, await world.token('mallory', ['sales']))).rejects.toThrow(/polic/i);
    await expect(world.connect(gateway, await world.token('alice', ['engineers'], { aud: 'another' }))).rejects.toThrow();
    const client = await world.connect(gateway, await world.token('alice'));
    await client.end();
    gateway.process.kill('SIGTERM');
    await gateway.exited;
  });

  it('ends with 2 and says where, when the configuration or the policy is not valid', async () => {
    await world.configure({ limits: { maxSession: 5 } });
    await expect(world.start()).rejects.toSatisfy(
      (failure: StartFailure) => failure.code === 2 && failure.stdout.includes('config.invalid') && /gateway\.yaml:\d+:\d+/.test(failure.stdout),
    );
    await world.configure({});
    await world.writePolicy('version: 1\nrules: [{ id: x, effect: maybe, actions: [connect] }]\n');
    await expect(world.start()).rejects.toSatisfy(
      (failure: StartFailure) => failure.code === 2 && failure.stdout.includes('policy.invalid') && /policy\.yaml:2/.test(failure.stdout),
    );
  });

  it('ends with an error when a second gateway has the data directory, and leaves the first alone', async () => {
    const first = await world.start();
    await expect(world.start()).rejects.toSatisfy((failure: StartFailure) => failure.code !== 0 && failure.stdout.includes('store.in_use'));
    expect((await world.api(first, '/readyz')).status).toBe(200);
    first.process.kill('SIGTERM');
    expect(await first.exited).toBe(0);
  });

  it('says which address it cannot listen on', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const config = JSON.parse(await readFile(world.configFile, 'utf8')) as { gateway: { listen: string } };
    const { port } = taken.address() as { port: number };
    config.gateway.listen = `127.0.0.1:${port}`;
    await writeFile(world.configFile, JSON.stringify(config));
    await expect(world.start()).rejects.toSatisfy(
      (failure: StartFailure) => failure.code === 1 && failure.stdout.includes('gateway.listen') && failure.stdout.includes(String(port)),
    );
    taken.close();
  });
});

describe('gw gateway check', () => {
  it('says what a valid configuration holds', async () => {
    const human = await check();
    expect([human.code, human.stdout]).toEqual([0, expect.stringContaining('is valid: gateway test, targets 1, issuers 1, rules 1')]);
    expect(human.stderr).toContain('plain http');
    const { code, stdout } = await check('--json');
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ valid: true, targets: 1, rules: 1, policy: expect.stringMatching(/^sha256:/) })]);
  });

  it('ends with 2 and positions for errors in configuration, policy and certificate', async () => {
    await world.configure({ limits: { maxSession: 5 } });
    const config = await check();
    expect([config.code, config.stderr]).toEqual([2, expect.stringMatching(/gateway\.yaml:\d+:\d+ limits.*maxSessions/)]);
    await world.configure({});
    await world.writePolicy('version: 1\nrules: [{ id: x, effect: maybe, actions: [connect] }]\n');
    const policy = await check('--json');
    expect([policy.code, policy.stdout]).toEqual([2, expect.stringMatching(/policy\.yaml:2/)]);
  });
});
