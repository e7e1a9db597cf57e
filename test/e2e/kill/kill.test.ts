/**
 * kill -9 of gateway, clients and server at random points under load loses no operation, and nothing happens that is not in the record
 * (issue 2, D19). GW_KILL_SEED repeats the choices of a run, though not its timing; GW_KILL_ROUNDS makes a run longer, and GW_KILL_PLAN says what
 * is killed in each of its rounds: GW_KILL_ROUNDS=100 GW_KILL_PLAN='{"client":2,"worker":2}' kills processes of the gateway alone 300 times, which takes
 * longer than a run of every change may.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { audit } from '../../support/kill/audit.js';
import { DAMAGES } from '../../support/kill/damaged-evidence.js';
import { type KillKind, KillRun } from '../../support/kill/run.js';

const SEED = Number(process.env['GW_KILL_SEED'] ?? Math.floor(Math.random() * 1e9));
const ROUNDS = Number(process.env['GW_KILL_ROUNDS'] ?? 9);
/** In each round; then the gateway itself. */
const PLAN = JSON.parse(process.env['GW_KILL_PLAN'] ?? '{"client":25,"backend":3,"worker":4,"server":1}') as Partial<Record<KillKind, number>>;
const KILLS = 300;
const LIMIT_MS = Math.max(900, ROUNDS * 30) * 1_000;

let run: KillRun;

beforeAll(async () => {
  run = await KillRun.prepare(SEED);
});
afterAll(async () => {
  await run?.close();
});

const add = (sums: Record<string, number>, more: Readonly<Record<string, number>>): void => {
  for (const [name, count] of Object.entries(more)) sums[name] = (sums[name] ?? 0) + count;
};

it(`loses nothing over ${KILLS} kills (GW_KILL_SEED=${SEED})`, { timeout: LIMIT_MS }, async () => {
  const began = performance.now();
  const checked: Record<string, number> = {};
  const outcomes: Record<string, number> = {};
  const ends: Record<string, number> = {};
  await run.start();
  for (let round = 1; round <= ROUNDS; round++) {
    await run.killAll(PLAN);
    await run.start();
    expect(await run.shownAsLive()).toEqual([]);
    const evidence = await run.evidence();
    const found = audit(evidence);
    expect(found.findings, `GW_KILL_SEED=${SEED}, round ${round}`).toEqual([]);
    expect(await run.notIntact(evidence, 3)).toEqual([]);
    expect(await run.logProblems(), `GW_KILL_SEED=${SEED}, round ${round}`).toEqual([]);
    expect(found.operations).toBeGreaterThan(100);
    // The audit would say so.
    for (const [name, damage] of Object.entries(DAMAGES)) expect(audit(damage(evidence)).findings, name).not.toEqual([]);
    add(checked, { operations: found.operations, statements: found.statements, resultBytes: found.resultBytes, sessions: evidence.sessions.length });
    add(outcomes, found.outcomes);
    add(ends, found.ends);
  }
  const { exitCode, report } = await run.stop();
  expect(exitCode).toBe(0);
  expect(report.workers.flatMap(({ problems }) => problems)).toEqual([]);
  expect(await run.logProblems()).toEqual([]);
  expect(report.workers.every(({ live, openSessions }) => !live && openSessions === 0)).toBe(true);
  const seconds = Math.round((performance.now() - began) / 1000);
  const summary = {
    seed: SEED,
    seconds,
    kills: run.kills,
    checked,
    outcomes,
    ends,
    clients: run.load.started,
    undisturbed: run.undisturbed,
    journals: report.workers.length,
  };
  console.log(JSON.stringify(summary));
  // The kills did hit sessions at work.
  for (const status of ['ok', 'error', 'refused', 'cancelled', 'lost', 'unknown']) expect(outcomes).toHaveProperty(status);
  for (const reason of ['client', 'target', 'interrupted']) expect(ends).toHaveProperty(reason);
  expect(run.undisturbed).toBeGreaterThan(0);
  expect(Object.values(run.kills).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(KILLS);
});
