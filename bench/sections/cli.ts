/** What a person waits for: `gw --version`, and what `gw connect` adds to psql's own start. Milliseconds. */
import { GW, startGateway } from '../support/gateway.js';
import { run } from '../support/process.js';
import { interleave, type Row } from '../support/record.js';
import { BENCH_DATABASE, BENCH_PASSWORD, BENCH_USER, startServer } from '../support/servers.js';

export async function cli(rounds: number): Promise<Row[]> {
  const server = await startServer(1);
  const gateway = await startGateway('auto', [
    { name: 'bank-db', port: server.port, username: BENCH_USER, password: BENCH_PASSWORD, database: BENCH_DATABASE },
  ]);
  const timed = (name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv) => ({
    name,
    run: async () => {
      const began = performance.now();
      await run(command, args, { env });
      return performance.now() - began;
    },
  });
  const direct = {
    ...process.env,
    PGHOST: '127.0.0.1',
    PGPORT: String(server.port),
    PGUSER: BENCH_USER,
    PGPASSWORD: BENCH_PASSWORD,
    PGDATABASE: BENCH_DATABASE,
  };
  const rows = [
    await interleave(
      'gw --version',
      'ms',
      [timed('node -e 0', process.execPath, ['-e', '0'], gateway.env), timed('gw', process.execPath, [GW, '--version'], gateway.env)],
      rounds,
    ),
    await interleave(
      'psql -c "select 1"',
      'ms',
      [timed('direct', 'psql', ['-Xc', 'select 1'], direct), timed('gw', process.execPath, [GW, 'connect', 'bank-db', '--', '-Xc', 'select 1'], gateway.env)],
      rounds,
    ),
  ];
  await gateway.stop();
  await server.stop();
  return rows;
}
