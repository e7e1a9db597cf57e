/** Latency of one client's prepared select, microseconds: p50 and p99, and what gw adds to direct. */
import { freePort } from '../../src/base/free-port.js';
import { bind, execute, parse, RawClient, sync } from '../../test/support/raw-client.js';
import { startGateway } from '../support/gateway.js';
import { interleave, type Row } from '../support/record.js';
import { BENCH_DATABASE, BENCH_PASSWORD, BENCH_USER, startHaproxy, startPgbouncer, startServer } from '../support/servers.js';

const SAMPLES = 20_000;

export async function latency(rounds: number): Promise<Row[]> {
  const server = await startServer(10);
  const port = await freePort();
  const haproxy = await startHaproxy([{ port, to: server.port }]);
  const pgbouncer = await startPgbouncer(server.port);
  const gateway = await startGateway('auto', [
    { name: 'bank-db', port: server.port, username: BENCH_USER, password: BENCH_PASSWORD, database: BENCH_DATABASE },
  ]);
  const rows: Row[] = [];
  for (const [name, quantile] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    const measure = (contestant: string, at: number, user: string, password: string) => ({
      name: contestant,
      run: async () => {
        const client = await RawClient.login(at, user, password, BENCH_DATABASE);
        await client.run(parse('s', 'SELECT abalance FROM pgbench_accounts WHERE aid = $1'), sync());
        const samples: number[] = [];
        for (let i = 0; i < SAMPLES; i++) {
          const request = [bind('', 's', String(1 + ((i * 7919) % 1_000_000))), execute(''), sync()];
          const began = performance.now();
          await client.run(...request);
          samples.push((performance.now() - began) * 1000);
        }
        client.close();
        samples.sort((a, b) => a - b);
        return samples[Math.floor(SAMPLES * quantile)] ?? Number.NaN;
      },
    });
    rows.push(
      await interleave(
        `one client, ${name}`,
        'µs',
        [
          measure('direct', server.port, BENCH_USER, BENCH_PASSWORD),
          measure('haproxy', port, BENCH_USER, BENCH_PASSWORD),
          measure('pgbouncer', pgbouncer.port, BENCH_USER, BENCH_PASSWORD),
          measure('gw', gateway.port, 'bank-db', gateway.token),
        ],
        rounds,
      ),
    );
  }
  for (const each of [gateway, pgbouncer, haproxy, server]) await each.stop();
  return rows;
}
