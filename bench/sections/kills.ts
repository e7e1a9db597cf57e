/**
 * SIGKILL of processes of the gateway, 300 times at random points under load: workers, the first process alone, and all of them at once. After each the
 * audit log verifies as far as it grew; after each round, which the gateway as a whole does not survive, everything that reached the server by the server's
 * own log is on record. Ends without a result when anything is missing. GW_KILL_SEED repeats the choices of a run, though not its timing; GW_KILLS: how
 * many kills.
 */
import { KillRounds } from '../../test/support/kill/kill-rounds.js';
import { KillRun } from '../../test/support/kill/run.js';
import type { Row } from '../support/record.js';

const KILLS = Number(process.env['GW_KILLS'] ?? 300);
/** In each round, beside the end of the gateway itself. */
const PLAN = { client: 2, backend: 1, worker: 4 };
/** Rounds from one reading of everything to the next. */
const WHOLE = 25;

function row(name: string, unit: string, figure: number): Row {
  process.stdout.write(`${name.padEnd(60)} ${figure} ${unit}\n`);
  return { case: name, unit, medians: { gw: figure }, runs: { gw: [figure] }, ratios: {} };
}

function requireNone(problems: readonly string[], seed: number, round: number): void {
  if (problems.length > 0) throw new Error(`GW_KILL_SEED=${seed}, round ${round}:\n${problems.join('\n')}`);
}

export async function kills(): Promise<Row[]> {
  const seed = Number(process.env['GW_KILL_SEED'] ?? Math.floor(Math.random() * 1e9));
  process.stdout.write(`GW_KILL_SEED=${seed}\n`);
  const began = performance.now();
  const run = await KillRun.prepare(seed);
  try {
    const rounds = new KillRounds(run);
    await run.start();
    while (run.gatewayKills < KILLS) {
      const from = performance.now();
      requireNone((await rounds.round(PLAN)).problems, seed, rounds.checked.rounds);
      if (rounds.checked.rounds % WHOLE === 0) requireNone(await rounds.whole(), seed, rounds.checked.rounds);
      process.stdout.write(
        `round ${rounds.checked.rounds}: ${run.gatewayKills} kills of the gateway, ${rounds.checked.operations} operations on record, ${Math.round((performance.now() - from) / 1000)} s\n`,
      );
    }
    requireNone(await rounds.whole(), seed, rounds.checked.rounds);
    const { exitCode, report } = await run.stop();
    requireNone(
      [...(exitCode === 0 ? [] : [`the gateway ended with ${exitCode}`]), ...report.workers.flatMap(({ problems }) => problems.map(({ message }) => message))],
      seed,
      0,
    );
    requireNone(await run.logProblems(), seed, 0);
    const { checked, outcomes } = rounds;
    return [
      row('rounds', 'rounds', checked.rounds),
      row('kills of processes of the gateway', 'kills', run.gatewayKills),
      row('of them of a worker', 'kills', run.kills.worker),
      row('of the first process alone', 'kills', run.kills.primary),
      row('of all its processes at once', 'kills', run.kills.gateway),
      row('kills of a client', 'kills', run.kills.client),
      row('kills of a process of the server', 'kills', run.kills.backend),
      row('operations that clients sent', 'operations', checked.sent),
      row('operations that reached the server, by its own log', 'operations', checked.reached),
      row('operations on record', 'operations', checked.operations),
      row('of them with an unknown outcome', 'operations', outcomes['unknown'] ?? 0),
      row('of them refused', 'operations', outcomes['refused'] ?? 0),
      row('reached the server and not on record', 'operations', checked.lost),
      row('sessions on record', 'sessions', checked.sessions),
      row('sessions found working after the worker of others was killed', 'sessions', run.undisturbed),
      row('verifications of the log as far as it grew', 'verifications', run.logLooks),
      row('readings of everything', 'verifications', checked.whole + 1),
      row('time', 's', Math.round((performance.now() - began) / 1000)),
    ];
  } finally {
    await run.close();
  }
}
