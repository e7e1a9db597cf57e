/** As whom on the host, from the command line to the record: `--as`, `ACCOUNT@TARGET`, `TARGET+ACCOUNT`, what `gw ls` and `explain` say, and who approves. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placeOf } from '../../src/cli/native-client/place.js';
import type { Status } from '../../src/cli/status.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from '../gateway/gateway-world.js';
import { eventually } from '../store/state-server.js';
import { type RealSshd, startRealSshd } from '../support/real-sshd.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { run } from '../support/ssh-world.js';

const policy = (account: string): string => `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: deploy, effect: allow, actions: [connect], subjects: { groups: [engineers] }, as: [${account}, daemon] }
  - { id: asked, effect: require_approval, actions: [connect], subjects: { groups: [contractors] }, as: [${account}, daemon], approval: { groups: [admins] } }
  - { id: touch, effect: require_approval, actions: [ssh.exec], resources: [program: touch], approval: { groups: [admins] } }
  - { id: unknown-too, effect: allow, actions: [unknown] }
`;

let world: GatewayWorld;
let gateway: RunningGateway;
let sshd: RealSshd;
let home: CliHome;
let account: string;
let reach: Record<string, string>;
const as = async (name: string, groups?: string[]): Promise<Record<string, string>> => ({ ...reach, GW_ID_TOKEN: await world.token(name, groups) });

beforeAll(async () => {
  [world, home] = await Promise.all([startGatewayWorld(), makeHome()]);
  const trust = join(world.dir, 'ca.pub');
  await writeFile(trust, 'ssh-ed25519 AAAA\n', { mode: 0o644 });
  sshd = await startRealSshd([`TrustedUserCAKeys ${trust}`, 'AuthorizedKeysFile none']);
  account = sshd.username;
  await world.writePolicy(policy(account));
  await world.configure({
    targets: [
      {
        name: 'web-1',
        protocol: 'ssh',
        address: `127.0.0.1:${sshd.port}`,
        credential: { username: 'gw-nobody', certificate: true },
        options: { hostKeys: [sshd.hostKey] },
      },
    ],
  });
  gateway = await world.start();
  await writeFile(join(world.dir, 'ca.pem'), world.ca);
  reach = { GW_GATEWAY: gateway.url, GW_CA_FILE: join(world.dir, 'ca.pem') };
  const authority = await home.run(['ssh-ca'], { env: await as('ann') });
  await writeFile(trust, authority.stdout, { mode: 0o644 });
});
afterAll(async () => {
  await home?.remove();
  await sshd?.[Symbol.asyncDispose]();
  await world?.close();
});

describe('an account at the target', () => {
  it('is named by --as, before the @, behind the +, and for plain ssh in the name of the host', async () => {
    const env = await as('ann');
    for (const words of [
      ['ssh', `${account}@web-1`],
      ['ssh', 'web-1', '--as', account],
      ['connect', `web-1+${account}`],
    ]) {
      const ended = await home.run([...words, '--', 'whoami'], { env });
      expect(ended, words.join(' ')).toMatchObject({ code: 0, stdout: `${account}\n` });
    }
    const config = join(home.folder, 'ssh_config');
    await writeFile(config, (await home.run(['ssh-config'], { env })).stdout);
    const plain = await run('ssh', ['-F', config, `web-1+${account}.gw`, 'whoami'], { env: { ...env, ...home.env } });
    expect(plain.out.toString(), plain.err).toBe(`${account}\n`);
  });

  it('that must be named, or may not be had, is said with what there is', async () => {
    const env = await as('ann');
    const several = await home.run(['ssh', 'web-1', '--', 'whoami'], { env });
    expect(several.code).not.toBe(0);
    expect(several.stderr).toContain(`several accounts of web-1 are possible (${account}, daemon), and none was named`);
    const other = await home.run(['ssh', 'gw-nobody@web-1', '--', 'whoami'], { env });
    expect(other.stderr).toContain('no rule lets');
  });

  it('need not be the own one for a certificate, which is for all targets within reach', async () => {
    const key = join(home.folder, 'mine');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const ask = async (env: Record<string, string>) => {
      const publicKey = (await readFile(`${key}.pub`, 'utf8')).trim();
      return world.api(gateway, '/api/v1/certificates', { token: env['GW_ID_TOKEN'] ?? '', body: { protocol: 'ssh', publicKey } });
    };
    expect((await ask(await as('ann'))).json).toMatchObject({ targets: ['web-1'] });
    expect((await ask(await as('eve', ['strangers']))).status).toBe(404);
  });

  it('stands in gw ls, in gw policy explain, in the session and its log entry', async () => {
    const env = await as('ann');
    const { targets } = JSON.parse((await home.run(['ls', '--json'], { env })).stdout) as {
      targets: { name: string; accounts?: string[]; reachable: boolean }[];
    };
    expect(targets.find(({ name }) => name === 'web-1')).toMatchObject({ reachable: true, accounts: [account, 'daemon'], ownAccount: false });
    expect((await home.run(['ls', '-o', 'table'], { env })).stdout).toContain('ACCOUNTS');
    // Who asks who they are is told the same.
    for (const name of ['status', 'whoami']) {
      const who = JSON.parse((await home.run([name, '--json'], { env })).stdout) as Status;
      expect(who.targets).toEqual([{ name: 'web-1', own: false, accounts: [account, 'daemon'] }]);
      const shown = await home.run([name], { env });
      expect([shown.code, shown.stdout]).toEqual([0, expect.stringMatching(new RegExp(`targets +1 within reach\\naccounts +web-1: ${account} daemon\\n`))]);
    }
    const stranger = JSON.parse((await home.run(['whoami', '--json'], { env: await as('eve', ['strangers']) })).stdout) as Status;
    expect([stranger.login?.name, stranger.targets]).toEqual(['eve', []]);
    const strong = { ...(await as('eve')), GW_ID_TOKEN: await world.token('eve', ['strangers'], { amr: ['pwd', 'mfa'], acr: 'urn:bank:strong' }) };
    expect((await home.run(['whoami'], { env: strong })).stdout).toMatch(/\namr +pwd mfa\nacr +urn:bank:strong\n/);
    expect((await home.run(['whoami'], { env })).stdout).not.toMatch(/^(amr|acr)/m);
    const explained = await home.run(['policy', 'explain', '--target', 'web-1', '--account', 'daemon'], { env });
    expect(explained.stdout).toContain('connect to web-1 as daemon');
    await home.run(['ssh', `${account}@web-1`, '--', 'true'], { env });
    const { sessions } = JSON.parse((await home.run(['sessions', 'ls', '--json'], { env })).stdout) as { sessions: { id: string }[] };
    expect((await home.run(['sessions', 'show', sessions[0]?.id ?? ''], { env })).stdout).toContain(`web-1 as ${account} (ssh`);
    const auditor = await as('eve', ['auditors', 'admins']);
    const search = ['audit', 'search', '--session', sessions[0]?.id ?? '', '--kind', 'session.start', '--json'];
    let entries: { data: object }[] = [];
    await eventually('the start is under a checkpoint', async () => {
      ({ entries } = JSON.parse((await home.run(search, { env: auditor })).stdout) as { entries: { data: object }[] });
      return entries.length > 0;
    });
    expect(entries[0]?.data).toMatchObject({ account });
  });

  it('is what people approve: for one account it is good for no other', async () => {
    const env = await as('carl', ['contractors']);
    const first = await home.run(['ssh', `${account}@web-1`, '--no-wait', '--', 'whoami'], { env });
    expect(first.code, first.stderr).toBe(5);
    const id = /(apr_\w+)/.exec(first.stderr)?.[1] ?? '';
    const approver = await as('bob', ['admins']);
    const shown = await home.run(['request', 'show', id], { env: approver });
    expect(shown.stdout).toContain(`web-1 as ${account}`);
    expect((await home.run(['approve', id, '--yes'], { env: approver })).code).toBe(0);
    const other = await home.run(['ssh', 'daemon@web-1', '--no-wait', '--', 'whoami'], { env });
    expect(other.code, other.stderr).toBe(5);
    expect(other.stderr).not.toContain(id);
    expect(await home.run(['ssh', `${account}@web-1`, '--no-wait', '--', 'whoami'], { env })).toMatchObject({ code: 0, stdout: `${account}\n` });
  });
});

describe('a place', () => {
  it('is a target, and perhaps an account', () => {
    expect(placeOf('web-1', null)).toEqual({ target: 'web-1', account: null });
    expect(placeOf('web-1', 'deploy')).toEqual({ target: 'web-1', account: 'deploy' });
    expect(placeOf('deploy@web-1', null)).toEqual({ target: 'web-1', account: 'deploy' });
    expect(placeOf('web-1+deploy', 'deploy')).toEqual({ target: 'web-1', account: 'deploy' });
    expect(placeOf('a+b@web-1', null)).toEqual({ target: 'web-1', account: 'a+b' });
    for (const [text, named] of [
      ['@web-1', null],
      ['deploy@', null],
      ['+x', null],
      ['web-1+', null],
      ['root@web-1', 'deploy'],
    ] as const)
      expect(() => placeOf(text, named), text).toThrow(expect.objectContaining({ code: 'usage.invalid' }));
  });
});
