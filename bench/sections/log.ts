/**
 * The log by itself: entries appended with one commit for each, and verification of entries and of a journal. For each
 * second of one processor where it says so; peak of memory beside it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeLeaf } from '../../src/audit/audit-leaf.js';
import { LogWriter } from '../../src/audit/log-writer.js';
import { newSigningKey, publicKeyBytes, readSigningKey } from '../../src/audit/note-key.js';
import { verifyLogs } from '../../src/audit/verify-logs.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { type Decision, NOTHING_FURTHER } from '../../src/contract/decision.js';
import type { Facts } from '../../src/contract/operation.js';
import type { Outcome, SessionStart } from '../../src/contract/recording.js';
import { createKeyFileWrapper, type KeyWrapper, openJournal, verifyJournal } from '../../src/recording/index.js';
import { median, type Row } from '../support/record.js';

const LEAVES = 1_000_000;
const OPERATIONS = 400_000;
/** Sessions that work in one turn of the event loop: their operations share a commit. */
const TOGETHER = 8;
const RESULT = Buffer.alloc(120, 'r');
const LONG = Buffer.alloc(60_000, 'x');
const MIB = 2 ** 20;

const allow: Decision = { effect: 'allow', rule: 'bank/reads', policy: `sha256:${'a'.repeat(64)}`, reasons: [], hint: null, ...NOTHING_FURTHER };
const ok: Outcome = { status: 'ok', rows: 1, bytes: 120, durationUs: 90, message: null };
const facts: Facts = {
  effects: [{ action: 'select', resource: { type: 'relation', name: ['bank', 'customers'], columns: ['id'] }, facts: { where: 'effective' } }],
  unknown: [],
  summary: 'reads',
  redacted: null,
};
const start = (session: string): SessionStart => ({
  session,
  startedAt: 1_790_000_000_000,
  gateway: 'bench',
  identity: { issuer: 'https://issuer.example', subject: 'alice', kind: 'person', name: 'alice', email: null, groups: [], onBehalfOf: null },
  target: 'bank-db',
  protocol: 'postgres',
  via: 'native',
  clientAddress: '192.0.2.7',
  reason: null,
  client: 'psql',
  decision: { effect: 'allow', rule: 'bank/connect', policy: allow.policy, reasons: [], hint: null },
});

interface Measured {
  readonly seconds: number;
  readonly cpu: number;
  readonly peakMiB: number;
}

async function measured(work: () => Promise<unknown>): Promise<Measured> {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 50);
  await work();
  clearInterval(timer);
  const used = process.cpuUsage(cpu);
  return {
    seconds: (performance.now() - began) / 1000,
    cpu: (used.user + used.system) / 1e6,
    peakMiB: Math.round(Math.max(peak, process.memoryUsage.rss()) / MIB),
  };
}

function row(name: string, unit: string, runs: readonly number[]): Row {
  const rounded = runs.map((run) => Number(run.toPrecision(4)));
  const found = { case: name, unit, medians: { gw: median(rounded) }, runs: { gw: rounded }, ratios: {} };
  process.stdout.write(`${name.padEnd(70)} ${found.medians.gw} ${unit}\n`);
  return found;
}

