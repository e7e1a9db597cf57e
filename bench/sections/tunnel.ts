/** Two hops: client → local port of `gw connect` → TLS → gateway → server, against haproxy doing the same two hops. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/base/free-port.js';
import { testCertificate } from '../../test/support/test-certificate.js';
import { openTunnel, startGateway } from '../support/gateway.js';
import { pgbench } from '../support/pgbench.js';
import { interleave, type Row } from '../support/record.js';
import { BENCH_DATABASE, BENCH_PASSWORD, BENCH_USER, startHaproxy, startServer } from '../support/servers.js';

export async function tunnel(rounds: number): Promise<Row[]> {
  const server = await startServer(10);
  const dir = await mkdtemp(join(tmpdir(), 'gw-bench-pem-'));
  const certificate = await testCertificate();
  const pem = join(dir, 'both.pem');
  await writeFile(pem, `${certificate.cert.trim()}\n${certificate.key.trim()}\n`);
  const [near, far] = [await freePort(), await freePort()];
  // Two processes, as gw's two ends are.
  const farEnd = await startHaproxy([{ port: far, to: server.port, bind: `ssl crt ${pem}` }]);
  const nearEnd = await startHaproxy([{ port: near, to: far, server: 'ssl verify none' }]);
  const gateway = await startGateway('auto', [
    { name: 'bank-db', port: server.port, username: BENCH_USER, password: BENCH_PASSWORD, database: BENCH_DATABASE },
  ]);
  const local = await openTunnel(gateway, 'bank-db');
  const rows: Row[] = [];
  for (const mode of ['simple', 'prepared'] as const) {
    await pgbench({ name: 'gw', port: local.port, user: local.user, password: local.password }, 8, mode, 4);
    for (const clients of [1, 8, 32]) {
      const run = (name: string, port: number, user: string, password: string) => ({
        name,
        run: async () => (await pgbench({ name, port, user, password }, clients, mode, 3)).tps,
      });
      rows.push(
        await interleave(
          `${mode}, ${clients} clients, two TLS hops`,
          'tps',
          [run('haproxy twice', near, BENCH_USER, BENCH_PASSWORD), run('gw', local.port, local.user, local.password)],
          rounds,
        ),
      );
    }
  }
  await local.stop();
  for (const each of [gateway, nearEnd, farEnd, server]) await each.stop();
  await rm(dir, { recursive: true, force: true });
  return rows;
}
