/** `gw ssh`, `gw connect`, `gw exec` and `gw ssh-config` with the whole gateway, the system's own clients and a real sshd. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from '../gateway/gateway-world.js';
import { eventually } from '../store/state-server.js';
import { type RealSshd, startRealSshd } from '../support/real-sshd.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { run } from '../support/ssh-world.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers, admins] } }
  - { id: unknown-too, effect: allow, actions: [unknown] }
  - { id: forwards, effect: allow, actions: [ssh.forward.local] }
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
      {
        name: 'web-3',
        protocol: 'ssh',
        address: `127.0.0.1:${sshd.port}`,
        // As a vault's client would print it.
        credential: { username: sshd.username, key: { command: ['/bin/cat', sshd.keyFile] } },
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

/** Commands that commit something in `folder` and push it. */
const commitIn = (folder: string, subject: string): readonly string[] => [
  `git -C ${folder} -c user.name=t -c user.email=t@t commit -q --allow-empty -m '${subject}'`,
  `git -C ${folder} push -q origin HEAD:main`,
];
const subjects = (repository: string): string => execFileSync('git', ['-C', repository, 'log', '--format=%s', 'main']).toString();

interface Shown {
  readonly session: { readonly state: string };
  readonly operations: readonly { readonly text: string; readonly status: string }[];
}

/** What the gateway tells of the session that began last, as soon as that is over. */
async function lastSession(): Promise<Shown> {
  const auditor = { ...reach, GW_ID_TOKEN: await world.token('eve', ['auditors', 'admins']) };
  let shown: Shown | null = null;
  await eventually('the session is over', async () => {
    const { sessions } = JSON.parse((await home.run(['sessions', 'ls', '--json'], { env: auditor })).stdout) as { sessions: { id: string }[] };
    shown = JSON.parse((await home.run(['sessions', 'show', sessions[0]?.id ?? '', '--json'], { env: auditor })).stdout) as Shown;
    return shown.session.state === 'ended';
  });
  return shown ?? { session: { state: '' }, operations: [] };
}

describe('gw ssh', () => {
  it('runs a command and passes its status through', async () => {
    expect(await home.run(['ssh', 'web-1', '--', 'echo hello; exit 5'], { env })).toMatchObject({ code: 5, stdout: 'hello\n' });
    expect(await home.run(['connect', 'web-1', '--', 'echo', 'connected'], { env })).toMatchObject({ code: 0, stdout: 'connected\n' });
  });

  it('passes input through, and options of ssh', async () => {
    const result = await home.run(['ssh', 'web-1', '--', '-o', 'LogLevel=INFO', 'wc -c'], { env, input: 'x'.repeat(100_000) });
    expect(result.stdout.trim()).toBe('100000');
  });

  it('reaches a target whose key a command prints, which is asked anew for each session', async () => {
    expect(await home.run(['ssh', 'web-3', '--', 'echo by command'], { env })).toMatchObject({ code: 0, stdout: 'by command\n' });
    const kept = await readFile(sshd.keyFile);
    await writeFile(sshd.keyFile, 'no key');
    try {
      const failed = await home.run(['ssh', 'web-3', '--', 'true'], { env });
      expect(failed.code).not.toBe(0);
      expect(failed.stderr).toMatch(/credential|key/);
      expect(failed.stderr).not.toContain('no key');
    } finally {
      await writeFile(sshd.keyFile, kept);
    }
    expect((await home.run(['ssh', 'web-3', '--', 'true'], { env })).code).toBe(0);
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
    execFileSync('git', ['init', '-q', '--bare', join(files, 'exec.git')]);
    const script = [
      `scp -q -F "$SSH_CONFIG" file web-1:${files}/scp`,
      `rsync -a file web-1:${files}/rsync`,
      `scp -q -F "$SSH_CONFIG" web-1:${files}/rsync back`,
      `git clone -q web-1:${files}/exec.git exec-clone`,
      ...commitIn('exec-clone', 'from exec'),
    ].join(' && ');
    const result = await home.run(['exec', 'web-1', '--', 'sh', '-c', script], { env });
    expect(result.code, result.stderr).toBe(0);
    expect(subjects(join(files, 'exec.git'))).toBe('from exec\n');
    for (const path of [join(files, 'scp'), join(files, 'rsync'), join(home.folder, 'work', 'back')])
      expect(
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      ).toBe(createHash('sha256').update(content).digest('hex'));
  });
});

