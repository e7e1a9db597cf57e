/** `gw audit key rotate` on a real gateway: while it runs, while it is down, interrupted, and with configured keys; who knows only the first key goes on. */
import { randomBytes } from 'node:crypto';
import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { takeLockFile } from '../../src/base/lock-file.js';
import { rotateKey } from '../../src/gateway/rotate-key.js';
import { eventually } from '../store/state-server.js';
import { copyLive } from '../support/copy-live.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { SyncedNames } from '../support/synced-names.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

let world: GatewayWorld;
let home: CliHome;
let data: string;
const audit = { heartbeat: '1s' };

beforeAll(async () => {
  [world, home] = await Promise.all([startGatewayWorld(), makeHome()]);
  data = join(world.dir, 'data');
});
beforeEach(async () => {
  await rm(data, { recursive: true, force: true });
  await world.configure({ audit });
});
afterAll(async () => {
  await world?.close();
  await home?.remove();
});

const gw = (...args: string[]) => home.run(['audit', ...args]);
const rotate = () => gw('key', 'rotate', '--config', world.configFile);
async function keep(name: string): Promise<string> {
  const file = join(world.dir, name);
  const { stdout, code } = await gw('key', '--config', world.configFile);
  expect(code).toBe(0);
  await writeFile(file, stdout);
  return file;
}
const verify = (key: string, from = data) => gw('verify', '--from', from, '--key', key);
async function work(gateway: RunningGateway): Promise<void> {
  const client = await world.connect(gateway, await world.token('alice'));
  await client.query('select 1');
  await client.end();
}
async function stop(gateway: RunningGateway): Promise<void> {
  gateway.process.kill('SIGTERM');
  expect(await gateway.exited).toBe(0);
}

it('a gateway that runs takes the new key by itself, and one that is down with its next start; the first key leads to the newest', async () => {
  const gateway = await world.start();
  await work(gateway);
  const old = await keep('old.pub');
  const seed = await readFile(join(data, 'audit-key'), 'utf8');
  expect(await rotate()).toMatchObject({ code: 0, stderr: '' });
  const next = await keep('next.pub');
  expect(await readFile(next, 'utf8')).not.toBe(await readFile(old, 'utf8'));
  expect(await readFile(join(data, 'audit-key'), 'utf8')).not.toBe(seed);
  // Signed by the new key from the next heartbeat on: then who knows only that is content.
  await eventually('the new key signs', async () => (await verify(next)).code === 0);
  await work(gateway);
  expect((await verify(old)).code).toBe(0);
  await stop(gateway);

  expect((await rotate()).code).toBe(0);
  const again = await world.start();
  await work(again);
  // The newest one counts as soon as a checkpoint covers it.
  await eventually('all sessions verify', async () => {
    const { stdout } = await gw('verify', '--from', data, '--key', old, '--json');
    const { intact, sessions } = JSON.parse(stdout) as { intact: boolean; sessions: number };
    expect(intact).toBe(true);
    return sessions === 3;
  });
  await stop(again);
  const newest = await keep('newest.pub');
  for (const key of [old, next, newest]) expect(await verify(key), key).toMatchObject({ code: 0, stderr: '' });
  expect(await gw('verify', '--from', data)).toMatchObject({ code: 0 });

  // A proof says how the key came to be, so that it goes on proving to who kept the first one.
  const log = await gw('search', '--help');
  expect(log.code).toBe(0);
  const id = (await sessionIds())[0] as string;
  const proof = await gw('prove', `${id}#1`, '--from', data);
  const file = join(world.dir, 'proof.json');
  await writeFile(file, proof.stdout);
  for (const key of [old, newest]) expect((await gw('verify', file, '--key', key)).code).toBe(0);
  await writeFile(file, JSON.stringify({ ...(JSON.parse(proof.stdout) as object), rotations: undefined }));
  expect((await gw('verify', file, '--key', old)).code).toBe(9);

  // Without the statements, or with one that is changed, the first key leads nowhere.
  const copy = join(world.dir, 'copy');
  await copyLive(data, copy, /state/);
  const statement = await readFile(join(copy, 'log', 'rotation.1'));
  await writeFile(join(copy, 'log', 'rotation.1'), Buffer.from(statement.toString().replace('test', 'tess')));
  const forged = await gw('verify', '--from', copy, '--key', old, '--json');
  expect(JSON.parse(forged.stdout)).toMatchObject({ error: { detail: { claims: 'signature' } } });
  await rm(join(copy, 'log', 'rotation.1'));
  expect((await verify(old, copy)).code).toBe(9);
  await rm(copy, { recursive: true });
});

