/**
 * `gw quickstart` as its users have it: the built CLI in a process of its own, the real psql, real signals. What must hold: ready with one
 * line, everything works, Ctrl-C leaves nothing behind, the same directory starts again with its data.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, type } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { approveDevice } from '../../src/quickstart/approve-device.js';
import { buildCli } from '../support/build-cli.js';
import { runProgram } from '../support/run-program.js';
import { worldEnvironment } from '../support/world-environment.js';

interface Ready {
  readonly gateway: string;
  readonly issuer: string;
  readonly targets: {
    readonly 'bank-db': { readonly directUrl: string; readonly nativeUrl: string };
    readonly 'web-1': { readonly host: string; readonly port: number };
  };
  readonly native: { readonly ssh: string };
  readonly caFile: string;
  readonly dir: string;
  readonly config: string;
  readonly pid: number;
}

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface World {
  readonly child: ChildProcess;
  readonly ready: Ready;
  readonly finished: Promise<Finished>;
}

const MINUTES = 180_000;
let home = '';
let dir = '';

/** Starts or runs gw with a home of its own. */
function gw(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): { child: ChildProcess; finished: Promise<Finished>; line: Promise<string> } {
  const env = {
    ...worldEnvironment(home),
    PSQLRC: '/dev/null',
    ...environment,
  };
  const child = spawn(process.execPath, ['bin/run.js', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  const line = new Promise<string>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout.includes('\n')) resolve(stdout.slice(0, stdout.indexOf('\n')));
    });
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const finished = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return { child, finished, line };
}

async function start(...args: string[]): Promise<World> {
  const { child, finished, line } = gw(['quickstart', '--dir', dir, '--json', ...args]);
  const failed = finished.then(({ stdout, stderr }) => Promise.reject(new Error(`quickstart ended: ${stdout}${stderr}`)));
  // An error is JSON too, but of several lines.
  const said = await Promise.race([line.then((text) => (text === '{' ? failed : text)), failed]);
  return { child, finished, ready: JSON.parse(said) as Ready };
}

async function stop(world: World, signal: NodeJS.Signals = 'SIGINT'): Promise<Finished> {
  world.child.kill(signal);
  return world.finished;
}

/** Processes that work in the world's directory or name it. */
function processesOf(directory: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (command.includes(directory) || readlinkSync(`/proc/${pid}/cwd`).startsWith(directory)) found.push(`${pid} ${command}`);
    } catch (cause) {
      // It ended while we looked.
      expect((cause as NodeJS.ErrnoException).code).toMatch(/ENOENT|ESRCH|EACCES/);
    }
  }
  return found;
}

async function query(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return Object.values((await client.query<Record<string, unknown>>(sql)).rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

const token = async (name: string): Promise<string> => (await gw(['quickstart', 'token', name, '--dir', dir]).finished).stdout.trim();
const psql = (ready: Ready, idToken: string, sql: string): Promise<Finished> =>
  gw(['exec', 'bank-db', '--', 'psql', '-X', '-A', '-t', '-c', sql], { GW_GATEWAY: ready.gateway, GW_ID_TOKEN: idToken }).finished;
/** Account of web-1, as the server's own settings have it. */
const accountOf = (known: string): string => /^AllowUsers (.+)$/m.exec(readFileSync(known.replace('known_hosts', 'sshd_config'), 'utf8'))?.[1] ?? '';
const trusted = (): string[] => (existsSync(join(home, 'config/gw/gateways')) ? readdirSync(join(home, 'config/gw/gateways')) : []);

function expectNothingLeft(): void {
  expect(processesOf(dir)).toEqual([]);
  expect(trusted()).toEqual([]);
  expect(existsSync(join(dir, 'quickstart.lock'))).toBe(false);
  expect(existsSync(join(dir, 'targets/bank-db/data/postmaster.pid'))).toBe(false);
}

function freshDirectories(): void {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'gw-quickstart-')));
  chmodSync(home, 0o711);
  dir = join(home, 'world');
}

beforeAll(buildCli, MINUTES);