describe('gw ssh-config', () => {
  /** The lines of `gw ssh-config` in a file, and what plain ssh has in its environment. */
  async function configured(): Promise<{ config: string; clientEnv: Record<string, string>; printed: string }> {
    const { code, stdout: printed, stderr } = await home.run(['ssh-config'], { env });
    expect(code, stderr).toBe(0);
    const config = join(home.folder, 'ssh_config');
    await writeFile(config, printed);
    return { config, clientEnv: { ...env, ...home.env }, printed };
  }

  it('leads plain ssh, scp and shared connections through the gateway', async () => {
    const { config, clientEnv, printed } = await configured();
    const ssh = (...args: string[]): ReturnType<typeof run> => run('ssh', ['-F', config, ...args], { env: clientEnv });
    const ended = await ssh('web-1.gw', 'echo plain; exit 3');
    expect({ code: ended.code, out: ended.out.toString() }, ended.err).toEqual({ code: 3, out: 'plain\n' });
    const copied = await run('scp', ['-q', '-F', config, config, `web-1.gw:${sshd.dir}/files/config`], { env: clientEnv });
    expect(copied.code, copied.err).toBe(0);
    expect(await readFile(join(sshd.dir, 'files', 'config'), 'utf8')).toBe(printed);
    const socket = join(home.folder, 'mux');
    const master = await run('ssh', ['-F', config, '-M', '-S', socket, '-f', '-N', 'web-1.gw'], { env: clientEnv, background: true });
    expect(master.code, master.err).toBe(0);
    const shared = await Promise.all([1, 2, 3].map((each) => ssh('-S', socket, 'web-1.gw', `echo shared ${each}`)));
    expect(shared.map(({ out }) => out.toString())).toEqual([1, 2, 3].map((each) => `shared ${each}\n`));
    await ssh('-S', socket, '-O', 'exit', 'web-1.gw');
  });

  it('says so where nothing can be kept', async () => {
    const state = join(home.folder, 'no-state');
    await mkdir(join(state, 'gw'), { recursive: true });
    // Where nobody makes a folder, root included.
    await symlink(join(state, 'nowhere', 'else'), join(state, 'gw', 'clients'));
    const file = join(home.folder, 'state-file');
    await writeFile(file, '');
    for (const place of [state, file])
      for (const command of ['ssh-config', 'ssh-cert'])
        expect(await home.run([command], { env: { ...env, XDG_STATE_HOME: place } }), `${command} ${place}`).toMatchObject({
          code: 2,
          stderr: expect.stringMatching(/cannot be kept on this machine: .+\.\n.*Set XDG_STATE_HOME/) as string,
        });
  });

  it('stands beside the lines of another gateway, under an ending of its own', async () => {
    const { config, clientEnv, printed } = await configured();
    const other = await home.run(['ssh-config', '--ending', 'prod', '--all'], { env });
    expect(other.code, other.stderr).toBe(0);
    expect(other.stdout).toContain('Host *.prod web-1.prod');
    const elsewhere = printed.replace(/--gateway \S+/, '--gateway https://127.0.0.1:1/');
    await writeFile(config, `${elsewhere}\n${other.stdout}`);
    const ended = await run('ssh', ['-F', config, 'web-1.prod', 'echo there'], { env: clientEnv });
    expect({ code: ended.code, out: ended.out.toString() }, ended.err).toEqual({ code: 0, out: 'there\n' });
    expect((await run('ssh', ['-F', config, 'web-1.gw', 'true'], { env: clientEnv })).code).toBe(255);
    expect(await home.run(['ssh-config', '--ending', '* !x'], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no ending of names') as string,
    });
  });

  it('ends when the gateway ends the connection, also without a goodbye and while the client waits for an answer', async () => {
    const { config, clientEnv, printed } = await configured();
    const long = await run('ssh', ['-F', config, 'web-1.gw', 'echo', ...[1, 2, 3].map((each) => `${each}`.repeat(100_000))], { env: clientEnv });
    expect({ code: long.code, out: long.out.toString() }, long.err).toEqual({ code: 255, out: '' });
    expect(long.err).toContain('Bad packet length');
    expect((await lastSession()).session.state).toBe('ended');
    // Where no keys stand there is no goodbye.
    const proxy = /ProxyCommand (.*)%n/.exec(printed)?.[1] ?? '';
    const old = await run('sh', ['-c', `exec ${proxy} web-1.gw`], { env: clientEnv, during: (child) => void child.stdin.write('SSH-1.5-old\r\n') });
    expect(old.out.toString()).toMatch(/^(?:SSH-2\.0-gw\r\n)?$/);
  });

  it('leads sftp, rsync and git through the gateway', async () => {
    const { config, clientEnv } = await configured();
    const files = join(sshd.dir, 'files');
    const content = randomBytes(300_000);
    const [local, back] = [join(home.folder, 'plain-local'), join(home.folder, 'plain-back')];
    await writeFile(local, content);
    const moved = await run('sftp', ['-F', config, '-b', '-', 'web-1.gw'], {
      env: clientEnv,
      input: `put ${local} ${files}/plain-sftp\nrename ${files}/plain-sftp ${files}/plain-renamed\nget ${files}/plain-renamed ${back}\n`,
    });
    expect(moved.code, moved.err).toBe(0);
    expect((await readFile(back)).equals(content)).toBe(true);
    const synced = await run('rsync', ['-a', '-e', `ssh -F ${config}`, local, `web-1.gw:${files}/plain-rsync`], { env: clientEnv });
    expect(synced.code, synced.err).toBe(0);
    expect((await readFile(join(files, 'plain-rsync'))).equals(content)).toBe(true);
    const [repository, clone] = [join(files, 'plain.git'), join(home.folder, 'plain-clone')];
    execFileSync('git', ['init', '-q', '--bare', repository]);
    const pushed = await run('sh', ['-c', [`git clone -q web-1.gw:${repository} ${clone}`, ...commitIn(clone, 'pushed')].join(' && ')], {
      env: { ...clientEnv, GIT_SSH_COMMAND: `ssh -F ${config}` },
    });
    expect(pushed.code, pushed.err).toBe(0);
    expect(subjects(repository)).toBe('pushed\n');
  });

  it('carries what an editor makes of one connection: a long shell fed on its input, programs beside it, and a forward, each in the record', async () => {
    const { config, clientEnv } = await configured();
    const [socket, local] = [join(home.folder, 'editor'), join(home.folder, 'editor-forward')];
    const service = createServer((connection) => connection.once('data', () => connection.end('pong'))).listen(0, '127.0.0.1');
    await once(service, 'listening');
    const { port } = service.address() as AddressInfo;
    const ssh = (args: readonly string[], options: Parameters<typeof run>[2] = {}): ReturnType<typeof run> =>
      run('ssh', ['-F', config, '-S', socket, ...args], { env: clientEnv, ...options });
    const master = await ssh(['-M', '-f', '-N', 'web-1.gw'], { background: true });
    expect(master.code, master.err).toBe(0);
    let beside: string[] = [];
    let forwarded = '';
    const shell = await ssh(['-T', 'web-1.gw', 'bash -s'], {
      during: (child) => {
        child.stdout.once('data', () => {
          void (async () => {
            const programs = [1, 2, 3, 4].map((each) => ssh(['web-1.gw', `echo beside ${each}; cat`], { input: 'in' }));
            beside = (await Promise.all(programs)).map(({ out }) => out.toString());
            await ssh(['-O', 'forward', '-L', `${local}:127.0.0.1:${port}`, 'web-1.gw']);
            const connection = connect(local);
            connection.write('ping');
            for await (const chunk of connection) forwarded += String(chunk);
            child.stdin.end('echo "still $x"; exit 9\n');
          })();
        });
        child.stdin.write('x=here; echo begun\n');
      },
    });
    expect({ code: shell.code, out: shell.out.toString() }).toEqual({ code: 9, out: 'begun\nstill here\n' });
    expect(beside).toEqual([1, 2, 3, 4].map((each) => `beside ${each}\nin`));
    expect(forwarded).toBe('pong');
    await ssh(['-O', 'exit', 'web-1.gw']);
    service.close();
    const { operations } = await lastSession();
    expect(operations.map(({ text, status }) => `${text}: ${status}`).sort()).toEqual([
      'bash -s: error',
      `connects to 127.0.0.1:${port} from the target: ok`,
      ...[1, 2, 3, 4].map((each) => `echo beside ${each}; cat: ok`),
    ]);
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
    expect(targets).toEqual(['web-1', 'web-3']);
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
