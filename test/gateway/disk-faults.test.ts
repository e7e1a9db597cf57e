/**
 * Nothing lost when something breaks under a real gateway at work: the disk of its records is full, read-only or slow (two seconds for each sync), or its
 * process has no file descriptors left. Every fault is the kernel's own. After each: what the server executed, by its own log, is recorded with an outcome; what
 * could not be recorded was not executed; readiness was red while it lasted; nobody lent a hand; and the log verifies. Needs root, for mounts.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, rm, symlink } from 'node:fs/promises';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { eventually } from '../store/state-server.js';
import { CountedWork } from './counted-work.js';

const run = promisify(execFile);

let at: CountedWork;
let disk: string;
/** What undoes the fault under way, whatever becomes of the test. */
let heal: (() => Promise<unknown>) | null = null;

beforeAll(async () => {
  at = await CountedWork.open();
  const { dir } = at.world;
  disk = join(dir, 'disk');
  await mkdir(disk);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'gw-test-disk', disk]);
  await mkdir(join(dir, 'data'), { recursive: true });
  for (const name of ['log', 'journal']) {
    await mkdir(join(disk, name));
    await symlink(join(disk, name), join(dir, 'data', name));
  }
});
afterEach(async () => {
  await heal?.();
  heal = null;
  await at?.kill();
});
afterAll(async () => {
  await at?.kill();
  await run('umount', ['-l', disk]);
  await at?.close();
});

/** A gateway at work, a fault until operations are refused and readiness is red, its end, and work again. */
async function survives(fault: () => Promise<() => Promise<unknown>>, tryToConnect = true): Promise<void> {
  const told = await at.start();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  expect((await at.readiness(agent)).status).toBe(200);
  const first = await at.connect();
  for (let count = 0; count < 50; count++) await at.work(first, told);
  expect([...told.values()]).not.toContain('refused');
  heal = await fault();
  await eventually('operations are refused', async () => !(await at.work(first, told)));
  await eventually('readiness is red', async () => {
    const { status, checks } = await at.readiness(agent);
    return status === 503 && checks['journal']?.ok === false;
  });
  if (tryToConnect) await expect(at.connect()).rejects.toThrow();
  await heal();
  heal = null;
  await eventually('readiness is green', async () => (await at.readiness(agent)).status === 200);
  agent.destroy();
  const again = await at.connect();
  for (let count = 0; count < 50; count++) expect(await at.work(again, told)).toBe(true);
  await again.end();
  await first.end();
  const { executed, refused } = await at.allIsThere(told);
  expect(executed).toBeGreaterThanOrEqual(100);
  expect(refused).toBeGreaterThan(0);
}

it('a full disk', () =>
  survives(async () => {
    const filler = join(disk, 'filler');
    const file = await open(filler, 'w');
    const full = async (bytes: number): Promise<void> => {
      try {
        for (;;) await file.write(Buffer.alloc(bytes));
      } catch (thrown) {
        expect((thrown as NodeJS.ErrnoException).code).toBe('ENOSPC');
      }
    };
    await full(1 << 20);
    await full(1);
    await file.close();
    return () => rm(filler);
  }));

/** At one stroke: what is mounted here first, and read-only after that, is busy where something is opened to be written in between. */
async function readOnly(): Promise<() => Promise<void>> {
  const aside = `${disk}-aside`;
  await mkdir(aside, { recursive: true });
  await run('mount', ['--bind', disk, aside]);
  await run('mount', ['-o', 'remount,bind,ro', aside]);
  await run('mount', ['--bind', aside, disk]);
  return async () => {
    for (const each of [disk, aside]) await run('umount', [each]);
  };
}

it('a disk that turns read-only', () =>
  survives(async () => {
    return readOnly();
  }));

it('a process without file descriptors', () =>
  survives(async () => {
    const [worker = ''] = await at.workers();
    const { stdout } = await run('prlimit', ['--pid', worker, '--nofile', '--noheadings', '--output', 'SOFT,HARD']);
    const [soft = '', hard = ''] = stdout.trim().split(/\s+/);
    // What is open stays open; not one more is given, whatever is closed meanwhile.
    await run('prlimit', ['--pid', worker, `--nofile=0:${hard}`]);
    return () => run('prlimit', ['--pid', worker, `--nofile=${soft}:${hard}`]);
  }, false));

it('a disk that takes two seconds for each sync: nothing is refused, who is promised more waits', async () => {
  const told = await at.start();
  const [relaxed, strict] = [await at.connect(), await at.connect('bank-strict')];
  for (const client of [relaxed, strict]) expect(await at.work(client, told)).toBe(true);
  const pids = (await at.workers()).flatMap((pid) => ['-p', pid]);
  const slow = spawn('strace', ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:delay_exit=2000000', ...pids]);
  heal = async () => {
    if (slow.exitCode !== null) return;
    slow.kill('SIGINT');
    await once(slow, 'exit');
  };
  await eventually('a sync is slow', async () => {
    const began = performance.now();
    expect(await at.work(strict, told)).toBe(true);
    return performance.now() - began > 1_500;
  });
  // While one that is promised more waits for its sync, others go on.
  let waits = true;
  const patient = at.work(strict, told).finally(() => {
    waits = false;
  });
  let meanwhile = 0;
  for (; waits; meanwhile++) expect(await at.work(relaxed, told)).toBe(true);
  expect(await patient).toBe(true);
  expect(meanwhile).toBeGreaterThan(5);
  const more = await Promise.all([1, 2, 3, 4].map(() => at.connect('bank-strict')));
  expect(await Promise.all(more.map((client) => at.work(client, told)))).not.toContain(false);
  expect((await at.world.api(at.gateway, '/readyz')).status).toBe(200);
  await heal();
  heal = null;
  await Promise.all([relaxed, strict, ...more].map((client) => client.end()));
  expect((await at.allIsThere(told)).refused).toBe(0);
});

it('a start on a disk that is full or read-only: a clear error, and no session', async () => {
  heal = await readOnly();
  await expect(at.world.start()).rejects.toThrow(/audit log below .* cannot be written/);
  await heal();
  heal = null;
  const told = await at.start();
  const client = await at.connect();
  expect(await at.work(client, told)).toBe(true);
  await client.end();
  await at.allIsThere(told);
});
