/**
 * kill -9 of gateway, clients and server at random points under load loses no operation, and nothing happens that is not in the record
 * (issue 2, D19). GW_KILL_SEED repeats the choices of a run, though not its timing; GW_KILL_ROUNDS makes a run longer, and GW_KILL_PLAN says what
 * is killed in each of its rounds, beside the gateway itself, which ends each. `npm run bench -- kills` kills processes of the gateway alone 300 times.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { audit } from '../../support/kill/audit.js';
import { DAMAGES } from '../../support/kill/damaged-evidence.js';
import { DAMAGED_LOGS } from '../../support/kill/damaged-log.js';
import { KillRounds } from '../../support/kill/kill-rounds.js';
import type { RecordedSession } from '../../support/kill/recorded-sessions.js';
import { KillRun } from '../../support/kill/run.js';

const SEED = Number(process.env['GW_KILL_SEED'] ?? Math.floor(Math.random() * 1e9));
const ROUNDS = Number(process.env['GW_KILL_ROUNDS'] ?? 6);
/** In each round; then the gateway itself. */
const PLAN = JSON.parse(process.env['GW_KILL_PLAN'] ?? '{"client":40,"backend":3,"worker":5,"server":1}') as Parameters<KillRounds['round']>[0];
const KILLS = 300;
/** Rounds from one reading of everything to the next. */
const WHOLE = 25;
const LIMIT_MS = Math.max(900, ROUNDS * 60) * 1_000;

let run: KillRun;

beforeAll(async () => {
  run = await KillRun.prepare(SEED);
});
afterAll(async () => {
  await run?.close();
});

/** The record as it would be with its last session gone, or changed by one byte. */
const LOSSES: Readonly<Record<string, (last: RecordedSession) => RecordedSession[]>> = {
  'a session is gone': () => [],
  'a byte is there that was not': (last) => [{ ...last, unsolicited: Buffer.concat([last.unsolicited, Buffer.from([0])]) }],
  'a session is there twice': (last) => [last, last],
};

async function* damageLast(sessions: AsyncIterable<RecordedSession>, how: (last: RecordedSession) => RecordedSession[]): AsyncGenerator<RecordedSession, void> {
  let last: RecordedSession | null = null;
  for await (const session of sessions) {
    if (last !== null) yield last;
    last = session;
  }
  if (last !== null) yield* how(last);
}

it(`loses nothing over ${KILLS} kills (GW_KILL_SEED=${SEED})`, { timeout: LIMIT_MS }, async () => {
  const began = performance.now();
  const rounds = new KillRounds(run);
  await run.start();
  for (let round = 1; round <= ROUNDS; round++) {
    const { evidence, found, problems } = await rounds.round(PLAN);
    expect(problems, `GW_KILL_SEED=${SEED}, round ${round}`).toEqual([]);
    expect(found.operations).toBeGreaterThan(100);
    // The audit would say so.
    for (const [name, damage] of Object.entries(DAMAGES)) expect(audit(damage(evidence)).findings, name).not.toEqual([]);
    if (round % WHOLE === 0) expect(await rounds.whole(), `GW_KILL_SEED=${SEED}, round ${round}`).toEqual([]);
  }
  expect(await rounds.whole(), `GW_KILL_SEED=${SEED}`).toEqual([]);
  // It would say so.
  for (const [name, how] of Object.entries(LOSSES)) expect(await run.lost((sessions) => damageLast(sessions, how)), name).not.toEqual([]);
  const { exitCode, report } = await run.stop();
  expect(exitCode).toBe(0);
  expect(report.workers.flatMap(({ problems }) => problems)).toEqual([]);
  expect(await run.logProblems()).toEqual([]);
  expect(await run.damagedLog(async () => undefined)).toEqual([]);
  for (const [name, damage] of Object.entries(DAMAGED_LOGS)) expect(await run.damagedLog(damage), name).not.toEqual([]);
  expect(report.workers.every(({ live, openSessions }) => !live && openSessions === 0)).toBe(true);
  const { checked, outcomes, ends } = rounds;
  const summary = {
    seed: SEED,
    seconds: Math.round((performance.now() - began) / 1000),
    kills: run.kills,
    checked,
    outcomes,
    ends,
    clients: run.load.started,
    undisturbed: run.undisturbed,
    logLooks: run.logLooks,
    journals: report.workers.length,
  };
  console.log(JSON.stringify(summary));
  // The kills did hit sessions at work.
  for (const status of ['ok', 'error', 'refused', 'cancelled', 'lost', 'unknown']) expect(outcomes).toHaveProperty(status);
  for (const reason of ['client', 'target', 'interrupted']) expect(ends).toHaveProperty(reason);
  expect(run.undisturbed).toBeGreaterThan(0);
  expect(Object.values(run.kills).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(KILLS);
});
