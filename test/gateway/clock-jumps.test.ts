/**
 * A real gateway whose clock somebody sets while it works: hours ahead, days back, past the end of the tokens; and one that dies ahead of time and starts again in the
 * past. The clock is the one of all its processes, moved by libfaketime; time that passes (the monotonic clock) goes on. After each: what the server executed is
 * recorded with an outcome, the log verifies and its times never go back, nothing ended early, and nobody lent a hand.
 */
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { decodeLeaf, LogFiles, parseCheckpoint } from '../../src/audit/index.js';
import { verifyAudit } from '../../src/gateway/audit-workbench.js';
import { eventually } from '../store/state-server.js';
import { CountedWork } from './counted-work.js';

const LIBRARY = ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`).find((file) => existsSync(file));
const HOUR = 3_600;
const DAY = 24 * HOUR;

let at: CountedWork;
let clockFile: string;
let env: Record<string, string>;

beforeAll(async () => {
  if (LIBRARY === undefined) throw new Error('libfaketime is not installed (Debian: libfaketime)');
  at = await CountedWork.open();
  clockFile = join(at.world.dir, 'clock');
  env = { LD_PRELOAD: LIBRARY, FAKETIME_TIMESTAMP_FILE: clockFile, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' };
  const now = Math.floor(Date.now() / 1000);
  at.claims = { iat: now - 3 * DAY, exp: now + 2 * DAY };
});
beforeEach(() => clock(0));
afterEach(() => at?.kill());
afterAll(() => at?.close());

/** Sets the clock of the gateway to so many seconds from the real one. */
const clock = (seconds: number): Promise<void> => writeFile(clockFile, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}\n`);

async function works(client: pg.Client, told: Parameters<CountedWork['work']>[1], times = 20): Promise<void> {
  for (let count = 0; count < times; count++) expect(await at.work(client, told)).toBe(true);
}

/** Times of all entries of the log, in order. */
async function timesOfLog(): Promise<number[]> {
  const files = new LogFiles(join(at.world.dir, 'data', 'log', '0'));
  const checkpoint = parseCheckpoint((await files.checkpoint()) ?? Buffer.alloc(0));
  const times: number[] = [];
  for await (const { leaf } of files.leaves(checkpoint?.checkpoint.size ?? 0)) times.push(Date.parse(decodeLeaf(leaf)?.time ?? ''));
  return times;
}

/** While the gateway runs. @param ahead how far the log may be ahead of the real clock, seconds */
async function verifiesLive(ahead = 0): Promise<void> {
  const { problems } = await verifyAudit({ from: join(at.world.dir, 'data'), keyFiles: [], checkpointFiles: [], at: Date.now() + ahead * 1000 });
  expect(problems).toEqual([]);
}

it('jumps ahead and back: sessions go on, readiness stays green, nothing expires, and the log verifies all the while', async () => {
  const told = await at.start(env);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const first = await at.connect();
  await works(first, told);
  for (const offset of [3 * HOUR, -2 * DAY, DAY, -HOUR, 0]) {
    await clock(offset);
    await works(first, told);
    const another = await at.connect();
    await works(another, told);
    await another.end();
    const { status, checks } = await at.readiness(agent);
    expect([offset, status, checks['journal']?.ok]).toEqual([offset, 200, true]);
    const root = await at.world.token('root', ['admins'], at.claims);
    const over = await at.world.api(at.gateway, '/api/v1/retention/run', { token: root, body: {} });
    expect(over).toMatchObject({ status: 200, json: { recordings: 0, segments: 0, index: 0, approvals: 0 } });
    await verifiesLive();
  }
  agent.destroy();
  await first.end();
  expect(await at.allIsThere(told)).toMatchObject({ refused: 0, executed: told.size });
  const times = await timesOfLog();
  expect(times).toEqual([...times].sort((a, b) => a - b));
  // It was a day ahead for a while: its times wait there until the clock has come after.
  expect(times.at(-1)).toBeGreaterThan(Date.now() + (DAY - HOUR) * 1000);
}, 120_000);

it('jumps past the end of the tokens: sessions end and logins are refused, as long as it stays there', async () => {
  const told = await at.start(env);
  const client = await at.connect();
  await works(client, told);
  await clock(3 * DAY);
  await eventually('the session ends', async () => !(await at.work(client, told)));
  await expect(at.connect()).rejects.toThrow();
  await clock(0);
  const again = await at.connect();
  await works(again, told);
  await again.end();
  const { executed, refused } = await at.allIsThere(told);
  expect(refused).toBeGreaterThan(0);
  expect(executed).toBeGreaterThanOrEqual(40);
});

it('dies a day ahead and starts again a day back: what it left is taken over, and the log goes on', async () => {
  let told = await at.start(env);
  const before = await readdir(join(at.world.dir, 'data', 'journal'));
  await clock(DAY);
  const first = await at.connect();
  await works(first, told);
  await at.kill();
  const killed = new Map(told);
  const executed = at.target.executed;
  await clock(-DAY);
  told = await at.start(env);
  at.target.executed = executed;
  for (const [id, answer] of killed) told.set(id, answer);
  await verifiesLive(DAY);
  const second = await at.connect();
  await works(second, told);
  await second.end();
  expect(await at.allIsThere(told)).toMatchObject({ refused: 0, executed: 40 });
  expect((await readdir(join(at.world.dir, 'data', 'journal'))).length).toBe(before.length + 1);
});
