/** New connections: each logs in, asks once and leaves. pgbench -C; per second. */
import { freePort } from '../../src/base/free-port.js';
import { startGateway } from '../support/gateway.js';
import { run } from '../support/process.js';
import { interleave, type Row } from '../support/record.js';
import { BENCH_DATABASE, BENCH_PASSWORD, BENCH_USER, startHaproxy, startServer } from '../support/servers.js';

export async function connections(rounds: number): Promise<Row[]> {
  const server = await startServer(1);
  const port = await freePort();
  const haproxy = await startHaproxy([{ port, to: server.port }]);
  const gateway = await startGateway('auto', [
    { name: 'bank-db', port: server.port, username: BENCH_USER, password: BENCH_PASSWORD, database: BENCH_DATABASE },
  ]);
  const rows: Row[] = [];
  for (const clients of [1, 8]) {
    const measure = (name: string, at: number, user: string, password: string) => ({
      name,
      run: async () => {
        const out = await run(
          'pgbench',
          ['-h', '127.0.0.1', '-p', String(at), '-U', user, '-n', '-S', '-C', '-c', String(clients), '-T', '3', BENCH_DATABASE],
          {
            env: { ...process.env, PGPASSWORD: password, PGSSLMODE: 'disable', PGGSSENCMODE: 'disable' },
          },
        );
        return Number(/tps = ([\d.]+)/.exec(out)?.[1]);
      },
    });
    rows.push(
      await interleave(
        `new connections, ${clients} at once`,
        '1/s',
        [
          measure('direct', server.port, BENCH_USER, BENCH_PASSWORD),
          measure('haproxy', port, BENCH_USER, BENCH_PASSWORD),
          measure('gw', gateway.port, 'bank-db', gateway.token),
        ],
        rounds,
      ),
    );
  }
  for (const each of [gateway, haproxy, server]) await each.stop();
  return rows;
}