/** Operations with text, result and outcome, `bytes` of result each */
async function append(dir: string, operations: number, result: Buffer, encryption: KeyWrapper | null = null): Promise<Measured> {
  const journal = await openJournal({ dir, gateway: 'bench', clock: systemClock, logger: silentLogger, segmentBytes: 64 * MIB, encryption });
  const sessions = Array.from({ length: TOGETHER }, (_, at) => journal.begin(start(`ses_${at}`)));
  const run = await measured(async () => {
    for (let turn = 0; turn < operations / TOGETHER; turn++) {
      for (const [at, session] of sessions.entries())
        session.operation(turn + 1, 'query', facts, allow, Buffer.from(`select balance from accounts where id = ${turn * TOGETHER + at}`), null);
      journal.commit();
      for (const session of sessions) {
        session.delivered(turn + 1, result);
        session.outcome(turn + 1, ok);
      }
      journal.commit();
      if (turn % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    // Sealing hashes each entry once more: it is part of the price.
    await journal.close();
  });
  return run;
}

async function buildLog(directory: string, key: ReturnType<typeof readSigningKey>): Promise<void> {
  const hour = 3_600_000;
  const log = await LogWriter.open({ directory, origin: 'bench/0', keys: [key], logger: silentLogger, checkpointMs: hour, retryMs: hour });
  const leaf = (kind: string, data: Record<string, unknown>): void => {
    log.append(encodeLeaf({ v: 1, n: log.size, time: new Date(1_790_000_000_000 + log.size).toISOString(), kind, journal: 'wrk_a', data }));
  };
  leaf('log.open', { version: 'bench', keys: [], due: '2099-01-01T00:00:00.000Z', anchors: [] });
  for (let session = 1; log.size < LEAVES - 1; session++) {
    const id = `ses_${String(session).padStart(12, '0')}`;
    leaf('session.start', {
      session: id,
      number: session,
      issuer: 'https://issuer.example',
      subject: 'alice',
      target: 'bank-db',
      policy: allow.policy,
      apart: ['name'],
    });
    for (let operation = 1; operation <= 8; operation++)
      leaf('operation.deny', { session: id, operation, form: 'query', policy: allow.policy, rule: 'bank/no-drop' });
    leaf('session.end', { session: id, leaves: 10, reason: 'client', operations: 20, refused: 8, rows: 100, bytesUp: 1_000, bytesDown: 10_000 });
    if (session % 100 === 0) log.commit();
    if (session % 5_000 === 0) await log.publish();
  }
  leaf('log.close', { sessions: Math.floor((log.size - 1) / 10) });
  await log.close();
}

export async function log(rounds: number): Promise<Row[]> {
  const base = await mkdtemp(join(tmpdir(), 'gw-bench-log-'));
  const rows: Row[] = [];
  try {
    const encryption = createKeyFileWrapper(Buffer.alloc(32, 7));
    const appended: Measured[] = [];
    for (let round = 0; round < rounds; round++) appended.push(await append(join(base, `append-${round}`), OPERATIONS, RESULT, encryption));
    rows.push(
      row(
        `append and seal, encrypted, ${TOGETHER} sessions together, result of ${RESULT.length} bytes`,
        'operations/s of one core',
        appended.map(({ cpu }) => OPERATIONS / cpu),
      ),
    );

    const key = readSigningKey(newSigningKey(), 'The key');
    const directory = join(base, 'log', '0');
    await buildLog(directory, key);
    const verified: Measured[] = [];
    for (let round = 0; round < rounds; round++) {
      verified.push(
        await measured(async () => {
          const { problems } = await verifyLogs([directory], { keys: [publicKeyBytes(key)], known: [], at: Date.now() });
          if (problems.length > 0) throw new TypeError(JSON.stringify(problems[0]));
        }),
      );
    }
    rows.push(
      row(
        `verify a log of ${LEAVES} entries`,
        'entries/s',
        verified.map(({ seconds }) => LEAVES / seconds),
      ),
    );
    rows.push(
      row(
        `the same, for each second of processor time`,
        'entries/s',
        verified.map(({ cpu }) => LEAVES / cpu),
      ),
    );
    rows.push(
      row(
        'the same, most memory of the process',
        'MiB',
        verified.map(({ peakMiB }) => peakMiB),
      ),
    );

    const journals = join(base, 'long');
    await append(journals, 16_000, LONG);
    const bytes = 16_000 * LONG.length;
    const read: Measured[] = [];
    for (let round = 0; round < rounds; round++) {
      read.push(
        await measured(async () => {
          if (!(await verifyJournal(journals)).intact) throw new TypeError('the journal does not verify');
        }),
      );
    }
    rows.push(
      row(
        `verify a journal of ${Math.round(bytes / MIB)} MiB`,
        'MB/s',
        read.map(({ seconds }) => bytes / 1e6 / seconds),
      ),
    );
    rows.push(
      row(
        'the same, most memory of the process',
        'MiB',
        read.map(({ peakMiB }) => peakMiB),
      ),
    );
  } finally {
    await rm(base, { recursive: true, force: true });
  }
  return rows;
}
