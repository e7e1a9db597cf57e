/**
 * A recording that waits on the user's machine for days: the gateway dies in the middle of a piece, is started again and again between pieces, the
 * login that recorded is over, and another one of the same person brings the rest. The clock of the gateway is moved by libfaketime.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { verifyAudit } from '../../src/gateway/audit-workbench.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { type GatewayWorld, OPEN_POLICY, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const LIBRARY = ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`).find((file) => existsSync(file));
const DAY = 86_400;
const PIECE = 256 * 1024;

let world: GatewayWorld;
let home: CliHome;
let gateway: RunningGateway;
let faked: Record<string, string>;
let days = 0;

beforeAll(async () => {
  if (LIBRARY === undefined) throw new Error('libfaketime is not installed (Debian: libfaketime)');
  [world, home] = await Promise.all([startGatewayWorld(), makeHome()]);
  await world.writePolicy(OPEN_POLICY.replace('effect: allow, actions: [connect]', 'effect: allow, record: client, actions: [connect]'));
  await writeFile(join(home.folder, 'ca.pem'), world.ca);
  const clock = join(world.dir, 'clock');
  faked = { LD_PRELOAD: LIBRARY, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' };
  await setDays(0);
  gateway = await world.start(faked);
  // What waits is kept for one address: it stays the same.
  const config = JSON.parse(await readFile(world.configFile, 'utf8')) as { gateway: { listen: string } };
  config.gateway.listen = new URL(gateway.url).host;
  await writeFile(world.configFile, JSON.stringify(config));
});
afterAll(async () => {
  await home?.remove();
  await world?.close();
});

async function setDays(count: number): Promise<void> {
  days = count;
  await writeFile(join(world.dir, 'clock'), `+${days * DAY}\n`);
}

/** A login of five minutes, as the clock of the gateway is now. */
function login(name = 'alice'): Promise<string> {
  const iat = Math.floor(Date.now() / 1000) + days * DAY;
  return world.token(name, ['engineers'], { iat, exp: iat + 300 });
}

const environment = (token: string): Record<string, string> => ({ GW_GATEWAY: gateway.url, GW_CA_FILE: join(home.folder, 'ca.pem'), GW_ID_TOKEN: token });

async function restart(signal: NodeJS.Signals): Promise<void> {
  gateway.process.kill(signal);
  await gateway.exited;
  gateway = await world.start(faked);
}

async function spooled(): Promise<string[]> {
  const root = join(home.env['XDG_STATE_HOME'] ?? join(home.folder, '.local', 'state'), 'gw', 'recordings');
  const folders = await readdir(root);
  return (await Promise.all(folders.map(async (folder) => (await readdir(join(root, folder))).map((name) => join(root, folder, name))))).flat();
}

async function received(id: string, token: string): Promise<unknown> {
  return (await world.api(gateway, `/api/v1/recordings/${id}`, { token })).json;
}

/** Sends half of a request with a piece, and nothing more; resolves when the gateway is gone or hung up. */
function half(id: string, token: string, offset: number, bytes: Buffer, meanwhile: () => void): Promise<void> {
  const body = JSON.stringify({ offset, bytes: bytes.toString('base64') });
  return new Promise((resolve) => {
    const sending = request(`${gateway.url}/api/v1/recordings/${id}/pieces`, {
      method: 'POST',
      ca: world.ca,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    sending.once('error', () => resolve());
    sending.once('response', () => resolve());
    sending.write(body.slice(0, body.length / 2), meanwhile);
  });
}

it('is brought whole: over deaths and restarts of the gateway between and within pieces, and a login that is renewed days later', async () => {
  const first = await login();
  const cli = home.start(['exec', '--record', 'bank-db', '--', 'sh', '-c', 'psql -Atc "select 6 * 7"; seq 1 150000; echo waits; exec sleep 600'], {
    env: environment(first),
  });
  await cli.stdoutHas('waits');
  // The user's machine is switched off.
  cli.child.kill('SIGKILL');
  await cli.done;
  const [file = ''] = await spooled();
  const id = /(rec_\w+)\.gwr$/.exec(file)?.[1] ?? '';
  const bytes = await readFile(file);
  const body = bytes.subarray(bytes.indexOf(10) + 1);
  expect(body.length).toBeGreaterThan(3 * PIECE);

  const piece = (at: number): object => ({ offset: at, bytes: body.subarray(at, at + PIECE).toString('base64') });
  const pieces = `/api/v1/recordings/${id}/pieces`;
  expect(await world.api(gateway, pieces, { token: first, body: piece(0) })).toMatchObject({ json: { received: PIECE } });
  // It dies with half a piece: that half is nothing.
  const died = half(id, first, PIECE, body.subarray(PIECE, 2 * PIECE), () => void gateway.process.kill('SIGKILL'));
  await died;
  await restart('SIGKILL');
  expect(await received(id, first)).toMatchObject({ id, state: 'open', received: PIECE });
  expect(await world.api(gateway, pieces, { token: first, body: piece(PIECE) })).toMatchObject({ json: { received: 2 * PIECE } });

  // Days later. The login is over: nothing is taken, and nothing is lost here.
  await setDays(5);
  await restart('SIGTERM');
  const refused = await home.run(['recordings', 'upload'], { env: environment(first) });
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain('The token has expired');
  expect(await spooled()).toEqual([file]);
  expect((await readFile(file)).equals(bytes)).toBe(true);
  // Somebody else's login does not bring it either.
  const others = await home.run(['recordings', 'upload', id], { env: environment(await login('bob')) });
  expect(others.code).not.toBe(0);
  expect(await spooled()).toEqual([file]);

  // The same person logs in again: the rest goes there, from where it was cut off.
  const uploaded = await home.run(['recordings', 'upload'], { env: environment(await login()) });
  expect(uploaded, uploaded.stderr).toMatchObject({ code: 0, stdout: `${id} interrupted; differs: it ends before its program did\n` });
  expect(await spooled()).toEqual([]);
  const digest = createHash('sha256').update(body).digest('hex');
  expect(await received(id, await login())).toMatchObject({ state: 'interrupted', received: body.length, digest, createdAt: expect.any(String) });
  const exported = await home.run(['recordings', 'export', id], { env: environment(await login()) });
  // Cut off in the middle of the program, and else whole.
  expect(exported.code).toBe(9);
  expect(exported.stdout).toContain('42\\n');
  expect(exported.stdout).toContain('150000\\n');
  expect(exported.stdout).toContain('waits\\n');

  await restart('SIGTERM');
  const { problems } = await verifyAudit({ from: join(world.dir, 'data'), keyFiles: [], checkpointFiles: [], at: Date.now() + days * DAY * 1000 });
  expect(problems).toEqual([]);
});
