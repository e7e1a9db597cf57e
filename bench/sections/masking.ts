/**
 * What masking costs: pgbench select-only with nothing tagged, with tags elsewhere and with the column that it reads masked; and results of
 * 400,000 rows with one masked column, or with every text looked at by all detectors, against what pgbouncer passes through and what the server itself
 * delivers. From a real server.
 */
import { ROOT, startGateway } from '../support/gateway.js';
import { pgbench } from '../support/pgbench.js';
import { run } from '../support/process.js';
import { interleave, type Row } from '../support/record.js';
import { BENCH_DATABASE, BENCH_PASSWORD, BENCH_USER, PLAIN_USER, startPgbouncer, startServer } from '../support/servers.js';

const SECONDS = 5;
const LOADER = ['--import', `${ROOT}/scripts/load-typescript.mjs`];

const ELSEWHERE = 'data: { other.people.ssn: { class: ssn } }\n';
const BALANCE = "classes: { amount: { treatment: 'null' } }\ndata: { '*.pgbench_accounts.abalance': { class: amount } }\n";
const ONE_COLUMN = 'classes: { ssn: { treatment: partial } }\ndata: { public.wide.ssn: { class: ssn } }\n';
const ALL_TEXT = `classes:\n${['ssn', 'itin', 'pan', 'iban', 'email', 'phone', 'aba', 'ein', 'dob', 'secret', 'track', 'cvv'].map((name) => `  ${name}: { detect: true }`).join('\n')}\n`;

/** 250 bytes each. */
const WIDE = `create table wide as select i as id, '536-90-' || lpad((i % 10000)::text, 4, '0') as ssn, 'customer number ' || i as name,
  repeat('some text about the order that nobody needs to hide, ', 3) as note, now() as at, i * 7 as amount from generate_series(1, 400000) i`;

export async function masking(rounds: number): Promise<Row[]> {
  const server = await startServer(1);
  const url = `postgresql://${BENCH_USER}:${BENCH_PASSWORD}@127.0.0.1:${server.port}/${BENCH_DATABASE}`;
  const reader = `create role ${PLAIN_USER} login password '${BENCH_PASSWORD}' in role pg_read_all_data`;
  for (const statement of [WIDE, reader]) await run('psql', ['-XAtqc', statement, url]);
  const pgbouncer = await startPgbouncer(server.port);
  const target = { name: 'bank-db', port: server.port, username: BENCH_USER, password: BENCH_PASSWORD, database: BENCH_DATABASE };
  const plain = await startGateway('auto', [target]);
  const rows: Row[] = [];
  const elsewhere = await startGateway('auto', [target], { masking: ELSEWHERE });
  const balance = await startGateway('auto', [target], { masking: BALANCE });
  for (const mode of ['simple', 'prepared'] as const) {
    for (const each of [plain, elsewhere, balance]) await pgbench({ name: 'gw', port: each.port, user: 'bank-db', password: each.token }, 8, mode, SECONDS);
    const tps = (name: string, gateway: typeof plain) => ({
      name,
      run: async () => (await pgbench({ name: 'gw', port: gateway.port, user: 'bank-db', password: gateway.token }, 8, mode, SECONDS)).tps,
    });
    rows.push(
      await interleave(
        `select-only, ${mode}, 8 clients`,
        'tps',
        [tps('nothing tagged', plain), tps('tags elsewhere', elsewhere), tps('column masked', balance)],
        rounds,
      ),
    );
  }
  for (const each of [elsewhere, balance]) await each.stop();
  const one = await startGateway('auto', [target], { masking: ONE_COLUMN });
  const all = await startGateway('auto', [target], { masking: ALL_TEXT });
  for (const statement of ['select * from public.wide', 'copy public.wide to stdout']) {
    const read = (name: string, port: number, user: string, password: string) => ({
      name,
      run: async () => {
        const args = [...LOADER, `${ROOT}/bench/support/bulk-sink.ts`, String(port), user, password, statement, BENCH_DATABASE];
        const { bytes, seconds } = JSON.parse(await run(process.execPath, args, { cwd: ROOT })) as { bytes: number; seconds: number };
        return bytes / seconds / 1e6;
      },
    });
    // Both workers of each have seen such a result before it is measured.
    for (const each of [plain, one, all]) for (let i = 0; i < 3; i++) await read('gw', each.port, 'bank-db', each.token).run();
    rows.push(
      await interleave(
        `${statement}, 400,000 rows`,
        'MB/s',
        [
          read('direct', server.port, PLAIN_USER, BENCH_PASSWORD),
          read('pgbouncer', pgbouncer.port, BENCH_USER, BENCH_PASSWORD),
          read('nothing tagged', plain.port, 'bank-db', plain.token),
          read('one column masked', one.port, 'bank-db', one.token),
          read('all text scanned', all.port, 'bank-db', all.token),
        ],
        rounds,
        'one column masked',
      ),
    );
  }
  for (const each of [plain, one, all, pgbouncer, server]) await each.stop();
  return rows;
}
