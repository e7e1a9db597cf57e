/** gateway.yaml and the policy files: valid for the shipped gateway, and the user's from the second start on. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { movedAddresses, writeGatewayFiles } from '../../src/quickstart/gateway-files.js';
import { makeWorldDirectory, type WorldDirectory, worldDirectory } from '../../src/quickstart/world-directory.js';

const first = { gateway: '127.0.0.1:7443', native: '127.0.0.1:7432', bank: '127.0.0.1:7433', issuer: 'http://127.0.0.1:7480' };
const bank = { username: 'gw_bank', database: 'bank' };
let top = '';
let world: WorldDirectory;

beforeEach(async () => {
  top = mkdtempSync(join(tmpdir(), 'gw-files-'));
  world = worldDirectory(join(top, 'world'));
  await makeWorldDirectory(world);
});

afterEach(() => rmSync(top, { recursive: true }));

describe('the first start', () => {
  test('writes configuration and policy, readable by their owner only', async () => {
    await writeGatewayFiles(world, first, null, bank, 'policies');
    const config = parse(readFileSync(world.configFile, 'utf8')) as {
      gateway: { listen: string };
      identity: { issuers: { issuer: string }[] };
      targets: { address: string }[];
    };
    expect(config.gateway.listen).toBe(first.gateway);
    expect(config.identity.issuers[0]?.issuer).toBe(first.issuer);
    expect(config.targets[0]?.address).toBe(first.bank);
    expect(statSync(world.configFile).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(world.policy, 'guardrails.yaml'), 'utf8')).toBe(readFileSync('policies/guardrails.yaml', 'utf8'));
    const access = parse(readFileSync(join(world.policy, 'access.yaml'), 'utf8')) as { rules: { effect: string; subjects: { groups: string[] } }[] };
    expect(access.rules.filter(({ effect }) => effect === 'allow').flatMap(({ subjects }) => subjects.groups)).toEqual(['engineers', 'dba', 'ci', 'agents']);
  });

  test('without the shipped guardrails there is no start', async () => {
    await expect(writeGatewayFiles(world, first, null, bank, top)).rejects.toMatchObject({ code: 'quickstart.start' });
  });
});

describe('a later start', () => {
  const moved = { ...first, gateway: '127.0.0.1:40001', issuer: 'http://127.0.0.1:40002' };

  test('changes addresses that moved and not one other byte', async () => {
    await writeGatewayFiles(world, first, null, bank, 'policies');
    appendFileSync(world.configFile, '\n# mine: 127.0.0.1:7443 in a comment stays\nlog:   { level: "debug" }\n');
    const before = readFileSync(world.configFile, 'utf8');
    await writeGatewayFiles(world, moved, first, bank, 'policies');
    const after = readFileSync(world.configFile, 'utf8');
    expect(after).toBe(
      before.replace('listen: 127.0.0.1:7443', 'listen: 127.0.0.1:40001').replace('issuer: http://127.0.0.1:7480', 'issuer: http://127.0.0.1:40002'),
    );
    expect(after).toContain('# mine: 127.0.0.1:7443 in a comment stays');
  });

  test('leaves an address that the user chose', async () => {
    await writeGatewayFiles(world, first, null, bank, 'policies');
    writeFileSync(world.configFile, readFileSync(world.configFile, 'utf8').replace(first.gateway, '127.0.0.1:9999'));
    await writeGatewayFiles(world, moved, first, bank, 'policies');
    expect((parse(readFileSync(world.configFile, 'utf8')) as { gateway: { listen: string } }).gateway.listen).toBe('127.0.0.1:9999');
  });

  test('never writes policy again: what was edited stays, what was removed stays removed', async () => {
    await writeGatewayFiles(world, first, null, bank, 'policies');
    const access = join(world.policy, 'access.yaml');
    writeFileSync(access, 'version: 1\n');
    rmSync(join(world.policy, 'guardrails.yaml'));
    await writeGatewayFiles(world, moved, first, bank, 'policies').catch(() => undefined);
    expect(readFileSync(access, 'utf8')).toBe('version: 1\n');
    expect(existsSync(join(world.policy, 'guardrails.yaml'))).toBe(false);
  });

  test('swaps two addresses at once, keeps quotes, and leaves text that is not YAML alone', () => {
    const swapped = { ...first, gateway: first.native, native: first.gateway };
    expect(movedAddresses('a: 127.0.0.1:7443\nb: "127.0.0.1:7432"\n', first, swapped)).toBe('a: 127.0.0.1:7432\nb: "127.0.0.1:7443"\n');
    expect(movedAddresses('a: [\n', first, moved)).toBe('a: [\n');
  });
});
