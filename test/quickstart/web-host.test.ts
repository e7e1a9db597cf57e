/** gw's own small server for web-1, asked by the system's own clients: what runs, as whom, what it says of its end, and who is not let in. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../src/base/free-port.js';
import { keptKey } from '../../src/quickstart/web-keys.js';
import { startWebTarget } from '../../src/quickstart/web-target.js';
import { eventually } from '../store/state-server.js';
import { ROOT } from '../support/build-cli.js';
import { isRunning } from '../support/process-list.js';
import { run } from '../support/ssh-world.js';
import { atTerminal, firstOutput, startWebHost, type WebHostWorld } from './web-host-world.js';

const IS_ROOT = process.getuid?.() === 0;
let world: WebHostWorld;
let own = '';

beforeAll(async () => {
  world = await startWebHost();
  own = mkdtempSync(join(tmpdir(), 'gw-web-host-client-'));
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  rmSync(own, { recursive: true, force: true });
});

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('a command', () => {
  it('gives both outputs apart, and its exit status', async () => {
    const done = await world.ssh(['echo out; echo err >&2; exit 7']);
    expect({ ...done, out: done.out.toString() }).toEqual({ code: 7, signal: null, out: 'out\n', err: 'err\n' });
    expect((await world.ssh(['true'])).code).toBe(0);
    expect((await world.ssh(['no-such-program-anywhere'])).code).toBe(127);
  });

  it('that ends by a signal says so, and one that the protocol has no name for is told as shells do', async () => {
    const killed = await world.ssh(['-v', '-o', 'LogLevel=DEBUG1', 'kill -TERM $$']);
    expect(killed.code).toBe(255);
    expect(killed.err).toContain('rtype exit-signal');
    expect((await world.ssh(['kill -BUS $$'])).code).toBe(128 + 7);
  });

  it('runs as the account of the world, never as root, in the home of that account', async () => {
    const done = await world.ssh(['id -u; id -G; echo $USER; ps -o uid= -p $PPID']);
    const [uid, groups, user, server] = done.out.toString().trim().split('\n');
    expect(Number(uid)).toBe(world.uid);
    expect(user).toBe(world.target.username);
    // The server itself is nobody else's either.
    expect(Number(server)).toBe(world.uid);
    if (IS_ROOT) {
      expect(Number(uid)).not.toBe(0);
      expect(groups?.split(' ')).not.toContain('0');
    }
  });

  it('reads its input to the end, and need not', async () => {
    const sent = randomBytes(5_000_000);
    const back = await world.ssh(['cat'], { input: sent });
    expect(back.code).toBe(0);
    expect(digest(back.out)).toBe(digest(sent));
    expect(await world.ssh(['head -c 3'], { input: sent })).toMatchObject({ code: 0, out: sent.subarray(0, 3) });
  });

  it('with more on both outputs than its client has room for loses and doubles nothing', async () => {
    // What the client says on its own output nobody reads before the command has begun to wait for it.
    const command = 'seq 1 900000 & seq 900001 1800000 >&2; wait; exit 3';
    const line = `{ ssh "$@" '${command}' 2>&3; echo $? >&4; } | { sleep 1; cat; }`;
    const child = spawn('sh', ['-c', line, 'sh', ...world.options, world.login], { stdio: ['ignore', 'pipe', 'inherit', 'pipe', 'pipe'] });
    const [out, err, code] = [child.stdio[1], child.stdio[3], child.stdio[4]].map(async (stream) => {
      const chunks: Buffer[] = [];
      for await (const chunk of stream as NodeJS.ReadableStream) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    });
    const numbers = (from: number): string => Array.from({ length: 900_000 }, (_, index) => `${from + index}\n`).join('');
    expect(digest((await out) ?? Buffer.alloc(0))).toBe(digest(Buffer.from(numbers(1))));
    expect(digest((await err) ?? Buffer.alloc(0))).toBe(digest(Buffer.from(numbers(900_001))));
    expect((await code)?.toString()).toBe('3\n');
  });

  it('has LANG and LC_… of its client, and nothing else of it or of who started the server', async () => {
    process.env['GW_TEST_ENVIRONMENT'] = 'of the server';
    const other = await startWebHost(join(world.keys, '..', '..'));
    try {
      const send = ['-o', 'SendEnv=LANG LC_* GW_* LD_PRELOAD'];
      const env = { LANG: 'C.UTF-8', LC_TEST: 'yes', GW_TEST_CLIENT: 'no', LD_PRELOAD: '' };
      const done = await other.ssh([...send, 'env'], { env });
      const names = done.out.toString().trim().split('\n');
      expect(names).toContain('LANG=C.UTF-8');
      expect(names).toContain('LC_TEST=yes');
      expect(names.filter((line) => /GW_|LD_|AUTH_SOCK|DISPLAY/.test(line))).toEqual([]);
    } finally {
      delete process.env['GW_TEST_ENVIRONMENT'];
      await other[Symbol.asyncDispose]();
    }
  });

  it('hangs up with its client', async () => {
    const child = spawn('ssh', [...world.options, world.login, 'echo $$; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pid = Number(await firstOutput(child.stdout));
    expect(isRunning(pid)).toBe(true);
    child.kill('SIGKILL');
    await eventually('it ended', () => !isRunning(pid));
  });
});

describe('a shell', () => {
  it('has a terminal of the size of its client, which is resized with it, and ends with what it was told', async () => {
    const terminal = atTerminal('ssh', [...world.options, '-tt', world.login]);
    terminal.pty.write('stty size; tty; echo "as $TERM"\r');
    await terminal.shows(/30 100\r\n\/dev\/pts\/\d+\r\nas xterm\r\n/);
    terminal.pty.write('until test "$(stty size)" = "21 77"; do sleep 0.1; done; exit 9\r');
    terminal.pty.resize(77, 21);
    expect(await terminal.ended).toBe(9);
  });

  it('gives each key to its program, also Ctrl-C', async () => {
    const terminal = atTerminal('ssh', [...world.options, '-tt', world.login, 'trap "echo caught; exit 4" INT; echo ready; while :; do sleep 1; done']);
    await terminal.shows(/ready/);
    terminal.pty.write('\x03');
    await terminal.shows(/caught/);
    expect(await terminal.ended).toBe(4);
  });

  it('shows all of a long output, also when its client reads it late', async () => {
    const line = `ssh "$@" 'stty -opost; seq 1 400000; exit 5' | { sleep 1; cat; }`;
    // Several, so that the server is busy when the programs end.
    const all = await Promise.all(
      Array.from({ length: 5 }, () => run('bash', ['-c', `set -o pipefail; ${line}`, 'bash', ...world.options, '-tt', world.login])),
    );
    const expected = digest(Buffer.from(Array.from({ length: 400_000 }, (_, index) => `${index + 1}\n`).join('')));
    for (const { code, out } of all) expect({ code, digest: digest(out) }).toEqual({ code: 5, digest: expected });
  });

  it('without a terminal reads commands from its input', async () => {
    const done = await world.ssh(['-T'], { input: 'echo one\nexit 6\n' });
    expect({ code: done.code, out: done.out.toString() }).toEqual({ code: 6, out: 'one\n' });
  });

  it('hangs up with its client, and with what runs in it', async () => {
    const terminal = atTerminal('ssh', [...world.options, '-tt', world.login]);
    terminal.pty.write('sh -c \'echo "pid <$$>"; exec sleep 1000\'\r');
    const pid = Number((await terminal.shows(/pid <(\d+)>/))[1]);
    expect(isRunning(pid)).toBe(true);
    terminal.pty.kill('SIGKILL');
    await eventually('it ended', () => !isRunning(pid));
  });
});

describe('files', () => {
  const sftp = (lines: readonly string[]): ReturnType<typeof run> =>
    run('sftp', [...world.options, '-b', '-', world.login], { input: `${lines.join('\n')}\n` });

  it('of 50 MB go there and back by scp as they were', async () => {
    const [sent, back, there] = [join(own, 'sent'), join(own, 'back'), join(world.files, 'large')];
    const bytes = randomBytes(50_000_000);
    writeFileSync(sent, bytes);
    expect(await run('scp', ['-q', ...world.options, sent, `${world.login}:${there}`])).toMatchObject({ code: 0, err: '' });
    expect(digest(readFileSync(there))).toBe(digest(bytes));
    expect(statSync(there).uid).toBe(world.uid);
    expect(await run('scp', ['-q', ...world.options, `${world.login}:${there}`, back])).toMatchObject({ code: 0, err: '' });
    expect(digest(readFileSync(back))).toBe(digest(bytes));
  });

  it('and folders go with their modes and times, and by the older protocol of scp too', async () => {
    const tree = join(own, 'tree');
    mkdirSync(join(tree, 'inner'), { recursive: true });
    writeFileSync(join(tree, 'inner', 'script'), '#!/bin/sh\n');
    chmodSync(join(tree, 'inner', 'script'), 0o750);
    for (const [name, more] of [
      ['new', []],
      ['old', ['-O']],
    ] as const) {
      expect(await run('scp', ['-q', '-r', '-p', ...more, ...world.options, tree, `${world.login}:${join(world.files, name)}`])).toMatchObject({
        code: 0,
        err: '',
      });
      const copied = statSync(join(world.files, name, 'inner', 'script'));
      expect(copied.mode & 0o777).toBe(0o750);
      expect(Math.floor(copied.mtimeMs / 1000)).toBe(Math.floor(statSync(join(tree, 'inner', 'script')).mtimeMs / 1000));
    }
  });

  it('are made, listed, linked, renamed and removed', async () => {
    writeFileSync(join(own, 'note'), 'a note');
    const at = (name: string): string => join(world.files, name);
    const done = await sftp([
      `mkdir ${at('folder')}`,
      `put ${join(own, 'note')} ${at('folder/note')}`,
      `chmod 600 ${at('folder/note')}`,
      `symlink ${at('folder/note')} ${at('folder/link')}`,
      `rename ${at('folder/note')} ${at('folder/renamed')}`,
      `ls -la ${at('folder')}`,
    ]);
    expect(done).toMatchObject({ code: 0 });
    expect(readdirSync(at('folder')).sort()).toEqual(['link', 'renamed']);
    expect(readFileSync(at('folder/renamed'), 'utf8')).toBe('a note');
    expect(statSync(at('folder/renamed')).mode & 0o7777).toBe(0o600);
    expect(lstatSync(at('folder/link')).isSymbolicLink()).toBe(true);
    expect(readlinkSync(at('folder/link'))).toBe(at('folder/note'));
    expect(done.out.toString()).toMatch(/^-rw------- .* 6 \w{3} .*renamed$/m);
    expect(done.out.toString()).toMatch(/^lrwxrwxrwx .*link$/m);
    expect(await sftp([`rm ${at('folder/renamed')}`, `rm ${at('folder/link')}`, `rmdir ${at('folder')}`])).toMatchObject({ code: 0 });
    expect(existsSync(at('folder'))).toBe(false);
  });

  it('are never replaced by a renamed one, and what is not there or not allowed is told', async () => {
    const at = (name: string): string => join(world.files, name);
    const made = await world.ssh([`echo one > ${at('one')}; echo two > ${at('two')}; mkdir ${at('dir')} ${at('full')}; touch ${at('full/x')}`]);
    expect(made.code).toBe(0);
    for (const [line, words] of [
      [`rename ${at('one')} ${at('two')}`, 'Failure'],
      [`rename ${at('dir')} ${at('full')}`, 'Failure'],
      [`rmdir ${at('full')}`, 'Failure'],
      [`get ${at('missing')} ${join(own, 'missing')}`, 'not found'],
      [`ls ${at('one/below')}`, 'not found'],
      ...(IS_ROOT ? ([[`get /etc/shadow ${join(own, 'shadow')}`, 'Permission denied']] as const) : []),
    ] as const) {
      const done = await sftp([line]);
      expect(done.code, line).toBe(1);
      expect(done.err, line).toContain(words);
    }
    expect(readFileSync(at('two'), 'utf8')).toBe('two\n');
    expect(existsSync(at('one'))).toBe(true);
  });

  it('in folders of more names than one answer has are all listed', async () => {
    expect((await world.ssh([`mkdir ${world.files}/many; cd ${world.files}/many; seq 1 777 | xargs touch`])).code).toBe(0);
    const done = await sftp([`ls -1 ${world.files}/many`]);
    expect(done.out.toString().match(/^\S+\/many\/\d+$/gm)).toHaveLength(777);
  });

  it('that are pipes keep nobody waiting', async () => {
    expect((await world.ssh([`mkfifo ${world.files}/pipe`])).code).toBe(0);
    expect((await sftp([`get ${world.files}/pipe ${join(own, 'pipe')}`])).code).toBe(1);
    expect((await world.ssh(['echo on'])).out.toString()).toBe('on\n');
  });
});

describe('nobody is let in', () => {
  const refused = (args: readonly string[]): Promise<unknown> =>
    expect(run('ssh', args)).resolves.toMatchObject({ code: 255, err: expect.stringContaining('Permission denied (publickey)') as string });

  it('with another key, or none', async () => {
    const other = join(own, 'other-key');
    await keptKey(other);
    const withoutKey = world.options.slice(0, -2);
    await refused([...withoutKey, '-i', other, world.login, 'true']);
    await refused([...withoutKey, '-o', 'PubkeyAuthentication=no', world.login, 'true']);
  });

  it.each(['root', 'nobody', 'web-1', ''])('as %j, with the key of the gateway', async (name) => {
    expect(world.target.username).not.toBe(name);
    await refused([...world.options, '-l', name === '' ? ' ' : name, '127.0.0.1', 'true']);
  });

  it('on a way through: no port is forwarded in either direction, no agent, no display', async () => {
    let reached = 0;
    const service = createServer((socket) => {
      reached += 1;
      socket.end('reached');
    }).listen(0, '127.0.0.1');
    await eventually('it listens', () => Promise.resolve(service.listening));
    const { port } = service.address() as { port: number };
    try {
      const forwarded = await run('ssh', ['-o', 'LogLevel=INFO', ...world.options, '-W', `127.0.0.1:${port}`, world.login]);
      expect(forwarded).toMatchObject({ code: 255, out: Buffer.alloc(0), err: expect.stringContaining('administratively prohibited') as string });
      const remote = ['-o', 'ExitOnForwardFailure=yes', '-R', `${await freePort()}:127.0.0.1:${port}`];
      expect(await run('ssh', [...world.options, ...remote, world.login, 'true'])).toMatchObject({ code: 255 });
      expect(reached).toBe(0);
    } finally {
      service.close();
    }
    const lent = await run('ssh', [...world.options, '-A', '-X', world.login, 'echo "[$SSH_AUTH_SOCK$DISPLAY]"'], {
      env: { DISPLAY: ':9', SSH_AUTH_SOCK: join(own, 'none') },
    });
    expect(lent.out.toString()).toBe('[]\n');
  });
});

describe('a shared connection', () => {
  it('has up to 50 sessions, and each its own end', async () => {
    const socket = join(own, 'master');
    const through = ['-S', socket, '-o', 'ProxyCommand=false', ...world.options, world.login];
    const master = spawn('ssh', ['-M', '-S', socket, '-N', ...world.options, world.login], { stdio: 'ignore' });
    try {
      await eventually('the master listens', () => Promise.resolve(existsSync(socket)));
      const codes = await Promise.all([3, 4, 5].map(async (code) => (await run('ssh', [...through, `exit ${code}`])).code));
      expect(codes).toEqual([3, 4, 5]);
      const open = Array.from({ length: 50 }, () => spawn('ssh', [...through, 'echo in; read _'], { stdio: ['pipe', 'pipe', 'ignore'] }));
      for (const child of open) expect(await firstOutput(child.stdout)).toBe('in\n');
      expect(await run('ssh', [...through, 'echo one too many'])).toMatchObject({ code: 255, out: Buffer.alloc(0) });
      for (const child of open) child.stdin.end('\n');
      await Promise.all(open.map((child) => new Promise((resolve) => child.once('close', resolve))));
      expect((await run('ssh', [...through, 'echo room again'])).out.toString()).toBe('room again\n');
    } finally {
      master.kill('SIGKILL');
    }
  });
});

describe('the server', () => {
  it('says which it is, and keeps its keys, which are nobody else’s to read', async () => {
    expect(world.target.server).toBe("gw's own small server");
    const before = ['host-key', 'gateway-key', 'known_hosts'].map((name) => readFileSync(join(world.keys, name), 'utf8'));
    const again = await startWebHost(join(world.keys, '..', '..'));
    try {
      expect(['host-key', 'gateway-key', 'known_hosts'].map((name) => readFileSync(join(world.keys, name), 'utf8'))).toEqual(before);
      expect((await again.ssh(['true'])).code).toBe(0);
    } finally {
      await again[Symbol.asyncDispose]();
    }
    for (const name of ['host-key', 'gateway-key', 'host.json']) expect(statSync(join(world.keys, name)).mode & 0o777, name).toBe(0o600);
    // The account of the sessions reads its own half alone.
    if (IS_ROOT) expect((await world.ssh([`cat ${world.keys}/gateway-key`])).code).not.toBe(0);
  });

  it('ends with the world, with all that runs in it, also what would not hang up', async () => {
    const other = await startWebHost(join(world.keys, '..', '..'));
    const sleeper = spawn('ssh', [...other.options, other.login, 'trap "" HUP; echo $$; while :; do sleep 1; done'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const shell = atTerminal('ssh', [...other.options, '-tt', other.login, 'echo "pid <$$>"; exec sleep 1000']);
    const pids = [Number(await firstOutput(sleeper.stdout)), Number((await shell.shows(/pid <(\d+)>/))[1])];
    for (const pid of pids) expect(isRunning(pid)).toBe(true);
    await other.target.stop();
    for (const pid of pids) expect(isRunning(pid)).toBe(false);
    await expect(run('ssh', [...other.options, other.login, 'true'])).resolves.toMatchObject({ code: 255 });
  });

  it('that is killed is told at once', async () => {
    const other = await startWebHost(join(world.keys, '..', '..'));
    const server = Number((await other.ssh(['echo $PPID'])).out.toString());
    process.kill(server, 'SIGKILL');
    await other.target.exited;
    await other.target.stop();
  });

  it('on a port that is taken, and one whose account cannot read gw, are left out with the reason', async () => {
    const base = mkdtempSync(join(tmpdir(), 'gw-web-host-left-out-'));
    chmodSync(base, 0o755);
    const closed = mkdtempSync(join(tmpdir(), 'gw-closed-'));
    symlinkSync(join(ROOT, 'dist'), join(closed, 'dist'));
    symlinkSync(join(ROOT, 'node_modules'), join(closed, 'node_modules'));
    const options = { directory: join(base, 'targets', 'web-1'), base, sshdFolders: [] };
    try {
      expect(await startWebTarget({ ...options, port: world.target.port, packageRoot: ROOT })).toEqual({
        leftOut: expect.stringMatching(/^gw's own small server does not start: Error: listen EADDRINUSE/) as string,
      });
      const target = await startWebTarget({ ...options, port: await freePort(), packageRoot: closed });
      // To itself an account is never closed.
      if (IS_ROOT) expect(target).toEqual({ leftOut: expect.stringContaining(`may not enter ${closed}`) as string });
      if ('stop' in target) await target.stop();
    } finally {
      rmSync(base, { recursive: true, force: true });
      rmSync(closed, { recursive: true, force: true });
    }
  });

  it('is the system’s sshd where there is one', async () => {
    const base = mkdtempSync(join(tmpdir(), 'gw-web-sshd-'));
    chmodSync(base, 0o755);
    const target = await startWebTarget({ directory: join(base, 'targets', 'web-1'), base, port: await freePort(), packageRoot: ROOT });
    try {
      expect(target).toMatchObject({ server: 'sshd' });
      if (!('stop' in target)) return;
      const keys = join(base, 'targets', 'web-1');
      const options = ['-F', '/dev/null', '-o', `UserKnownHostsFile=${keys}/known_hosts`, '-o', 'HostKeyAlias=web-1', '-o', 'BatchMode=yes'];
      const login = ['-o', 'IdentitiesOnly=yes', '-i', join(keys, 'gateway-key'), '-p', String(target.port), `${target.username}@127.0.0.1`];
      expect(await run('ssh', [...options, ...login, 'exit 7'])).toMatchObject({ code: 7 });
    } finally {
      if ('stop' in target) await target.stop();
      rmSync(base, { recursive: true, force: true });
    }
  });
});

it('keys are whole, also those that begin with a zero', async () => {
  const lengths = new Set<number>();
  // One in 256 begins with one.
  for (let number = 0; number < 2_000; number += 1) {
    const [type, key] = (await keptKey(join(own, `key-${number}`))).split(' ');
    expect(type).toBe('ssh-ed25519');
    lengths.add(Buffer.from(key ?? '', 'base64').length);
  }
  expect([...lengths]).toEqual([51]);
  // As OpenSSH reads it.
  const line = await run('ssh-keygen', ['-y', '-f', join(own, 'key-0')]);
  expect(line.out.toString()).toContain(await keptKey(join(own, 'key-0')));
});
