import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionSummary } from '../../src/contract/api-types.js';
import { eventually } from '../store/state-server.js';
import { type GatewayWorld, OPEN_POLICY, type RunningGateway, startGatewayWorld } from './gateway-world.js';

let world: GatewayWorld;
let gateway: RunningGateway;

beforeAll(async () => {
  world = await startGatewayWorld();
  await world.configure({ workers: 2 });
  gateway = await world.start();
});
afterAll(async () => {
  await world?.close();
});

const live = async (token: string): Promise<SessionSummary[]> =>
  ((await world.api(gateway, '/api/v1/sessions?state=live', { token })).json as unknown as { sessions: SessionSummary[] }).sessions;

async function connected(token: string): Promise<{ client: pg.Client; id: string; end: Promise<void>; errors: Error[] }> {
  const known = new Set((await live(token)).map(({ id }) => id));
  const client = await world.connect(gateway, token);
  const errors: Error[] = [];
  client.on('error', (error) => errors.push(error));
  const end = new Promise<void>((resolve) => client.once('end', resolve));
  let id = '';
  await eventually('the session is listed', async () => {
    id = (await live(token)).find((session) => !known.has(session.id))?.id ?? '';
    return id !== '';
  });
  return { client, id, end, errors };
}

describe('with two workers', () => {
  it('a kill reaches the session whichever worker answers the call', async () => {
    const token = await world.token('alice');
    for (let i = 0; i < 4; i++) {
      const { client, id, end } = await connected(token);
      expect((await world.api(gateway, `/api/v1/sessions/${id}/kill`, { token, body: { reason: 'enough' } })).status).toBe(200);
      await end;
      await expect(client.query('select 1')).rejects.toThrow();
    }
  });

  it('a kill stops a statement that runs', async () => {
    const token = await world.token('alice');
    const { client, id } = await connected(token);
    const running = client.query('select pg_sleep(600)');
    running.catch(() => undefined);
    await world.api(gateway, `/api/v1/sessions/${id}/kill`, { token, body: { reason: 'runaway' } });
    await expect(running).rejects.toThrow();
  });

  it('a session outlives its first token when it is renewed, whichever worker answers, and ends without', async () => {
    const seconds = (ahead: number): Record<string, unknown> => ({ exp: Math.floor(Date.now() / 1000) + ahead });
    const short = await world.token('renew', ['engineers'], seconds(8));
    const kept = [await connected(short), await connected(short)];
    const left = await connected(short);
    const fresh = await world.token('renew', ['engineers'], seconds(600));
    for (const { id } of kept) expect((await world.api(gateway, `/api/v1/sessions/${id}/renew`, { token: fresh, body: {} })).status).toBe(200);
    await left.end;
    for (const { client } of kept) expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    for (const { client } of kept) await client.end();
  });

  it('a renewal brings the groups of the fresh token, whichever worker answers (design section 3)', async () => {
    const token = await world.token('moved', ['engineers']);
    const sessions = [await connected(token), await connected(token), await connected(token)];
    // A token of somebody who is in no group any more, and in the end one that is too long for the bus.
    for (const [index, groups] of [[], ['leavers'], Array.from({ length: 300 }, (_, at) => `group-of-leavers-${at}`)].entries()) {
      const fresh = await world.token('moved', groups);
      const { id, end } = sessions[index] ?? (await connected(token));
      const reply = await world.api(gateway, `/api/v1/sessions/${id}/renew`, { token: fresh, body: {} });
      expect([200, 403]).toContain(reply.status);
      await end;
    }
  });

  it('a lock ends the live sessions of the subject in every worker, and only those', async () => {
    const [kim, lee, root] = [await world.token('kim'), await world.token('lee'), await world.token('root', ['admins'])];
    // Nobody of them has used the API: a token at the native port is enough to be known.
    const locked = [await connected(kim), await connected(kim)];
    const other = await connected(lee);
    expect(
      (await world.api(gateway, '/api/v1/users/lock', { token: root, body: { issuer: world.issuer.url, subject: 'sub-kim', reason: 'gone' } })).status,
    ).toBe(200);
    await Promise.all(locked.map(({ end }) => end));
    await expect(world.connect(gateway, kim)).rejects.toThrow(/locked/i);
    expect((await other.client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await other.client.end();
  });
});

describe('SIGHUP', () => {
  const reloaded = async (outcome: RegExp): Promise<void> => {
    const before = gateway.log.length;
    gateway.process.kill('SIGHUP');
    await eventually(`the log says ${outcome}`, () => gateway.log.slice(before).some(({ msg }) => outcome.test(String(msg))));
  };

  it('takes a new policy in every worker, and ends sessions that it no longer allows', async () => {
    const token = await world.token('pat');
    const { end } = await connected(token);
    await world.writePolicy(OPEN_POLICY.replace('[engineers, admins]', '[admins]'));
    await reloaded(/were read again/);
    await end;
    for (let i = 0; i < 4; i++) await expect(world.connect(gateway, token)).rejects.toThrow(/polic/i);
    await world.writePolicy(OPEN_POLICY);
    await reloaded(/were read again/);
    for (let i = 0; i < 4; i++) await (await world.connect(gateway, token)).end();
  });

  it('keeps what is in force when the configuration or the policy is broken', async () => {
    const token = await world.token('quinn');
    await world.configure({ workers: 2, limits: { nonsense: 1 } });
    await reloaded(/refused/);
    await world.configure({ workers: 2 });
    await world.writePolicy('version: 1\nrules: 7\n');
    await reloaded(/refused/);
    await (await world.connect(gateway, token)).end();
    expect((await world.api(gateway, '/readyz')).status).toBe(200);
    await world.writePolicy(OPEN_POLICY);
    await reloaded(/were read again/);
  });
});
