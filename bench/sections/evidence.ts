/**
 * How long an evidence pack over a million operations takes to be made and to be verified, seconds, and how large it is: a data directory of a gateway is
 * written as its worker writes one (encrypted journals, the log beside them), then exported and verified as the commands do it. GW_BENCH_SESSIONS makes it
 * smaller or larger (200 operations each); GW_BENCH_VERIFY_SH=1 has the pack verified by its own script, too.
 */

import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditTrail, LogWriter, newSigningKey, readSigningKey } from '../../src/audit/index.js';
import { systemClock } from '../../src/base/clock.js';
import { newId } from '../../src/base/id.js';
import { silentLogger } from '../../src/base/logger.js';
import { StagedDirectory } from '../../src/cli/evidence/staged-directory.js';
import type { Decision } from '../../src/contract/decision.js';
import type { Facts } from '../../src/contract/operation.js';
import { exportOffline, verifyEvidence } from '../../src/gateway/evidence-workbench.js';
import { logSegment } from '../../src/gateway/interrupted-work.js';
import { LoggedJournal } from '../../src/gateway/logged-journal.js';
import { createKeyFileWrapper, openJournal, readKeyFile } from '../../src/recording/index.js';
import { runProgram } from '../../test/support/run-program.js';
import { median, type Row } from '../support/record.js';

const SESSIONS = Number(process.env['GW_BENCH_SESSIONS'] ?? 5_000);
const WITH_SCRIPT = process.env['GW_BENCH_VERIFY_SH'] === '1';
const OPERATIONS = 200;
const POLICY = `sha256:${'a'.repeat(64)}`;
const RESULT = Buffer.from(
  `T\0\0\0\x1b\0\x01id\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0${'D\0\0\0\x0f\0\x01\0\0\0\x0512345'.repeat(8)}C\0\0\0\x0dSELECT 8\0`,
  'latin1',
);

const decisions: readonly Decision[] = [true, false].map((allowed) => ({
  effect: allowed ? ('allow' as const) : ('deny' as const),
  rule: allowed ? 'bank/reads' : 'bank/no-drop',
  policy: POLICY,
  reasons: [allowed ? 'engineers read' : 'never drop'],
  hint: null,
  warnings: [],
  limits: null,
  approval: null,
  tier: null,
}));
const facts = (table: number): Facts => ({
  effects: [{ action: 'select', resource: { type: 'relation', name: ['bank', `table${table}`], columns: ['id', 'amount'] }, facts: { where: 'effective' } }],
  unknown: [],
  summary: `reads bank.table${table}`,
  redacted: null,
});
const FACTS = Array.from({ length: 50 }, (_, table) => facts(table));
const OUTCOME = { status: 'ok', rows: 8, bytes: RESULT.length, durationUs: 812, message: 'SELECT 8' } as const;

