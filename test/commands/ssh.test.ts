/** `gw ssh`, `gw connect`, `gw exec` and `gw ssh-config` with the whole gateway, the system's own clients and a real sshd. */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from '../gateway/gateway-world.js';
import { type RealSshd, startRealSshd } from '../support/real-sshd.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { run } from '../support/ssh-world.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers, admins] } }
  - { id: unknown-too, effect: allow, actions: [unknown] }
  - { id: no-rm, effect: deny, actions: [ssh.exec], resources: [program: rm], message: Nothing is removed here. }
  - { id: ask-for-touch, effect: require_approval, actions: [ssh.exec], resources: [program: touch], approval: { groups: [admins] }, message: Touching is looked at. }
`;

let world: GatewayWorld;
let gateway: RunningGateway;
let sshd: RealSshd;
let home: CliHome;
let reach: Record<string, string>;
let env: Record<string, string>;

beforeAll(async () => {
  [world, sshd, home] = await Promise.all([startGatewayWorld(), startRealSshd(), makeHome()]);
  await writeFile(join(world.dir, 'key'), sshd.key, { mode: 0o600 });
  await world.writePolicy(POLICY);
  await world.configure({
    targets: [
      {
        name: 'web-1',
        protocol: 'ssh',
        address: `127.0.0.1:${sshd.port}`,
        credential: { username: sshd.username, key: { file: 'key' } },
        options: { hostKeys: [sshd.hostKey] },
      },
    ],
    native: [{ protocol: 'ssh', listen: '127.0.0.1:0' }],
  });
  gateway = await world.start();
  await writeFile(join(world.dir, 'ca.pem'), world.ca);
  reach = { GW_GATEWAY: gateway.url, GW_CA_FILE: join(world.dir, 'ca.pem') };
  env = { ...reach, GW_ID_TOKEN: await world.token('ann') };
});
afterAll(async () => {
  await home?.remove();
  await sshd?.[Symbol.asyncDispose]();
  await world?.close();
});

describe('gw ssh', () => {
  it('runs a command and passes its status through', async () => {
    expect(await home.run(['ssh', 'web-1', '--', 'echo hello; exit 5'], { env })).toMatchObject({ code: 5, stdout: 'hello\n' });
    expect(await home.run(['connect', 'web-1', '--', 'echo', 'connected'], { env })).toMatchObject({ code: 0, stdout: 'connected\n' });
  });

  it('passes input through, and options of ssh', async () => {
    const result = await home.run(['ssh', 'web-1', '--', '-o', 'LogLevel=INFO', 'wc -c'], { env, input: 'x'.repeat(100_000) });
    expect(result.stdout.trim()).toBe('100000');
  });

  it('says why a command is refused', async () => {
    const result = await home.run(['ssh', 'web-1', '--', 'rm', '-rf', '/'], { env });
    expect(result).toMatchObject({ code: 7 });
    expect(result.stderr).toContain('Nothing is removed here.');
  });

  it('is for hosts: another target says so', async () => {
    const result = await home.run(['ssh', 'bank-db'], { env });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('gw connect bank-db');
  });

  it('leaves no key behind', async () => {
    const folder = join(home.folder, 'run');
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o700);
    expect((await home.run(['ssh', 'web-1', '--', 'true'], { env: { ...env, XDG_RUNTIME_DIR: folder } })).code).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('holds a command until somebody approves it, and says so on standard error', async () => {
    const file = join(sshd.dir, 'files', 'touched');
    const waiting = home.start(['ssh', 'web-1', '--', 'touch', file, '&&', 'echo', 'done'], { env });
    const said = await waiting.stderrHas('gw approve');
    const id = /gw approve (\S+?)"/.exec(said)?.[1] ?? '';
    const approver = { ...reach, GW_ID_TOKEN: await world.token('bob', ['admins']) };
    const approved = await home.run(['approve', id, '--yes'], { env: approver });
    expect(approved.code, approved.stderr).toBe(0);
    expect(await waiting.done).toMatchObject({ code: 0, stdout: 'done\n' });
  });

  it('does not wait with --no-wait', async () => {
    const result = await home.run(['ssh', 'web-1', '--no-wait', '--', 'touch', '/tmp/never'], { env });
    expect(result.code).toBe(5);
  });
});

describe('gw exec', () => {
  it('gives scp, rsync and git what they need', async () => {
    const content = randomBytes(500_000);
    await writeFile(join(home.folder, 'work', 'file'), content);
    const files = join(sshd.dir, 'files');
    const script = `scp -q -F "$SSH_CONFIG" file web-1:${files}/scp && rsync -a file web-1:${files}/rsync && scp -q -F "$SSH_CONFIG" web-1:${files}/rsync back`;
    const result = await home.run(['exec', 'web-1', '--', 'sh', '-c', script], { env });
    expect(result.code, result.stderr).toBe(0);
    for (const path of [join(files, 'scp'), join(files, 'rsync'), join(home.folder, 'work', 'back')])
      expect(
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      ).toBe(createHash('sha256').update(content).digest('hex'));
  });
});

describe('gw ssh-config', () => {
  it('leads plain ssh, scp and shared connections through the gateway', async () => {
    const printed = await home.run(['ssh-config'], { env });
    expect(printed.code, printed.stderr).toBe(0);
    const config = join(home.folder, 'ssh_config');
    await writeFile(config, printed.stdout);
    const clientEnv = { ...env, ...home.env };
    const ssh = (...args: string[]): ReturnType<typeof run> => run('ssh', ['-F', config, ...args], { env: clientEnv });
    const ended = await ssh('web-1.gw', 'echo plain; exit 3');
    expect({ code: ended.code, out: ended.out.toString() }, ended.err).toEqual({ code: 3, out: 'plain\n' });
    const copied = await run('scp', ['-q', '-F', config, config, `web-1.gw:${sshd.dir}/files/config`], { env: clientEnv });
    expect(copied.code, copied.err).toBe(0);
    expect(await readFile(join(sshd.dir, 'files', 'config'), 'utf8')).toBe(printed.stdout);
    const socket = join(home.folder, 'mux');
    const master = await run('ssh', ['-F', config, '-M', '-S', socket, '-f', '-N', 'web-1.gw'], { env: clientEnv, background: true });
    expect(master.code, master.err).toBe(0);
    const shared = await Promise.all([1, 2, 3].map((each) => ssh('-S', socket, 'web-1.gw', `echo shared ${each}`)));
    expect(shared.map(({ out }) => out.toString())).toEqual([1, 2, 3].map((each) => `shared ${each}\n`));
    await ssh('-S', socket, '-O', 'exit', 'web-1.gw');
  });

  it('another key on the same tunnel is not let in', async () => {
    const printed = await home.run(['ssh-config', '--json'], { env });
    const { config } = JSON.parse(printed.stdout) as { config: string };
    const file = join(home.folder, 'other_config');
    await writeFile(file, `${config.replace(/IdentityFile .*/, `IdentityFile ${sshd.keyFile}`)}\n`);
    const ended = await run('ssh', ['-F', file, 'web-1.gw', 'true'], { env: { ...env, ...home.env } });
    expect(ended.code).toBe(255);
    expect(ended.err).toContain('login.token_invalid');
  });

  it('a gateway with another host key is not talked to', async () => {
    const printed = await home.run(['ssh-config', '--json'], { env });
    const { config, knownHostsFile } = JSON.parse(printed.stdout) as { config: string; knownHostsFile: string };
    const other = join(home.folder, 'other_known_hosts');
    await writeFile(other, `gateway ${sshd.hostKey}\n`);
    const file = join(home.folder, 'third_config');
    await writeFile(file, `${config.replace(knownHostsFile, other)}\n`);
    const ended = await run('ssh', ['-F', file, 'web-1.gw', 'true'], { env: { ...env, ...home.env } });
    expect(ended.code).toBe(255);
    expect(ended.err).toMatch(/HOST IDENTIFICATION HAS CHANGED|Host key verification failed/);
  });
});

describe('the native port', () => {
  it('takes the token as the password', async () => {
    const [host = '', port = ''] = (gateway.native['ssh'] ?? '').split(':');
    const askpass = await home.program('askpass', '#!/bin/sh\nprintf "%s\\n" "$TOKEN"\n');
    const ended = await run(
      'ssh',
      [
        '-F',
        '/dev/null',
        '-p',
        port,
        '-o',
        'UserKnownHostsFile=/dev/null',
        '-o',
        'StrictHostKeyChecking=no',
        '-o',
        'LogLevel=ERROR',
        `web-1@${host}`,
        'echo native',
      ],
      {
        env: { TOKEN: env['GW_ID_TOKEN'] ?? '', SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' },
      },
    );
    expect({ code: ended.code, out: ended.out.toString() }, ended.err).toEqual({ code: 0, out: 'native\n' });
  });
});

describe('gw ssh-cert', () => {
  it('makes plain ssh log in at the native port, until the login ends', async () => {
    const printed = await home.run(['ssh-cert', '--json'], { env });
    expect(printed.code, printed.stderr).toBe(0);
    const { config, targets, certificateFile } = JSON.parse(printed.stdout) as { config: string; targets: string[]; certificateFile: string };
    expect(targets).toEqual(['web-1']);
    const file = join(home.folder, 'native_config');
    await writeFile(file, `${config}\n`);
    const plain = { HOME: home.folder, SSH_AUTH_SOCK: '' };
    const ended = await run('ssh', ['-F', file, 'web-1@gw-native', 'echo native; exit 4'], { env: plain });
    expect({ code: ended.code, out: ended.out.toString() }, ended.err).toEqual({ code: 4, out: 'native\n' });
    expect((await run('ssh', ['-F', file, 'web-2@gw-native', 'true'], { env: plain })).code).toBe(255);
    const read = await run('ssh-keygen', ['-L', '-f', certificateFile]);
    expect(read.out.toString()).toContain('Principals');
  });

  it('certifies a key that is there already', async () => {
    const made = await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(home.folder, 'own')]);
    expect(made.code).toBe(0);
    const printed = await home.run(['ssh-cert', '--key', join(home.folder, 'own'), '--target', 'web-1'], { env });
    expect(printed.code, printed.stderr).toBe(0);
    const file = join(home.folder, 'own_config');
    await writeFile(file, printed.stdout);
    const ended = await run('ssh', ['-F', file, 'web-1@gw-native', 'echo own'], { env: { SSH_AUTH_SOCK: '' } });
    expect(ended.out.toString(), ended.err).toBe('own\n');
  });

  it('says no to a target that there is not, to no key, and to no login', async () => {
    expect((await home.run(['ssh-cert', '--target', 'web-9'], { env })).stderr).toContain('web-9');
    expect((await home.run(['ssh-cert', '--key', join(home.folder, 'none')], { env })).code).toBe(2);
    expect((await home.run(['ssh-cert'], { env: reach })).code).toBe(4);
  });
});

describe('gw ssh-ca', () => {
  it('prints the key by which a host knows the gateway', async () => {
    const printed = await home.run(['ssh-ca'], { env });
    expect(printed.stdout).toMatch(/^ssh-ed25519 AAAA\S+\n$/);
  });
});

describe('the record', () => {
  it('of a session is told by gw sessions show', async () => {
    const auditor = { ...reach, GW_ID_TOKEN: await world.token('eve', ['auditors', 'admins']) };
    const listed = JSON.parse((await home.run(['sessions', 'ls', '--json'], { env: auditor })).stdout) as { sessions: { id: string; protocol: string }[] };
    const session = listed.sessions.find(({ protocol }) => protocol === 'ssh');
    const shown = await home.run(['sessions', 'show', session?.id ?? ''], { env: auditor });
    expect(shown.code, shown.stderr).toBe(0);
  });
});
