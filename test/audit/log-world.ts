/** Two logs of one gateway as its workers write them, with sessions in both; and the same leaves signed again by whoever has the key. */
import type { KeyObject } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuditLeaf, decodeLeaf, encodeLeaf } from '../../src/audit/audit-leaf.js';
import { AuditTrail, type NewKeys } from '../../src/audit/audit-trail.js';
import { LogFiles } from '../../src/audit/log-files.js';
import { LogWriter } from '../../src/audit/log-writer.js';
import { newSigningKey, publicKeyBytes, readSigningKey } from '../../src/audit/note-key.js';
import type { TimestampSettings } from '../../src/audit/timestamp/timestamper.js';
import { type LogsReport, verifyLogs } from '../../src/audit/verify-logs.js';
import { silentLogger } from '../../src/base/logger.js';

export const seed = newSigningKey();
export const key: KeyObject = readSigningKey(seed, 'The key');
export const START = Date.parse('2026-03-01T12:00:00Z');
const NEVER = 3_600_000;

export async function withDirectory(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'gw-logs-'));
  try {
    await run(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function logsIn(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => /^\d+$/.test(name)).map((name) => join(dir, name));
}

export async function openTrail(
  dir: string,
  number: number,
  journal: string,
  clock = { now: () => START, monotonic: () => 0 },
  timestamps?: TimestampSettings,
  more: {
    readonly newKeys?: () => Promise<NewKeys | null>;
    readonly heartbeatMs?: number;
    readonly names?: readonly string[];
    readonly signer?: KeyObject;
    readonly predecessors?: readonly Buffer[];
  } = {},
): Promise<AuditTrail> {
  const directory = join(dir, String(number));
  const log = await LogWriter.open({
    directory,
    origin: `bank/${number}`,
    keys: [more.signer ?? key],
    predecessors: more.predecessors ?? [],
    logger: silentLogger,
    checkpointMs: NEVER,
    retryMs: NEVER,
  });
  return AuditTrail.open(
    {
      log,
      journal,
      clock,
      heartbeatMs: more.heartbeatMs ?? 1_000_000,
      ...(more.newKeys === undefined ? {} : { newKeys: more.newKeys }),
      sisters: async () => (await logsIn(dir)).filter((each) => each !== directory),
      onError: (error) => {
        throw error;
      },
      release: () => Promise.resolve(),
      timestamps: timestamps === undefined ? undefined : { ...timestamps, logger: silentLogger },
    },
    { version: 'test', keys: more.names ?? [] },
  );
}

export function session(trail: AuditTrail, id: string, number: number, denials = 2): void {
  trail.append('session.start', { session: id, number, subject: 'alice', target: 'db', name: 'Alice A', reason: 'why' });
  for (let operation = 1; operation <= denials; operation++) trail.append('operation.deny', { session: id, operation, rule: 'r' });
  trail.appendEnd('session.end', { session: id, leaves: denials + 2, reason: 'client', operations: 9 });
}

/** Log 1 ends first; log 0 sees it then. Sizes go over the end of a tile. */
export async function buildLogs(dir: string): Promise<void> {
  const one = await openTrail(dir, 1, 'wrk_b');
  session(one, 'ses_b1', 1);
  one.append('journal.segment', { journalOfSegment: 'wrk_b', segment: 1, entries: 10, root: 'ab', final: true });
  await one.close();
  const zero = await openTrail(dir, 0, 'wrk_a');
  for (let number = 1; number <= 70; number++) session(zero, `ses_a${number}`, number);
  zero.event('subject.lock', { subject: 'eve', reason: 'left' });
  for (const segment of [1, 2]) zero.append('journal.segment', { journalOfSegment: 'wrk_a', segment, entries: 10, root: 'cd', final: segment === 2 });
  await zero.close();
}

export async function leavesOf(directory: string, size: number): Promise<AuditLeaf[]> {
  const leaves: AuditLeaf[] = [];
  for await (const { leaf } of new LogFiles(directory).leaves(size)) leaves.push(decodeLeaf(leaf) as AuditLeaf);
  return leaves;
}

/** The log written anew from leaves, as one who has the key and the disk can do it; places are numbered anew. */
export async function forge(directory: string, leaves: readonly AuditLeaf[], signer: KeyObject = key, renumber = true): Promise<void> {
  await rm(directory, { recursive: true });
  const origin = `bank/${directory.slice(-1)}`;
  const log = await LogWriter.open({ directory, origin, keys: [signer], logger: silentLogger, checkpointMs: NEVER, retryMs: NEVER });
  for (const [n, leaf] of leaves.entries()) log.append(encodeLeaf(renumber ? { ...leaf, n } : leaf));
  await log.close();
}

export async function verify(dir: string, options: Partial<Parameters<typeof verifyLogs>[1]> = {}): Promise<LogsReport> {
  return verifyLogs(await logsIn(dir), { keys: [publicKeyBytes(key)], known: [], at: START + 2 * NEVER, ...options });
}

export async function claims(dir: string, options: Partial<Parameters<typeof verifyLogs>[1]> = {}): Promise<string[]> {
  return [...new Set((await verify(dir, options)).problems.map(({ claim }) => claim))].sort();
}
