/**
 * What understanding a statement costs: a shape hit (new literals each time), an exact hit, and a parse.
 * `node bench/micro/facts.mjs`; prints nanoseconds for each call. Figures are for comparison on one machine, never a test.
 */
import { bundled } from './bundled.mjs';

const { prepareParser, StatementCache } = await bundled('facts', ['protocols/postgres/facts/index']);

const ROUNDS = 400_000;

function measure(label, texts, rounds, cache) {
  const buffers = texts.map((text) => Buffer.from(text));
  for (const warm of [true, false]) {
    const statements = cache();
    const started = process.hrtime.bigint();
    for (let i = 0; i < rounds; i++) {
      const buffer = buffers[i % buffers.length];
      if (buffer !== undefined) statements.analyse(buffer, 0, buffer.length);
    }
    const each = Number(process.hrtime.bigint() - started) / rounds;
    if (!warm) process.stdout.write(`${label}\t${each.toFixed(0)} ns\n`);
  }
}

await prepareParser();
const literals = Array.from({ length: 1000 }, (_, i) => 100_000 + i * 7);
const fresh = () => new StatementCache();
measure(
  'shape hit, pgbench select',
  literals.map((n) => `SELECT abalance FROM pgbench_accounts WHERE aid = ${String(n)};`),
  ROUNDS,
  fresh,
);
measure(
  'shape hit, insert of strings',
  literals.map((n) => `INSERT INTO ledger.entries (account_id, amount, memo) VALUES (${String(n)}, 12.50, 'payment ${String(n)}')`),
  ROUNDS,
  fresh,
);
measure('exact hit, comment', ['/* app */ SELECT abalance FROM pgbench_accounts WHERE aid = 1'], ROUNDS, fresh);
measure(
  'parse each time',
  literals.map((n) => `/* ${String(n)} */ SELECT abalance FROM pgbench_accounts WHERE aid = 1`),
  20_000,
  () => new StatementCache({ entries: 1, bytes: 2000 }),
);
