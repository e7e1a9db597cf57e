/**
 * pgbench select-only, new literals in every statement, with parse, verdict and journal on. Transactions per second. With `before`, another built tree of
 * gw is measured instead of the direct way and haproxy: what became slower or faster since shows on any machine, whatever its own figures are.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { freePort } from '../../src/base/free-port.js';
import { type BenchGateway, type BenchTarget, startGateway } from '../support/gateway.js';
import { pgbench } from '../support/pgbench.js';
import { interleave, type Row } from '../support/record.js';
import { BENCH_DATABASE, BENCH_PASSWORD, BENCH_USER, startHaproxy, startPgbouncer, startServer } from '../support/servers.js';

const SECONDS = 2;

export interface Before {
  /** Root of a built tree. */
  readonly root: string;
  /** Its workers: the oldest trees know numbers only, and measured themselves with two. */
  readonly workers: number | 'auto';
}

export async function throughput(rounds: number, before: Before | null = null): Promise<Row[]> {
  const server = await startServer(10);
  const port = await freePort();
  const haproxy = await startHaproxy([{ port, to: server.port }]);
  const pgbouncer = await startPgbouncer(server.port);
  const target = { name: 'bank-db', port: server.port, username: BENCH_USER, password: BENCH_PASSWORD, database: BENCH_DATABASE };
  const own = { user: BENCH_USER, password: BENCH_PASSWORD };
  const rows: Row[] = [];
  for (const mode of ['simple', 'extended', 'prepared'] as const) {
    // Their tokens are good for five minutes.
    const gateway = await startGateway('auto', [target]);
    const old = before === null ? null : await startOld(before, target);
    // A gateway runs for weeks: what its first seconds cost the compiler is not what is measured.
    for (const each of old === null ? [gateway] : [gateway, old])
      await pgbench({ name: 'gw', port: each.port, user: 'bank-db', password: each.token }, 8, mode, 2 * SECONDS);
    for (const clients of [1, 8, 32]) {
      const run = (name: string, at: number, user: string, password: string) => ({
        name,
        run: async () => (await pgbench({ name, port: at, user, password }, clients, mode, SECONDS)).tps,
      });
      rows.push(
        await interleave(
          `${mode}, ${clients} clients`,
          'tps',
          [
            ...(old === null
              ? [run('direct', server.port, own.user, own.password), run('haproxy', port, own.user, own.password)]
              : [run('gw before', old.port, 'bank-db', old.token)]),
            run('pgbouncer', pgbouncer.port, own.user, own.password),
            run('gw', gateway.port, 'bank-db', gateway.token),
          ],
          rounds,
        ),
      );
    }
    for (const each of old === null ? [gateway] : [gateway, old]) await each.stop();
  }
  for (const each of [pgbouncer, haproxy, server]) await each.stop();
  return rows;
}

async function startOld({ root, workers }: Before, target: BenchTarget): Promise<BenchGateway> {
  const { startGateway: start } = (await import(pathToFileURL(join(root, 'bench/support/gateway.ts')).href)) as { startGateway: typeof startGateway };
  return start(workers, [target]);
}
