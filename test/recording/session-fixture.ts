/** Values that the recording tests share: a session's start and end, facts and decisions, a journal in a fresh directory, and its reading. */

import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { type Decision, NOTHING_FURTHER, type RecordedDecision } from '../../src/contract/decision.js';
import type { Facts } from '../../src/contract/operation.js';
import type { Outcome, SessionEnd, SessionStart } from '../../src/contract/recording.js';
import {
  createKeyFileWrapper,
  type GroupJournal,
  JournalKeyring,
  type JournalKeys,
  type JournalOptions,
  openJournal,
  type RecordedOperation,
  readSession,
  type SessionItem,
} from '../../src/recording/index.js';

export const allow: Decision = {
  effect: 'allow',
  rule: 'base/read',
  policy: `sha256:${'a'.repeat(64)}`,
  reasons: ['engineers read'],
  hint: null,
  ...NOTHING_FURTHER,
};
export const deny: Decision = {
  effect: 'deny',
  rule: 'base/no-drop',
  policy: `sha256:${'a'.repeat(64)}`,
  reasons: ['never drop'],
  hint: 'ask',
  ...NOTHING_FURTHER,
};

/** The same as they stand in a journal, as in those of the first versions. */
export const recordedAllow: RecordedDecision = { effect: 'allow', rule: 'base/read', policy: allow.policy, reasons: ['engineers read'], hint: null };
export const recordedDeny: RecordedDecision = { effect: 'deny', rule: 'base/no-drop', policy: deny.policy, reasons: ['never drop'], hint: 'ask' };

export function facts(summary: string, redacted: string | null = null): Facts {
  return {
    effects: [{ action: 'select', resource: { type: 'relation', name: ['bank', 'customers'], columns: ['id'] }, facts: { where: 'effective' } }],
    unknown: [],
    summary,
    redacted,
  };
}

export function start(session: string): SessionStart {
  return {
    session,
    startedAt: 1_790_000_000_000,
    gateway: 'test-gateway',
    identity: { issuer: 'https://issuer.example', subject: 'alice', kind: 'person', name: 'alice', email: null, groups: ['engineers'], onBehalfOf: null },
    target: 'bank-db',
    protocol: 'postgres',
    via: 'native',
    clientAddress: '192.0.2.7',
    reason: null,
    client: 'psql',
    decision: recordedAllow,
  };
}

export const end: SessionEnd = { endedAt: 1_790_000_009_000, reason: 'client', message: null, operations: 1, refused: 0, rows: 1, bytesUp: 8, bytesDown: 5 };
export const ok: Outcome = { status: 'ok', rows: 1, bytes: 5, durationUs: 85, message: 'SELECT 1' };

/** A clock that moves one millisecond with each look. */
export function steppingClock(from = 1_790_000_000_000): Clock {
  let now = from;
  return { now: () => now++, monotonic: () => now };
}

export async function freshDirectory(): Promise<string> {
  return mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'gw-journal-'));
}

export async function withDirectory<T>(use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await freshDirectory();
  try {
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** What wraps the keys of the journals of these tests. */
export const keyFile = createKeyFileWrapper(Buffer.alloc(32, 7));
export const keys = new JournalKeyring({ knows: (id) => id === keyFile.id, unwrap: async (_id, wrapped) => keyFile.unwrap(wrapped) });

/** Encrypted, as those of a gateway are, unless the options say otherwise. */
export function open(dir: string, options: Partial<JournalOptions> = {}): Promise<GroupJournal> {
  return openJournal({ dir, gateway: 'test-gateway', clock: steppingClock(), logger: silentLogger, encryption: keyFile, ...options });
}

/** What a crash at this moment would leave: the files as they are, and the lock of a process that is no more. */
export async function crashCopy(dir: string, bootId: string, to: string): Promise<void> {
  await cp(join(dir, bootId), join(to, bootId), { recursive: true });
  await leaveDeadLock(to, bootId);
}

export const DEAD_LOCK = JSON.stringify({ pid: 1, start: 'never', boot: 'another', namespace: null });

export async function leaveDeadLock(dir: string, bootId: string): Promise<void> {
  await writeFile(join(dir, bootId, 'lock'), DEAD_LOCK);
}

export async function collect(dir: string, bootId: string, session: string, keyring: JournalKeys = keys): Promise<SessionItem[]> {
  const items: SessionItem[] = [];
  for await (const item of readSession(dir, bootId, session, keyring)) items.push(item);
  return items;
}

export function operations(items: readonly SessionItem[]): RecordedOperation[] {
  return items.flatMap((item) => (item.kind === 'operation' ? [item.operation] : []));
}

export function integrity(items: readonly SessionItem[]): Extract<SessionItem, { kind: 'integrity' }> {
  const last = items.at(-1);
  if (last?.kind !== 'integrity') throw new Error('the last item is not the integrity item');
  return last;
}

export const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');
