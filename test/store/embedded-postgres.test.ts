/** The embedded server against the real programs: life, death and restart. Run as root it also proves the change of account. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from '../../src/store/embedded-postgres.js';
import { serverAccount } from '../../src/store/server-account.js';

const root = process.geteuid?.() === 0;
let top = '';
let dir = '';
const running: EmbeddedPostgres[] = [];

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'gw-embedded-'));
  chmodSync(top, 0o711);
  dir = join(top, 'data');
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  rmSync(top, { recursive: true });
});

async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dir, port: 0, superuser: 'postgres', password: new Secret('right'), settings: {}, ...options });
  running.push(server);
  return server;
}

async function query(server: Pick<EmbeddedPostgres, 'port'>, sql: string, password = 'right'): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres', password });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function alive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // A zombie is dead; who reaps it is another matter.
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
}

async function gone(pid: number): Promise<void> {
  while (alive(pid)) await delay(10);
}

async function holder(): Promise<{ child: ReturnType<typeof spawn>; pid: number; port: number }> {
  const child = spawn(process.execPath, ['--import', './scripts/load-typescript.mjs', 'test/store/hold-embedded-postgres.ts', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return { child, ...(JSON.parse(line.toString()) as { pid: number; port: number }) };
}

describe('start and stop', () => {
  test('a second start of the same directory keeps its data; stop leaves no process, lock or socket', async () => {
    const first = await start();
    expect(alive(first.pid)).toBe(true);
    await query(first, 'create table t as select 42 as x');
    await first.stop();
    expect(alive(first.pid)).toBe(false);
    expect(readdirSync(top)).toEqual(['data']);
    expect(existsSync(join(dir, 'postmaster.pid'))).toBe(false);
    const second = await start();
    expect(await query(second, 'select x from t')).toEqual([{ x: 42 }]);
  });

  test('SCRAM only, on 127.0.0.1 only, and the wrong password is refused', async () => {
    const server = await start();
    await expect(query(server, 'select 1', 'wrong')).rejects.toMatchObject({ code: '28P01' });
    const [row] = await query(
      server,
      "select current_setting('listen_addresses') as a, current_setting('unix_socket_directories') as u, (select rolpassword like 'SCRAM-SHA-256$%' from pg_authid where rolname = 'postgres') as s",
    );
    expect(row).toEqual({ a: '127.0.0.1', u: '', s: true });
    expect(String(server.url)).toBe('[secret]');
    const client = new pg.Client({ connectionString: server.url.expose() });
    await client.connect();
    await client.end();
  });

  test('never runs as root: under root as an unprivileged account that owns its data, else as ourselves', async () => {
    const server = await start();
    const account = await serverAccount();
    expect(server.uid).toBe(account?.uid ?? process.getuid?.());
    expect(server.uid).not.toBe(0);
    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
    expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).toBe(String(server.uid));
    expect(/^Groups:\s*(.*)$/m.exec(status)?.[1]?.trim().split(/\s+/)).not.toContain('0');
    expect(statSync(dir).uid).toBe(server.uid);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
  });

  test('two servers at once, and nobody else gets a directory that is in use', async () => {
    const [a, b] = await Promise.all([start(), start({ dir: join(top, 'other') })]);
    expect(a.port).not.toBe(b.port);
    await expect(start()).rejects.toMatchObject({ code: 'store.in_use', message: expect.stringContaining(String(process.pid)) as string });
    expect(await query(a, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('settings reach the server; those the launcher relies on are refused', async () => {
    const server = await start({ settings: { work_mem: '7MB' } });
    expect(await query(server, 'show work_mem')).toEqual([{ work_mem: '7MB' }]);
    await expect(start({ dir: join(top, 'other'), settings: { listen_addresses: '*' } })).rejects.toMatchObject({ code: 'store.start' });
    expect(existsSync(join(top, 'other'))).toBe(false);
  });
});

describe('what goes wrong', () => {
  test('a taken port is named, and nothing is left running', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(start({ port })).rejects.toMatchObject({ code: 'store.start', message: expect.stringContaining(String(port)) as string });
    expect(readdirSync(top)).toEqual(['data']);
    other.close();
    expect((await start({ port })).port).toBe(port);
  });

  test('kill -9 of the process that started it: the server stops by itself, with a clean shutdown', async () => {
    const held = await holder();
    await query(held, 'create table kept as select 1 as x');
    held.child.kill('SIGKILL');
    await gone(held.pid);
    expect(existsSync(join(dir, 'postmaster.pid'))).toBe(false);
    expect(await query(await start(), 'select x from kept')).toEqual([{ x: 1 }]);
  });

  test('kill -9 of starter and supervisor: the next start stops the orphan and takes over', async () => {
    const held = await holder();
    await query(held, 'create table kept as select 1 as x');
    const orphan = held.pid;
    // The supervisor's two shells first, so that nobody is left to stop the server.
    const supervisor = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${orphan}/status`, 'utf8'))?.[1]);
    for (const watcher of childrenOf(supervisor)) if (watcher !== orphan) process.kill(watcher, 'SIGKILL');
    process.kill(supervisor, 'SIGKILL');
    held.child.kill('SIGKILL');
    await once(held.child, 'close');
    expect(alive(orphan)).toBe(true);
    const server = await start();
    expect(alive(orphan)).toBe(false);
    expect(await query(server, 'select x from kept')).toEqual([{ x: 1 }]);
  });

  test('kill -9 of the server itself is told, and the next start recovers', async () => {
    const server = await start();
    await query(server, 'create table kept as select 1 as x');
    process.kill(server.pid, 'SIGKILL');
    expect(await server.exited).toEqual({ expected: false });
    expect(existsSync(join(dir, 'postmaster.pid'))).toBe(true);
    expect(await query(await start(), 'select x from kept')).toEqual([{ x: 1 }]);
  });

  test('a pid file whose number now belongs to another program does not stop a start, nor that program', async () => {
    await (await start()).stop();
    const account = await serverAccount();
    const bystander = spawn('sleep', ['60'], { stdio: 'ignore', ...(account === null ? {} : { uid: account.uid, gid: account.gid }) });
    writeFileSync(join(dir, 'postmaster.pid'), `${bystander.pid}\n${dir}\n1700000000\n5432\n\n127.0.0.1\n  1234567         1\nready   \n`);
    await start();
    expect(alive(bystander.pid ?? 0)).toBe(true);
    bystander.kill();
  });

  test('a half-made directory of an interrupted initialisation is removed; a foreign directory is not touched', async () => {
    mkdirSync(join(top, 'data.new-abc123'));
    await start();
    expect(readdirSync(top).sort()).toEqual(['data', 'data.lock']);
    const foreign = join(top, 'foreign');
    mkdirSync(foreign);
    writeFileSync(join(foreign, 'letter.txt'), 'dear');
    await expect(start({ dir: foreign })).rejects.toMatchObject({ code: 'store.start', message: expect.stringContaining('not empty') as string });
    expect(readFileSync(join(foreign, 'letter.txt'), 'utf8')).toBe('dear');
    const old = join(top, 'old');
    mkdirSync(old);
    writeFileSync(join(old, 'PG_VERSION'), '15\n');
    await expect(start({ dir: old })).rejects.toMatchObject({ message: expect.stringContaining('PostgreSQL 15') as string });
  });

  test('a directory that the account cannot enter is named; below `base` it is opened for its group, to enter only', async () => {
    const closed = join(top, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    if (!root) {
      // Without a change of account everything that is ours can be entered, and nothing is opened.
      await start({ dir: join(closed, 'data') });
      expect(statSync(closed).mode & 0o777).toBe(0o700);
      return;
    }
    const inside = join(closed, 'data');
    await expect(start({ dir: inside })).rejects.toMatchObject({
      code: 'store.start',
      message: expect.stringContaining(closed) as string,
      hint: expect.stringContaining('chmod') as string,
    });
    expect(readdirSync(closed)).toEqual([]);
    await start({ dir: inside, base: closed });
    expect(statSync(closed).mode & 0o777).toBe(0o710);
    expect(statSync(closed).gid).toBe((await serverAccount())?.gid);
  });
});

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}