/** A data directory with so many sessions, closed. */
async function makeData(data: string): Promise<void> {
  const seed = newSigningKey();
  const journalSeed = randomBytes(32).toString('hex');
  await writeFile(join(data, 'audit-key'), seed);
  await writeFile(join(data, 'journal-key'), journalSeed);
  const key = readSigningKey(seed, 'The key');
  const directory = join(data, 'log', '0');
  const log = await LogWriter.open({ directory, origin: 'bench/0', keys: [key], logger: silentLogger, checkpointMs: 1_000, retryMs: 1_000 });
  const trail = await AuditTrail.open(
    {
      log,
      journal: 'wrk_bench',
      clock: systemClock,
      heartbeatMs: 60_000,
      sisters: () => Promise.resolve([]),
      onError: (error) => {
        throw error;
      },
      release: () => Promise.resolve(),
    },
    { version: 'bench', keys: [] },
  );
  const segments = await openJournal({
    dir: join(data, 'journal'),
    gateway: 'bench',
    bootId: 'wrk_bench',
    clock: systemClock,
    logger: silentLogger,
    onSealed: (segment) => logSegment(trail, segment),
    onFailure: (error) => {
      throw error;
    },
    encryption: createKeyFileWrapper(readKeyFile(journalSeed, 'The key')),
  });
  const journal = new LoggedJournal(segments, trail);
  for (let number = 0; number < SESSIONS; number++) {
    const who = number % 300;
    const recorder = journal.begin({
      session: newId('ses'),
      startedAt: systemClock.now(),
      gateway: 'bench',
      identity: {
        issuer: 'https://issuer.test',
        subject: `sub-${who}`,
        kind: 'person',
        name: `user${who}`,
        email: null,
        groups: ['engineers'],
        onBehalfOf: null,
      },
      target: `target${number % 20}`,
      protocol: 'postgres',
      via: 'tunnel',
      clientAddress: '192.0.2.7',
      reason: 'bench',
      client: 'psql',
      decision: { effect: 'allow', rule: 'bank/connect', policy: POLICY, reasons: ['engineers'], hint: null },
    });
    let refused = 0;
    for (let sequence = 1; sequence <= OPERATIONS; sequence++) {
      const table = (number + sequence) % FACTS.length;
      const denied = sequence % 97 === 0;
      const text = Buffer.from(`select id, amount from bank.table${table} where account = ${number * OPERATIONS + sequence} and booked > '2026-01-01'`);
      recorder.operation(sequence, 'query', FACTS[table] as Facts, decisions[denied ? 1 : 0] as Decision, text, null);
      if (denied) refused++;
      else {
        recorder.delivered(sequence, RESULT);
        recorder.outcome(sequence, OUTCOME);
      }
      if (sequence % 20 === 0) journal.commit();
    }
    const bytesDown = (OPERATIONS - refused) * RESULT.length;
    recorder.end({
      endedAt: systemClock.now(),
      reason: 'client',
      message: null,
      operations: OPERATIONS,
      refused,
      rows: (OPERATIONS - refused) * 8,
      bytesUp: 0,
      bytesDown,
    });
    journal.commit();
    if (number % 20 === 0) await journal.synced();
  }
  await journal.close();
  await trail.close();
}

async function sizeOf(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return bytes;
}

const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
};

export async function evidence(rounds: number): Promise<Row[]> {
  const base = await mkdtemp(join(tmpdir(), 'gw-bench-evidence-'));
  try {
    const data = join(base, 'data');
    await mkdir(data);
    await makeData(data);
    const from = Date.now() - 3_600_000;
    const exports: number[] = [];
    const verifies: number[] = [];
    const scripts: number[] = [];
    let pack = '';
    for (let round = 0; round < rounds; round++) {
      pack = join(base, `pack${round}`);
      const out = await StagedDirectory.begin(pack);
      if (out === null) throw new Error('the pack is there already');
      exports.push(
        await seconds(async () => {
          const scope = { framework: 'ffiec', from, to: null, session: null, nonce: '', sample: 25 } as const;
          await exportOffline({ data, keyFile: null, scope }, out, () => undefined);
          await out.finish();
        }),
      );
      verifies.push(
        await seconds(async () => {
          const { problems } = await verifyEvidence({ pack, keyFiles: [], checkpointFiles: [] }, () => undefined);
          if (problems.length > 0) throw new Error(problems[0]?.message);
        }),
      );
      process.stdout.write(`${exports.at(-1)?.toFixed(1)} s to export, ${verifies.at(-1)?.toFixed(1)} s to verify\n`);
      if (!WITH_SCRIPT) continue;
      scripts.push(
        await seconds(async () => {
          const { code, stdout } = await runProgram('sh', [join(pack, 'verify.sh'), pack]);
          if (code !== 0) throw new Error(stdout);
        }),
      );
      process.stdout.write(`${scripts.at(-1)?.toFixed(1)} s by verify.sh\n`);
    }
    const count = (SESSIONS * OPERATIONS).toLocaleString('en');
    const row = (name: string, unit: string, runs: readonly number[]): Row => {
      const rounded = runs.map((each) => Number(each.toPrecision(3)));
      return { case: `${name}, ${count} operations`, unit, medians: { gw: median(rounded) }, runs: { gw: rounded }, ratios: {} };
    };
    return [
      row('evidence export', 's', exports),
      row('evidence verify', 's', verifies),
      ...(WITH_SCRIPT ? [row('verify.sh', 's', scripts)] : []),
      row('size of the pack', 'MB', [(await sizeOf(pack)) / 1e6]),
    ];
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}
