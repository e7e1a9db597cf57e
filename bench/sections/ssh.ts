/**
 * The system's ssh and scp through the gateway's native port, against the same sshd directly; both legs aes128-gcm. Bytes, keystrokes, sessions
 * and memory. `ssh-huge`: ten gigabytes through scp, and what the gateway's memory does meanwhile.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2Crypto from 'ssh2/lib/protocol/crypto.js';
import { startRealSshd } from '../../test/support/real-sshd.js';
import { type BenchGateway, GW, startGateway } from '../support/gateway.js';
import { run, start, stop } from '../support/process.js';
import { descendants, usage } from '../support/process-memory.js';
import { interleave, median, type Row } from '../support/record.js';

const MIB = 2 ** 20;
const FILE_MIB = 512;
const KEYSTROKES = 400;
const SESSIONS = 48;
const AT_ONCE = 4;
const IDLE = 500;
const HUGE_MIB = 10 * 1024;

interface World extends AsyncDisposable {
  readonly dir: string;
  readonly gateway: BenchGateway;
  /** Configuration for ssh -F in which `direct` and `gw` are hosts. */
  readonly config: string;
}

async function startWorld(): Promise<World> {
  await ssh2Crypto.init;
  if (!ssh2Crypto.bindingAvailable) throw new Error('ssh2 has no compiled ciphers here, and its others are not what is measured: run `npm rebuild ssh2`');
  const dir = await mkdtemp(join(tmpdir(), 'gw-bench-ssh-'));
  const sshd = await startRealSshd([], 'ed25519', 'ed25519');
  const gateway = await startGateway('auto', [], {
    hosts: [{ name: 'web-1', port: sshd.port, username: sshd.username, key: sshd.key, hostKey: sshd.hostKey }],
  });
  const printed = JSON.parse(await run(process.execPath, [GW, 'ssh-cert', '--json'], { env: gateway.env })) as { config: string };
  const known = join(dir, 'known_hosts');
  await writeFile(known, `direct ${sshd.hostKey}\n`);
  const config = join(dir, 'config');
  const direct = [
    'Host direct',
    '  HostName 127.0.0.1',
    `  Port ${sshd.port}`,
    `  User ${sshd.username}`,
    '  HostKeyAlias direct',
    `  UserKnownHostsFile ${known}`,
    '  StrictHostKeyChecking yes',
    `  IdentityFile ${sshd.keyFile}`,
    '  IdentitiesOnly yes',
  ];
  const gw = printed.config.split('\n').map((line) => (line === 'Host gw-native' ? 'Host gw\n  User web-1' : line));
  await writeFile(config, [...direct, ...gw, 'Host *', '  Ciphers aes128-gcm@openssh.com', '  Compression no', '  LogLevel ERROR', ''].join('\n'));
  return {
    dir,
    gateway,
    config,
    [Symbol.asyncDispose]: async () => {
      await gateway.stop();
      await sshd[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const both = (measure: (host: string) => Promise<number>) => ['direct', 'gw'].map((name) => ({ name, run: () => measure(name) }));

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

export async function ssh(rounds: number): Promise<Row[]> {
  await using world = await startWorld();
  const { dir, config } = world;
  const file = join(dir, 'bulk');
  await run('sh', ['-c', `head -c ${FILE_MIB * MIB} /dev/urandom > ${file}`]);
  const rate = async (command: string, args: readonly string[]): Promise<number> =>
    FILE_MIB / (await seconds(() => run(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })));
  const rows = [
    await interleave(
      'ssh host cat',
      'MiB/s',
      both((host) => rate('ssh', ['-F', config, host, `cat ${file}`])),
      rounds,
    ),
    await interleave(
      'scp to the host',
      'MiB/s',
      both((host) => rate('scp', ['-q', '-F', config, file, `${host}:/dev/null`])),
      rounds,
    ),
    await interleave(
      'scp from the host',
      'MiB/s',
      both((host) => rate('scp', ['-q', '-F', config, `${host}:${file}`, '/dev/null'])),
      rounds,
    ),
    await interleave(
      'a keystroke and its echo, p50',
      'ms',
      both((host) => echo(config, host)),
      rounds,
    ),
    await interleave(
      `sessions, ${AT_ONCE} at once`,
      '1/s',
      both((host) => sessions(config, host)),
      rounds,
    ),
    await idle(world),
  ];
  return rows;
}

/** One byte at a time through a raw terminal on which cat runs; median of the round trips, milliseconds. */
async function echo(config: string, host: string): Promise<number> {
  const child = start('ssh', ['-F', config, '-tt', host, 'stty raw -echo; echo ready; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('no pipes');
  const next = (): Promise<string> => new Promise((resolve) => stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())));
  for (let said = ''; !said.includes('ready'); ) said += await next();
  const times: number[] = [];
  for (let i = 0; i < KEYSTROKES; i++) {
    const began = performance.now();
    const answer = next();
    stdin.write('x');
    await answer;
    times.push(performance.now() - began);
  }
  await stop(child, 'SIGKILL');
  return median(times);
}

async function sessions(config: string, host: string): Promise<number> {
  let left = SESSIONS;
  const one = async (): Promise<void> => {
    while (left-- > 0) await run('ssh', ['-F', config, host, 'true']);
  };
  return SESSIONS / (await seconds(() => Promise.all(Array.from({ length: AT_ONCE }, one))));
}

const gatewayPids = async ({ gateway }: World): Promise<number[]> =>
  (await descendants(gateway.process.pid ?? 0)).filter(({ command }) => command.includes('node')).map(({ pid }) => pid);

/** MiB of all processes of the gateway with so many connections on each of which a command runs and says nothing. */
async function idle(world: World): Promise<Row> {
  const pids = await gatewayPids(world);
  const before = await usage(pids);
  const clients: ReturnType<typeof start>[] = [];
  const open = async (): Promise<void> => {
    const client = start('ssh', ['-F', world.config, 'gw', 'echo ready; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
    clients.push(client);
    await new Promise<void>((resolve, reject) => {
      client.stdout?.once('data', () => resolve());
      client.once('exit', () => reject(new Error('a session was not opened')));
    });
  };
  while (clients.length < IDLE) await Promise.all(Array.from({ length: 10 }, open));
  const after = await usage(pids);
  await Promise.all(clients.map((client) => stop(client, 'SIGKILL')));
  const row = { case: `${IDLE} idle sessions`, unit: 'MiB', medians: { 'gw, PSS': after.pss, 'gw before, PSS': before.pss }, runs: {}, ratios: {} };
  process.stdout.write(`${row.case.padEnd(34)} ${JSON.stringify(row.medians)} ${row.unit}\n`);
  return row;
}

export async function sshHuge(): Promise<Row[]> {
  await using world = await startWorld();
  const file = join(world.dir, 'huge');
  await run('truncate', ['-s', `${HUGE_MIB}M`, file]);
  const pids = await gatewayPids(world);
  const before = await usage(pids);
  let most = before.pss;
  let over = false;
  const watch = async (): Promise<void> => {
    while (!over) {
      most = Math.max(most, (await usage(pids)).pss);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  };
  const watching = watch();
  let took: number;
  try {
    took = await seconds(() => run('scp', ['-q', '-F', world.config, file, 'gw:/dev/null'], { stdio: ['ignore', 'ignore', 'pipe'] }));
  } finally {
    over = true;
    await watching;
  }
  const rows: Row[] = [
    { case: '10 GiB through scp', unit: 'MiB/s', medians: { gw: Math.round(HUGE_MIB / took) }, runs: {}, ratios: {} },
    { case: 'memory meanwhile, at most', unit: 'MiB', medians: { 'gw, PSS': most, 'gw before, PSS': before.pss }, runs: {}, ratios: {} },
  ];
  for (const row of rows) process.stdout.write(`${row.case.padEnd(34)} ${JSON.stringify(row.medians)} ${row.unit}\n`);
  return rows;
}
