/** A real gateway with a real timestamp authority: what it keeps, what `gw audit verify` says, and that a dead authority is seen and holds nothing up. */
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../store/state-server.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { startTimestampAuthority, type TimestampAuthority } from '../support/timestamp-authority.js';
import { type GatewayWorld, startGatewayWorld } from './gateway-world.js';

let world: GatewayWorld;
let authority: TimestampAuthority;
let home: CliHome;

beforeAll(async () => {
  [world, authority, home] = await Promise.all([startGatewayWorld(), startTimestampAuthority(), makeHome()]);
  await writeFile(join(world.dir, 'root.pem'), authority.ca);
  await world.configure({ audit: { timestamps: { url: authority.url, authority: 'root.pem', every: '1h', retry: '1s' } } });
});
afterAll(async () => {
  await world?.close();
  await authority?.[Symbol.asyncDispose]();
  await home?.remove();
});

it('a gateway works while its authority is down, says so in its metrics, and has its checkpoint stamped when it is up again', async () => {
  authority.change(() => 503);
  const gateway = await world.start();
  const metric = async (name: string): Promise<number> => {
    const { text } = await world.api(gateway, '/metrics');
    return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
  };
  await eventually('the metric says so', async () => (await metric('gw_audit_timestamp_failing')) === 1);
  expect(await metric('gw_audit_timestamp_seconds')).toBe(0);
  expect((await world.api(gateway, '/readyz')).status).toBe(200);
  const client = await world.connect(gateway, await world.token('alice'));
  await client.query('select 1');
  await client.end();
  authority.change(null);
  await eventually('it is stamped', async () => (await metric('gw_audit_timestamp_seconds')) > 0);
  expect(await metric('gw_audit_timestamp_failing')).toBe(0);
  expect(gateway.log.some(({ level, msg }) => level === 'warn' && String(msg).includes('could not be timestamped'))).toBe(true);

  const data = join(world.dir, 'data');
  const keys = join(world.dir, 'audit.pub');
  await writeFile(keys, (await home.run(['audit', 'key', '--config', world.configFile])).stdout);
  await writeFile(join(world.dir, 'ca.pem'), world.ca);
  const auditor = { env: { GW_GATEWAY: gateway.url, GW_CA_FILE: join(world.dir, 'ca.pem'), GW_ID_TOKEN: await world.token('aud', ['auditors']) } };
  const [copy, state] = [join(world.dir, 'copy'), join(world.dir, 'witness')];
  await eventually('the entry about it is signed, and a copy has it', async () => {
    expect(await home.run(['audit', 'mirror', '--to', copy], auditor)).toMatchObject({ code: 0, stderr: '' });
    return existsSync(join(copy, 'log', '0', 'timestamp'));
  });
  expect(await home.run(['audit', 'witness', '--remote', '--state', state, '--key', keys], auditor)).toMatchObject({ code: 0, stderr: '' });
  for (const from of [copy, join(state, 'mirror')]) {
    const copied = await home.run(['audit', 'verify', '--from', from, '--key', keys, '--authority', authority.caFile]);
    expect(copied.stdout, copied.stderr).toContain(', 1 timestamps');
    expect(copied.code).toBe(0);
  }
  gateway.process.kill('SIGTERM');
  expect(await gateway.exited).toBe(0);

  const verify = ['audit', 'verify', '--from', data, '--key', keys];
  const trusted = await home.run([...verify, '--authority', authority.caFile]);
  expect(trusted).toMatchObject({ code: 0, stderr: '' });
  expect(trusted.stdout).toContain(', 1 timestamps');
  const unknown = await home.run(verify);
  expect(unknown.code).toBe(0);
  expect(unknown.stderr).toContain('nobody vouches');
  expect((await home.run([...verify, '--authority', keys])).code).toBe(2);

  const stamp = join(data, 'log', '0', 'timestamp', (await readdir(join(data, 'log', '0', 'timestamp'))).find((name) => name.endsWith('tsr')) as string);
  const bytes = await readFile(stamp);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
  await writeFile(stamp, bytes);
  const changed = await home.run([...verify, '--authority', authority.caFile, '--json']);
  expect(changed.code).toBe(9);
  expect(JSON.parse(changed.stdout)).toMatchObject({ error: { detail: { claims: 'timestamp' } } });
});

it('a configuration whose authority cannot be read is refused before anything starts', async () => {
  await writeFile(join(world.dir, 'none.pem'), 'no certificate');
  await world.configure({ audit: { timestamps: { url: authority.url, authority: 'none.pem' } } });
  await expect(world.start()).rejects.toThrow(/none\.pem/);
  await world.configure({ audit: { timestamps: { url: 'ftp://x', authority: 'gone.pem' } } });
  await expect(world.start()).rejects.toThrow(/must be an http or https URL/);
});
