/** A real gateway over logs that are years old: `gw retention run` prunes the log of its worker and one that nobody writes, and it goes on, restarts and verifies. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AuditTrail, KEY_TYPE, LogFiles, LogWriter, newSigningKey, publicKeyBytes, readSigningKey, verifierKey } from '../../src/audit/index.js';
import { silentLogger } from '../../src/base/logger.js';
import { listLogs } from '../../src/gateway/open-audit-trail.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const DAY = 86_400_000;
const NEVER = 3_600_000;

let world: GatewayWorld;
let home: CliHome;
let data: string;
let gateway: RunningGateway;
let keyFile: string;

/** A process that wrote so many entries, so many days ago. */
async function life(place: number, journal: string, daysAgo: number, entries: number, known: number | null = null): Promise<void> {
  const directory = join(data, 'log', String(place));
  const origin = `test/${place}`;
  const key = readSigningKey((await readFile(join(data, 'audit-key'), 'utf8')).trim(), 'The key');
  const log = await LogWriter.open({ directory, origin, keys: [key], logger: silentLogger, checkpointMs: NEVER, retryMs: NEVER });
  const now = Date.now() - daysAgo * DAY;
  const trail = await AuditTrail.open(
    {
      log,
      journal,
      clock: { now: () => now, monotonic: () => 0 },
      heartbeatMs: NEVER,
      sisters: async () => (await listLogs(join(data, 'log'))).filter((each) => each !== directory),
      onError: (error) => {
        throw error;
      },
      release: () => Promise.resolve(),
    },
    { version: 'test', keys: [verifierKey(origin, KEY_TYPE.log, publicKeyBytes(key))] },
  );
  for (let at = 0; at < entries; at++) trail.append('log.timestamp_failed', { why: 'so' });
  if (known !== null) trail.append('retention.run', { knownTime: new Date(known).toISOString() });
  await trail.close();
}

beforeAll(async () => {
  world = await startGatewayWorld();
  home = await makeHome();
  await world.configure({ retention: { log: '180d' } });
  data = join(world.dir, 'data');
  await mkdir(data, { mode: 0o700 });
  await writeFile(join(data, 'audit-key'), `${newSigningKey()}\n`, { mode: 0o600 });
  await life(0, 'old_0', 400, 600);
  await life(1, 'old_1', 400, 600);
  await life(1, 'old_2', 300, 5);
  await life(0, 'old_3', 200, 5, Date.now() - 60_000);
  gateway = await world.start();
  keyFile = join(world.dir, 'audit.pub');
  await writeFile(keyFile, (await home.run(['audit', 'key', '--config', world.configFile])).stdout);
  await writeFile(join(world.dir, 'ca.pem'), world.ca);
}, 120_000);
afterAll(async () => {
  await world?.close();
  await home?.remove();
});

async function gw(who: string, group: string, ...argv: readonly string[]): ReturnType<CliHome['run']> {
  const env = { GW_ID_TOKEN: await world.token(who, [group]), GW_GATEWAY: gateway.url, GW_CA_FILE: join(world.dir, 'ca.pem') };
  return home.run(argv, { env });
}

const first = (place: number): Promise<number> => new LogFiles(join(data, 'log', String(place))).first();

async function verifies(): Promise<string> {
  const { code, stdout, stderr } = await home.run(['audit', 'verify', '--from', data, '--key', keyFile]);
  expect(code, stderr).toBe(0);
  return stdout;
}

it('prunes both logs, says so, and nothing of it hinders a restart, a search or a copy', async () => {
  const listed = await gw('root', 'admins', 'retention', 'ls');
  expect(listed.stdout).toMatch(/\(all others\).*180d/);
  expect(listed.stderr).toMatch(/Over: .* 602 entries of the audit log/);
  const run = await gw('root', 'admins', 'retention', 'run');
  expect(run.code, run.stderr).toBe(0);
  expect(run.stderr).toMatch(/Ended: .* 1204 entries of the audit log/);
  expect([await first(0), await first(1)]).toEqual([602, 602]);
  expect(await verifies()).toMatch(/test\/0 verifies: \d+ entries, kept from 602 on \(the log was pruned\)/);
  gateway.process.kill('SIGKILL');
  await gateway.exited;
  gateway = await world.start();
  const again = await gw('root', 'admins', 'retention', 'run');
  expect(again.stderr).toMatch(/Ended: .* 0 entries of the audit log/);
  await verifies();
  const found = await gw('audrey', 'auditors', 'audit', 'search', '--kind', 'log.prune', '--output', 'ndjson');
  expect(
    found.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { data: { first: number } }).data.first),
  ).toEqual([602, 602]);
  expect(found.stderr).toContain('the entries before 602 were pruned');
  const copy = join(world.dir, 'copy');
  const mirrored = await gw('audrey', 'auditors', 'audit', 'mirror', '--to', copy);
  expect(mirrored.code, mirrored.stderr).toBe(0);
  const verified = await home.run(['audit', 'verify', '--from', copy, '--key', keyFile]);
  expect(verified.code, verified.stderr).toBe(0);
});
