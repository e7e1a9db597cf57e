/** gateway.yaml and the policy files: valid for the shipped gateway, and the user's from the second start on. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadPolicy } from '../../src/policy/index.js';
import { protocols } from '../../src/protocols/index.js';
import { movedAddresses, writeGatewayFiles } from '../../src/quickstart/gateway-files.js';
import { makeWorldDirectory, type WorldDirectory, worldDirectory } from '../../src/quickstart/world-directory.js';

const first = {
  gateway: '127.0.0.1:7443',
  native: '127.0.0.1:7432',
  bank: '127.0.0.1:7433',
  issuer: 'http://127.0.0.1:7480',
  web: '127.0.0.1:7423',
  webNative: '127.0.0.1:7422',
};
const access = { bank: { username: 'gw_bank', database: 'bank' }, web: { username: 'someone' } };
let top = '';
let world: WorldDirectory;

beforeEach(async () => {
  top = mkdtempSync(join(tmpdir(), 'gw-files-'));
  world = worldDirectory(join(top, 'world'));
  await makeWorldDirectory(world);
});

afterEach(() => rmSync(top, { recursive: true }));

interface Rule {
  readonly id: string;
  readonly effect: string;
  readonly actions: readonly string[];
  readonly subjects?: { readonly groups?: readonly string[] };
}
const ruleSet = (): readonly Rule[] => (parse(readFileSync(join(world.policy, 'access.yaml'), 'utf8')) as { readonly rules: readonly Rule[] }).rules;

describe('the first start', () => {
  test('writes configuration and policy, readable by their owner only', async () => {
    await writeGatewayFiles(world, first, null, access, 'policies');
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
    expect(readFileSync(join(world.policy, 'ssh-guardrails.yaml'), 'utf8')).toBe(readFileSync('policies/ssh-guardrails.yaml', 'utf8'));
    const connecting = ruleSet().filter(({ effect, actions }) => effect === 'allow' && actions.includes('connect'));
    expect(connecting.flatMap(({ subjects }) => subjects?.groups)).toEqual(['engineers', 'dba', 'ci', 'agents', 'engineers', 'dba', 'ci', 'agents']);
  });

  test('the ledger is asked for, also ahead of time and past people in an emergency, as README and the guide show it', async () => {
    await writeGatewayFiles(world, first, null, access, 'policies');
    expect(ruleSet().find(({ id }) => id === 'ledger-needs-a-second-person')).toMatchObject({
      effect: 'require_approval',
      approval: { groups: ['dba'], grants: '1h' },
      break_glass: { groups: ['engineers'], for: '15m' },
    });
    const text = readFileSync(join(world.policy, 'access.yaml'), 'utf8');
    expect(() =>
      loadPolicy(
        [{ path: 'access.yaml', text }],
        protocols.map(({ descriptor }) => descriptor),
      ),
    ).not.toThrow();
  });

  test('without a host names none, in configuration and policy', async () => {
    await writeGatewayFiles(world, { ...first, web: null, webNative: null }, null, { ...access, web: null }, 'policies');
    for (const file of [world.configFile, join(world.policy, 'access.yaml')]) expect(readFileSync(file, 'utf8')).not.toMatch(/web-1|ssh/);
    expect(existsSync(join(world.policy, 'ssh-guardrails.yaml'))).toBe(false);
    expect(ruleSet().length).toBeGreaterThan(0);
  });

  test('without the shipped guardrails there is no start', async () => {
    await expect(writeGatewayFiles(world, first, null, access, top)).rejects.toMatchObject({ code: 'quickstart.start' });
  });
});

describe('a later start', () => {
  const moved = { ...first, gateway: '127.0.0.1:40001', issuer: 'http://127.0.0.1:40002' };

  test('changes addresses that moved and not one other byte', async () => {
    await writeGatewayFiles(world, first, null, access, 'policies');
    appendFileSync(world.configFile, '\n# mine: 127.0.0.1:7443 in a comment stays\nlog:   { level: "debug" }\n');
    const before = readFileSync(world.configFile, 'utf8');
    await writeGatewayFiles(world, moved, first, access, 'policies');
    const after = readFileSync(world.configFile, 'utf8');
    expect(after).toBe(
      before.replace('listen: 127.0.0.1:7443', 'listen: 127.0.0.1:40001').replace('issuer: http://127.0.0.1:7480', 'issuer: http://127.0.0.1:40002'),
    );
    expect(after).toContain('# mine: 127.0.0.1:7443 in a comment stays');
  });

  test('leaves an address that the user chose', async () => {
    await writeGatewayFiles(world, first, null, access, 'policies');
    writeFileSync(world.configFile, readFileSync(world.configFile, 'utf8').replace(first.gateway, '127.0.0.1:9999'));
    await writeGatewayFiles(world, moved, first, access, 'policies');
    expect((parse(readFileSync(world.configFile, 'utf8')) as { gateway: { listen: string } }).gateway.listen).toBe('127.0.0.1:9999');
  });

  test('never writes policy again: what was edited stays, what was removed stays removed', async () => {
    await writeGatewayFiles(world, first, null, access, 'policies');
    const policy = join(world.policy, 'access.yaml');
    writeFileSync(policy, 'version: 1\n');
    rmSync(join(world.policy, 'guardrails.yaml'));
    await writeGatewayFiles(world, moved, first, access, 'policies').catch(() => undefined);
    expect(readFileSync(policy, 'utf8')).toBe('version: 1\n');
    expect(existsSync(join(world.policy, 'guardrails.yaml'))).toBe(false);
  });

  test('swaps two addresses at once, keeps quotes, and leaves text that is not YAML alone', () => {
    const swapped = { ...first, gateway: first.native, native: first.gateway };
    expect(movedAddresses('a: 127.0.0.1:7443\nb: "127.0.0.1:7432"\n', first, swapped)).toBe('a: 127.0.0.1:7432\nb: "127.0.0.1:7443"\n');
    expect(movedAddresses('a: [\n', first, moved)).toBe('a: [\n');
  });
});
