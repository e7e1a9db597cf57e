/** What the record costs: select-only with the journal and the log on, against a gateway whose journal keeps nothing, and with every operation, and with every result as well, on disk before it leaves. */
import { startGateway } from '../support/gateway.js';
import { pgbench } from '../support/pgbench.js';
import { interleave, type Row } from '../support/record.js';
import { BENCH_DATABASE, BENCH_PASSWORD, BENCH_USER, startServer } from '../support/servers.js';

const SECONDS = 4;
const CLIENTS = 8;

export async function recording(rounds: number): Promise<Row[]> {
  const server = await startServer(10);
  const target = { name: 'bank-db', port: server.port, username: BENCH_USER, password: BENCH_PASSWORD, database: BENCH_DATABASE };
  const gateway = await startGateway('auto', [
    target,
    { ...target, name: 'strict-db', durability: 'strict' },
    { ...target, name: 'full-db', durability: 'full' },
  ]);
  const unrecorded = await startGateway('auto', [target], { recorded: false });
  const rows: Row[] = [];
  for (const mode of ['simple', 'extended', 'prepared'] as const) {
    const contestant = (name: string, { port, token }: { port: number; token: string }, user = 'bank-db') => ({
      name,
      run: async () => (await pgbench({ name, port, user, password: token }, CLIENTS, mode, SECONDS)).tps,
    });
    const contestants = [
      contestant('recording off', unrecorded),
      contestant('gw', gateway),
      contestant('gw, strict', gateway, 'strict-db'),
      contestant('gw, full', gateway, 'full-db'),
    ];
    // A gateway runs for weeks: what its first seconds cost the compiler is not what is measured.
    for (const each of contestants) await each.run();
    const row = await interleave(`${mode}, ${CLIENTS} clients`, 'tps', contestants, rounds);
    const strict = (row.medians['gw, strict'] ?? Number.NaN) / (row.medians['recording off'] ?? Number.NaN);
    rows.push({ ...row, ratios: { ...row.ratios, 'strict / recording off': Number(strict.toPrecision(4)) } });
  }
  for (const each of [unrecorded, gateway, server]) await each.stop();
  return rows;
}
