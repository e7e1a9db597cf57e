/** Memory of the whole gateway (all its processes, without the embedded database) with 1,000 idle sessions; and how fast they open. MiB. */
import { readdir, readFile } from 'node:fs/promises';
import { RawClient } from '../../test/support/raw-client.js';
import { startGateway } from '../support/gateway.js';
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

async function descendants(root: number): Promise<{ pid: number; command: string }[]> {
  const all: { pid: number; parent: number; command: string }[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => null);
    if (stat === null) continue; // it ended meanwhile
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    all.push({ pid: Number(entry), parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]), command });
  }
  const found: { pid: number; command: string }[] = [];
  const visit = (pid: number): void => {
    for (const each of all) {
      if (each.pid === pid) found.push(each);
      if (each.parent === pid) visit(each.pid);
    }
  };
  visit(root);
  return found;
}

/** Proportional set size counts a page that several processes share once; resident set size counts it in each. */
async function usage(pids: readonly number[]): Promise<{ pss: number; rss: number }> {
  let pss = 0;
  let rss = 0;
  for (const pid of pids) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
    pss += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]);
    rss += Number(/^Rss:\s+(\d+)/m.exec(rollup)?.[1]);
  }
  return { pss: Math.round(pss / 1024), rss: Math.round(rss / 1024) };
}
