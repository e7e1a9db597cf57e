/**
 * How long a search takes among a million operations in the embedded state database, milliseconds; and how fast the index takes them in. With
 * GW_BENCH_COPIES=5 among five times as many: what was taken in once (GW_BENCH_OPERATIONS) is copied to other sessions and earlier times.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { readSearchQuery } from '../../src/api/search-query.js';
import { silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import type { IndexedOperation } from '../../src/contract/operation-index.js';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.js';
import { openStore } from '../../src/store/index.js';
import { median, type Row } from '../support/record.js';

const OPERATIONS = Number(process.env['GW_BENCH_OPERATIONS'] ?? 1_000_000);
const COPIES = Number(process.env['GW_BENCH_COPIES'] ?? 1);
const BATCH = 500;
const BEGAN = Date.UTC(2026, 0, 1);
const SEARCHES = [
  'select',
  '"account 77341"',
  'quarterly correction',
  'relation:ledger.entries',
  'relation:schema7.table77 verdict:deny',
  'masked:ssn user:user42',
  'kind:delete since:2026-01-05 until:2026-01-06',
  'nothing of this kind is there',
];

function operation(at: number): IndexedOperation {
  const table = at % 10 === 0 ? 'ledger.entries' : `schema${at % 9}.table${at % 211}`;
  const kind = at % 50 === 0 ? 'delete' : at % 7 === 0 ? 'update' : 'select';
  const denied = at % 97 === 0;
  return {
    session: `ses_${String(Math.floor(at / 200)).padStart(10, '0')}`,
    sequence: (at % 200) + 1,
    at: new Date(BEGAN + at * 1_000).toISOString(),
    issuer: 'https://issuer.test',
    subject: `sub-${at % 300}`,
    name: `user${at % 300}`,
    onBehalfOf: null,
    target: `target${at % 20}`,
    verdict: denied ? 'deny' : 'allow',
    asked: false,
    status: denied ? 'refused' : 'ok',
    rule: denied ? 'bank/no-writes' : 'bank/reads',
    kinds: [kind],
    relations: [table],
    masked: at % 31 === 0 ? ['ssn'] : [],
    rows: at % 100,
    text: `${kind} id, amount, note from ${table} where account = ${at % 100_000} and booked > '2025-01-01'${at % 5_003 === 0 ? ' -- quarterly correction' : ''} and account ${at % 100_003}`,
  };
}

/** The rest of the millions, by the server itself; the index is built when all are there. */
async function copy(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ definition: string }>("select pg_get_indexdef('gw.operations_found'::regclass) as definition");
  await client.query("set maintenance_work_mem = '512MB'");
  await client.query('drop index gw.operations_found');
  const names = 'sequence, issuer, subject, name, target, verdict, status, rule, kinds, relations, masked, affected_rows, text, words, tags';
  for (let each = 1; each < COPIES; each++)
    await client.query(
      `insert into gw.operations (session, at, ${names}) select session || '_${each}', at - interval '${each * 12} days', ${names} from gw.operations where session not like '%\\_%\\_%'`,
    );
  await client.query(rows[0]?.definition ?? '');
}

export async function search(rounds: number): Promise<Row[]> {
  const base = await mkdtemp(join(tmpdir(), 'gw-bench-search-'));
  const server = await startEmbeddedPostgres({ dir: join(base, 'state'), base, port: 0, superuser: 'gw', password: new Secret('bench'), settings: {} });
  const store = await openStore({ url: server.url.expose(), logger: silentLogger });
  const rows: Row[] = [];
  try {
    const began = performance.now();
    for (let at = 0; at < OPERATIONS; at += BATCH) await store.operations.add(Array.from({ length: BATCH }, (_, index) => operation(at + index)));
    const perSecond = Math.round(OPERATIONS / ((performance.now() - began) / 1000));
    rows.push({ case: `indexed, batches of ${BATCH}`, unit: '1/s', medians: { gw: perSecond }, runs: {}, ratios: {} });
    const client = new pg.Client({ connectionString: server.url.expose() });
    await client.connect();
    if (COPIES > 1) await copy(client);
    // What autovacuum does in its time.
    await client.query('vacuum analyze gw.operations');
    await client.end();
    for (const text of SEARCHES) {
      const query = { ...readSearchQuery(text, BEGAN, ['delete']), owner: null, limit: 50, after: null };
      const runs: number[] = [];
      let found = 0;
      for (let round = 0; round < rounds; round++) {
        const start = performance.now();
        found = (await store.operations.search(query)).length;
        runs.push(Number((performance.now() - start).toPrecision(3)));
      }
      rows.push({
        case: `${COPIES > 1 ? `of ${(OPERATIONS * COPIES).toLocaleString('en')}: ` : ''}${text} (${found} shown)`,
        unit: 'ms',
        medians: { gw: median(runs) },
        runs: { gw: runs },
        ratios: {},
      });
    }
    for (const row of rows) process.stdout.write(`${row.case.padEnd(60)} ${JSON.stringify(row.medians)} ${row.unit}\n`);
  } finally {
    await store.close();
    await server.stop();
    await rm(base, { recursive: true, force: true });
  }
  return rows;
}
