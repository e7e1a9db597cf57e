/** Memory of the whole gateway (all its processes, without the embedded database) with 1,000 idle sessions; and how fast they open. MiB. */
import { RawClient } from '../../test/support/raw-client.js';
import { startGateway } from '../support/gateway.js';
import { descendants, usage } from '../support/process-memory.js';
import type { Row } from '../support/record.js';
import { BENCH_DATABASE, BENCH_PASSWORD, BENCH_USER, startServer } from '../support/servers.js';

const SESSIONS = 1_000;

export async function memory(): Promise<Row[]> {
  const server = await startServer(1);
  const gateway = await startGateway('auto', [
    { name: 'bank-db', port: server.port, username: BENCH_USER, password: BENCH_PASSWORD, database: BENCH_DATABASE },
  ]);
  const pids = (await descendants(gateway.process.pid ?? 0)).filter(({ command }) => command.includes('node'));
  const before = await usage(pids.map(({ pid }) => pid));
  const clients: RawClient[] = [];
  const began = performance.now();
  while (clients.length < SESSIONS) {
    clients.push(...(await Promise.all(Array.from({ length: 20 }, () => RawClient.login(gateway.port, 'bank-db', gateway.token, BENCH_DATABASE)))));
  }
  const seconds = (performance.now() - began) / 1000;
  const after = await usage(pids.map(({ pid }) => pid));
  for (const client of clients) client.close();
  const rows: Row[] = [
    { case: 'no session', unit: 'MiB', medians: { 'gw, PSS': before.pss, 'gw, sum of RSS': before.rss }, runs: {}, ratios: {} },
    { case: '1,000 idle sessions', unit: 'MiB', medians: { 'gw, PSS': after.pss, 'gw, sum of RSS': after.rss }, runs: {}, ratios: {} },
    { case: 'sessions opened, 20 at once', unit: '1/s', medians: { gw: Math.round(SESSIONS / seconds) }, runs: {}, ratios: {} },
  ];
  for (const row of rows) process.stdout.write(`${row.case.padEnd(34)} ${JSON.stringify(row.medians)} ${row.unit}\n`);
  await gateway.stop();
  await server.stop();
  return rows;
}