it('an interrupted rotation is ended by whoever reads the key next, and one without its statement changed nothing', async () => {
  await stop(await world.start());
  const old = await keep('old.pub');
  await cp(join(data, 'audit-key'), join(world.dir, 'old-seed'));
  expect((await rotate()).code).toBe(0);
  // As a kill between the statement and the exchange of the keys leaves it.
  await rename(join(data, 'audit-key'), join(data, 'audit-key.next'));
  await cp(join(world.dir, 'old-seed'), join(data, 'audit-key'));
  await stop(await world.start());
  expect(await readdir(data)).not.toContain('audit-key.next');
  expect((await verify(old)).code).toBe(0);
  // As a kill before the statement leaves it.
  const seed = await readFile(join(data, 'audit-key'), 'utf8');
  await writeFile(join(data, 'audit-key.next'), `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  await stop(await world.start());
  expect(await readFile(join(data, 'audit-key'), 'utf8')).toBe(seed);
  expect((await verify(old)).code).toBe(0);
});

it('of several that replace the key at a time, each does or says why not', async () => {
  await stop(await world.start());
  const old = await keep('old.pub');
  const all = await Promise.allSettled([1, 2, 3].map(() => rotateKey(world.configFile)));
  const codes = all.map((each) => (each.status === 'rejected' ? (each.reason as { code: string }).code : 'replaced'));
  const replaced = codes.filter((code) => code === 'replaced').length;
  expect(replaced).toBeGreaterThan(0);
  expect(codes.filter((code) => code !== 'replaced' && code !== 'record.busy')).toEqual([]);
  expect((await readdir(join(data, 'log'))).filter((name) => name.startsWith('rotation'))).toHaveLength(replaced);
  const lock = await takeLockFile(join(data, 'log', 'rotation.lock'));
  expect(lock.kind).toBe('taken');
  expect(await rotate()).toMatchObject({ code: 75, stderr: expect.stringContaining('Another process replaces the signing key') });
  if (lock.kind === 'taken') await lock.release();
  await stop(await world.start());
  expect((await verify(old)).code).toBe(0);
});

it('the new key is on disk with its name before the statement is', async () => {
  await stop(await world.start());
  using synced = await SyncedNames.watch();
  await rotateKey(world.configFile);
  const { syncs } = synced;
  const statement = syncs.findIndex(({ names }) => names.includes('rotation.1'));
  expect(statement).toBeGreaterThan(0);
  expect(syncs.slice(0, statement).some(({ names }) => names.includes('audit-key.next'))).toBe(true);
});

it('configured keys are replaced by configuration: the new one first, then the command, then the old one away', async () => {
  const [a, b] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
  for (const [name, seed] of [
    ['a', a],
    ['b', b],
  ] as const)
    await writeFile(join(world.dir, name), seed, { mode: 0o600 });
  await world.configure({ audit: { ...audit, keys: [{ file: 'a' }] } });
  const gateway = await world.start();
  const old = await keep('old.pub');
  expect(await rotate()).toMatchObject({ code: 2 });
  await world.configure({ audit: { ...audit, keys: [{ file: 'b' }, { file: 'a' }] } });
  expect(await rotate()).toMatchObject({ code: 0 });
  expect(await rotate()).toMatchObject({ code: 2 });
  await world.configure({ audit: { ...audit, keys: [{ file: 'b' }] } });
  const next = await keep('next.pub');
  await eventually('the new key signs', async () => (await verify(next)).code === 0);
  await stop(gateway);
  await stop(await world.start());
  expect((await verify(old)).code).toBe(0);
  await world.configure({ audit: { ...audit, keys: [{ file: 'a' }] } });
  await expect(world.start()).rejects.toThrow(/does not have the new one/);
});

async function sessionIds(): Promise<string[]> {
  const found = new Set<string>();
  for (const entry of await readdir(join(data, 'log', '0', 'tile', 'entries'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    for (const [id] of (await readFile(join(entry.parentPath, entry.name), 'latin1')).matchAll(/ses_[A-Za-z0-9]+/g)) found.add(id);
  }
  return [...found];
}
