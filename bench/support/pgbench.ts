/** pgbench as the load: select-only with new literals in every statement. */

import { run } from './process.js';
import { BENCH_DATABASE } from './servers.js';

export interface Endpoint {
  readonly name: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database?: string;
}

export interface Figures {
  readonly tps: number;
  /** Milliseconds. */
  readonly latency: number;
}

export async function pgbench(endpoint: Endpoint, clients: number, protocol: 'simple' | 'extended' | 'prepared', seconds: number): Promise<Figures> {
  const out = await run(
    'pgbench',
    [
      '-h',
      '127.0.0.1',
      '-p',
      String(endpoint.port),
      '-U',
      endpoint.user,
      '-n',
      '-S',
      '-s',
      '10',
      '-M',
      protocol,
      '-c',
      String(clients),
      '-j',
      clients > 1 ? '2' : '1',
      '-T',
      String(seconds),
      endpoint.database ?? BENCH_DATABASE,
    ],
    { env: { ...process.env, PGPASSWORD: endpoint.password, PGSSLMODE: 'disable', PGGSSENCMODE: 'disable' } },
  );
  return { tps: Number(/tps = ([\d.]+) \(without/.exec(out)?.[1] ?? Number.NaN), latency: Number(/latency average = ([\d.]+)/.exec(out)?.[1] ?? Number.NaN) };
}