describe('a world', () => {
  let world: World;

  beforeAll(async () => {
    freshDirectories();
    world = await start('--port', '0');
  }, MINUTES);

  afterAll(async () => {
    await stop(world);
    expectNothingLeft();
    rmSync(home, { recursive: true });
  }, MINUTES);

  test('says on one line what runs where', () => {
    const { ready } = world;
    expect(ready.gateway).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(ready.issuer).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(ready).toMatchObject({
      dir,
      pid: world.child.pid,
      people: [{ name: 'alice' }, { name: 'bob' }, { name: 'carol' }],
      machines: [{ name: 'ci-bot' }, { name: 'ledger-agent', owner: 'alice' }],
    });
    expect(readFileSync(ready.caFile, 'utf8')).toContain('BEGIN CERTIFICATE');
    expect(trusted().sort()).toEqual([`127.0.0.1_${new URL(ready.gateway).port}.pem`, `localhost_${new URL(ready.gateway).port}.pem`]);
  });

  test.each(['alice', 'bob', 'ci-bot', 'ledger-agent'])('%s reaches the bank through the gateway with a token and no other set-up', async (name) => {
    const done = await psql(world.ready, await token(name), 'select count(*) from bank.customers');
    expect(done).toMatchObject({ code: 0, stdout: '2000\n' });
  });

  test('carol, and whoever has a forged token, do not', async () => {
    expect((await psql(world.ready, await token('carol'), 'select 1')).code).toBe(3);
    const [head = '', , signature = ''] = (await token('carol')).split('.');
    const forged = `${head}.${Buffer.from(JSON.stringify({ iss: world.ready.issuer, sub: 'alice', aud: 'gw', groups: ['engineers'], exp: Math.floor(Date.now() / 1000) + 600 })).toString('base64url')}.${signature}`;
    expect((await psql(world.ready, forged, 'select 1')).code).toBe(4);
  });

  test('an unbounded DELETE is refused and changes nothing, counted on the target itself', async () => {
    const { directUrl } = world.ready.targets['bank-db'];
    const before = await query(directUrl, 'select count(*) from ledger.entries');
    const done = await psql(world.ready, await token('alice'), 'delete from ledger.entries');
    expect(done.code).not.toBe(0);
    expect(done.stderr).toContain('guardrails/no-unbounded-delete');
    expect(await query(directUrl, 'select count(*) from ledger.entries')).toBe(before);
  });

  test('psql reaches the native port with verify-full and a token as the password', async () => {
    const env = { PATH: process.env['PATH'] ?? '', HOME: home, PGPASSWORD: await token('alice') };
    const done = await runProgram('psql', ['-X', '-A', '-t', world.ready.targets['bank-db'].nativeUrl, '-c', 'select 6 * 7'], { env });
    expect(done).toMatchObject({ code: 0, stdout: '42\n' });
    const forged = await runProgram('psql', ['-X', '-A', '-t', world.ready.targets['bank-db'].nativeUrl, '-c', 'select 6 * 7'], {
      env: { ...env, PGPASSWORD: `${env.PGPASSWORD}x` },
    });
    expect(forged).toMatchObject({ code: 2, stdout: '' });
  });

  test('web-1 is an account on this machine: commands that look run, others and other accounts do not', async () => {
    const ssh = async (name: string, ...command: string[]): Promise<Finished> =>
      gw(['ssh', 'web-1', '--no-wait', '--', ...command], { GW_GATEWAY: world.ready.gateway, GW_ID_TOKEN: await token(name) }).finished;
    expect(await ssh('alice', 'uname', '-s')).toMatchObject({ code: 0, stdout: `${type()}\n` });
    expect(await ssh('ledger-agent', 'uname -s')).toMatchObject({ code: 0, stdout: `${type()}\n` });
    for (const command of ['cat /etc/passwd', 'uname -s; sh', 'echo x > /tmp/gw-never', 'echo $(cat /etc/passwd)', 'ls | tee /tmp/gw-never']) {
      const done = await ssh('alice', command);
      expect(done, command).toMatchObject({ code: 7, stdout: '' });
    }
    expect((await ssh('carol', 'uname')).code).toBe(3);
    expect(await ssh('alice', '-T')).toMatchObject({ code: 5, stderr: expect.stringContaining('waits for approval by dba') as string });
    expect((await ssh('ledger-agent', '-T')).code).toBe(7);
    expect((await ssh('bob', '-W', '127.0.0.1:22')).code).not.toBe(0);
  });

  test('web-1 listens on loopback, and lets in nobody but the gateway', async () => {
    const { host, port } = world.ready.targets['web-1'];
    expect(host).toBe('127.0.0.1');
    for (const name of ['gateway-key', 'host-key']) expect(statSync(join(dir, 'targets/web-1', name)).mode & 0o777).toBe(0o600);
    const key = join(home, 'other-key');
    expect((await runProgram('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key], { env: {} })).code).toBe(0);
    const known = join(dir, 'targets/web-1/known_hosts');
    const options = ['-F', '/dev/null', '-o', `UserKnownHostsFile=${known}`, '-o', 'HostKeyAlias=web-1', '-o', 'BatchMode=yes', '-p', String(port)];
    const direct = (file: string, ...more: string[]): ReturnType<typeof runProgram> =>
      runProgram('ssh', [...options, '-o', 'IdentitiesOnly=yes', '-i', file, ...more, `${accountOf(known)}@127.0.0.1`, more.length === 0 ? 'true' : 'tty'], {
        env: { HOME: home },
      });
    expect((await direct(join(dir, 'targets/web-1/gateway-key'))).code).toBe(0);
    // A shell is on a terminal that is its own account's.
    expect(await direct(join(dir, 'targets/web-1/gateway-key'), '-tt')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\/dev\//) as string });
    // As scp and sftp ask for it; what of it is let through is policy's to say.
    const sftp = ['-P', String(port), ...options.slice(0, -2), '-i', join(dir, 'targets/web-1/gateway-key'), `${accountOf(known)}@127.0.0.1:/`];
    expect(await runProgram('sftp', sftp, { env: { HOME: home } })).toMatchObject({ code: 0 });
    expect(await direct(key)).toMatchObject({ code: 255 });
  });

  test('plain ssh logs in on the native port with a browser: it shows the address and the code, and goes on when alice confirmed', async () => {
    const { native, targets } = world.ready;
    expect(targets['web-1']).toBeDefined();
    const port = native.ssh.split(':').at(-1) ?? '';
    const options = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'PreferredAuthentications=keyboard-interactive'];
    const child = spawn('ssh', ['-F', '/dev/null', ...options, '-p', port, 'web-1@127.0.0.1', 'uname -s'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const shown = new Promise<string>((resolve, reject) => {
      const look = (chunk: Buffer): void => {
        said += chunk.toString();
        const [, url] = /open (http\S+) and confirm the code \S+\./.exec(said) ?? [];
        if (url !== undefined) resolve(url);
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      child.once('close', () => reject(new Error(said)));
    });
    const closed = once(child, 'close');
    await approveDevice(await shown, 'alice');
    expect((await closed)[0], said).toBe(0);
    expect(said).toContain(type());
  });

  test('the provider answers no other account of the machine', async () => {
    expect(process.getuid?.(), 'only root can be somebody else').toBe(0);
    const ask = (account: { uid?: number; gid?: number }): Promise<string> =>
      new Promise((resolve, reject) => {
        const code = `fetch(${JSON.stringify(`${world.ready.issuer}/jwks`)}).then((answer) => process.stdout.write(String(answer.status)))`;
        execFile(process.execPath, ['-e', code], { ...account, cwd: '/' }, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
      });
    expect(await ask({})).toBe('200');
    expect(await ask({ uid: 65_534, gid: 65_534 })).toBe('403');
  });

  test('a second start in the same directory is refused, names the first, and leaves it alone', async () => {
    const second = await gw(['quickstart', '--dir', dir, '--port', '0', '--json']).finished;
    expect(second.code).toBe(1);
    expect(JSON.parse(second.stdout)).toMatchObject({ error: { code: 'store.in_use', message: expect.stringContaining(String(world.ready.pid)) as string } });
    expect((await psql(world.ready, await token('alice'), 'select 1')).code).toBe(0);
  });

  test(
    'a second world beside it is another world: tokens of one are nothing in the other',
    async () => {
      const first = dir;
      const idToken = await token('alice');
      dir = join(home, 'other');
      const other = await start('--port', '0');
      try {
        expect((await psql(other.ready, idToken, 'select 1')).code).toBe(4);
        expect((await psql(other.ready, await token('alice'), 'select 1')).code).toBe(0);
      } finally {
        await stop(other);
        expect(processesOf(dir)).toEqual([]);
        dir = first;
      }
    },
    MINUTES,
  );
});

describe('start, stop, start again', () => {
  beforeEach(freshDirectories);
  afterEach(() => rmSync(home, { recursive: true }));

  test(
    'Ctrl-C ends it with code 0 and nothing left; the second start has the data, the addresses, the edits, and the old token works',
    async () => {
      const first = await start('--port', '0');
      const idToken = await token('alice');
      expect((await psql(first.ready, idToken, "update bank.customers set full_name = 'Changed Person' where id = 7")).code).toBe(0);
      const done = await stop(first);
      expect(done.code).toBe(0);
      expect(done.stdout.trim().split('\n')).toHaveLength(1);
      expectNothingLeft();
      const edited = `${readFileSync(first.ready.config, 'utf8')}\n# mine\n`;
      writeFileSync(first.ready.config, edited);

      const second = await start();
      expect(second.ready.gateway).toBe(first.ready.gateway);
      expect(second.ready.issuer).toBe(first.ready.issuer);
      expect(readFileSync(second.ready.config, 'utf8')).toBe(edited);
      expect(await psql(second.ready, idToken, 'select full_name from bank.customers where id = 7')).toMatchObject({ code: 0, stdout: 'Changed Person\n' });
      await stop(second, 'SIGTERM');
      expectNothingLeft();
    },
    MINUTES,
  );

  test(
    'kill -9: everything ends by itself, and the next start is a good one',
    async () => {
      const first = await start('--port', '0');
      first.child.kill('SIGKILL');
      await first.finished;
      while (processesOf(dir).length > 0) await delay(50);
      const second = await start();
      expect((await psql(second.ready, await token('alice'), 'select count(*) from bank.customers')).stdout).toBe('2000\n');
      await stop(second);
      expectNothingLeft();
    },
    MINUTES,
  );

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'npm run quickstart, and %s to npm alone: nothing stays behind',
    async (signal) => {
      const env = { PATH: process.env['PATH'] ?? '', HOME: home, XDG_CONFIG_HOME: join(home, 'config') };
      const npm = spawn('npm', ['run', '--silent', 'quickstart', '--', '--dir', dir, '--port', '0', '--json'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
      const [line] = (await once(npm.stdout, 'data')) as [Buffer];
      expect(JSON.parse(line.toString())).toMatchObject({ dir });
      npm.kill(signal);
      while (processesOf(dir).length > 0) await delay(50);
      expectNothingLeft();
    },
    180_000,
  );

  test(
    'a terminal that is closed ends it in good order',
    async () => {
      const env = { PATH: process.env['PATH'] ?? '', HOME: home, XDG_CONFIG_HOME: join(home, 'config'), TERM: 'xterm' };
      const line = `exec '${process.execPath}' bin/run.js quickstart --dir '${dir}' --port 0`;
      const terminal = spawn('script', ['--quiet', '--flush', '--command', line, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
      let said = '';
      await new Promise<void>((resolve) => {
        terminal.stdout.on('data', (chunk: Buffer) => {
          said += chunk.toString();
          if (said.includes('stops everything')) resolve();
        });
      });
      terminal.kill('SIGKILL');
      while (processesOf(dir).length > 0) await delay(50);
      expectNothingLeft();
    },
    MINUTES,
  );

  test(
    'Ctrl-C during the start stops what had started',
    async () => {
      const { child, finished } = gw(['quickstart', '--dir', dir, '--port', '0']);
      while (!existsSync(join(dir, 'quickstart.json'))) await delay(5);
      child.kill('SIGINT');
      expect((await finished).code).toBe(130);
      expectNothingLeft();
    },
    MINUTES,
  );

  test(
    'a taken port is an error that names it and the way round; nothing is left',
    async () => {
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const { port } = other.address() as { port: number };
      const done = await gw(['quickstart', '--dir', dir, '--port', String(port), '--json']).finished;
      expect(done.code).toBe(1);
      expect(JSON.parse(done.stdout)).toMatchObject({
        error: { code: 'quickstart.start', message: expect.stringContaining(String(port)) as string, hint: expect.stringContaining('--port 0') as string },
      });
      expectNothingLeft();
      other.close();
    },
    MINUTES,
  );

  test(
    'a policy that does not load is told with its position; nothing is left',
    async () => {
      await stop(await start('--port', '0'));
      writeFileSync(join(dir, 'gateway/policy/access.yaml'), 'version: 1\nrules:\n  - id: x\n    effect: perhaps\n    actions: [connect]\n');
      const done = await gw(['quickstart', '--dir', dir, '--json']).finished;
      expect(JSON.parse(done.stdout)).toMatchObject({ error: { code: 'policy.invalid', message: expect.stringContaining('access.yaml:4') as string } });
      expect(done.code).toBe(2);
      expectNothingLeft();
    },
    MINUTES,
  );

  test('no world, no token', async () => {
    const done = await gw(['quickstart', 'token', 'alice', '--dir', dir, '--json']).finished;
    expect(JSON.parse(done.stdout)).toMatchObject({ error: { code: 'quickstart.unknown' } });
  });
});
