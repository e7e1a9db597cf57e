/** pgbench select-only, new literals in every statement, with parse, verdict and journal on. Transactions per second. */
import { startGateway } from '../support/gateway.js';
import { pgbench } from '../support/pgbench.js';
import { freePort } from '../support/process.js';
import { interleave, type Row } from '../support/record.js';
import { BENCH_DATABASE, BENCH_PASSWORD, BENCH_USER, startHaproxy, startPgbouncer, startServer } from '../support/servers.js';

const SECONDS = 2;

export async function throughput(rounds: number): Promise<Row[]> {
  const server = await startServer(10);
  const port = await freePort();
  const haproxy = await startHaproxy([{ port, to: server.port }]);
  const pgbouncer = await startPgbouncer(server.port);
  const target = { name: 'bank-db', port: server.port, username: BENCH_USER, password: BENCH_PASSWORD, database: BENCH_DATABASE };
  const gateway = await startGateway('auto', [target]);
  const own = { user: BENCH_USER, password: BENCH_PASSWORD };
  const rows: Row[] = [];
  for (const mode of ['simple', 'extended', 'prepared'] as const) {
    // A gateway runs for weeks: what its first seconds cost the compiler is not what is measured.
    await pgbench({ name: 'gw', port: gateway.port, user: 'bank-db', password: gateway.token }, 8, mode, 2 * SECONDS);
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
            run('direct', server.port, own.user, own.password),
            run('haproxy', port, own.user, own.password),
            run('pgbouncer', pgbouncer.port, own.user, own.password),
            run('gw', gateway.port, 'bank-db', gateway.token),
          ],
          rounds,
        ),
      );
    }
  }
  for (const each of [gateway, pgbouncer, haproxy, server]) await each.stop();
  return rows;
}
