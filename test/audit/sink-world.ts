/** A sink over real logs in a directory, and what its receiver got. */
import { join } from 'node:path';
import { type SinkReceiver, SinkRunner } from '../../src/audit/index.js';
import { nativeRecord } from '../../src/audit/sinks/native-record.js';
import type { SinkFailure } from '../../src/audit/sinks/sink-place.js';
import { silentLogger } from '../../src/base/logger.js';
import type { AuditEntry } from '../../src/contract/audit-entry.js';
import type { SinkSettings } from '../../src/contract/settings.js';
import { eventually } from '../store/state-server.js';

export const clock = { now: () => Date.parse('2026-03-01T13:00:00.000Z'), monotonic: () => 0 };
export const placesOf = (dir: string): string => join(dir, 'sinks');
export const logsOf = (dir: string): string[] => [join(dir, '0'), join(dir, '1')];

export function sinkSettings(to: SinkSettings['to'], more: Partial<SinkSettings> = {}): SinkSettings {
  return { name: 'siem', format: 'json', events: [], sensitive: false, begin: 'oldest', alarmMs: 60_000, to, ...more };
}

export class RunningSink {
  readonly changes: (SinkFailure | null)[] = [];
  readonly runner: SinkRunner;

  constructor(dir: string, settings: SinkSettings, receiver: SinkReceiver) {
    this.runner = new SinkRunner({
      settings,
      receiver,
      directory: placesOf(dir),
      logs: () => Promise.resolve(logsOf(dir)),
      render: (entry) => Promise.resolve(nativeRecord(entry, null)),
      changed: (failing) => this.changes.push(failing),
      clock,
      logger: silentLogger,
      pauseMs: 5,
    });
  }
}

/** `log#n` of records, in the order in which they came. */
export const idsOf = (records: readonly string[]): string[] =>
  records.map((text) => {
    const { log, n } = JSON.parse(text) as AuditEntry;
    return `${log}#${n}`;
  });

export const idsTo = (log: string, size: number): string[] => Array.from({ length: size }, (_, n) => `bank/${log}#${n}`);

/** Each at least once, and the first time in order. */
export function firstTimes(ids: readonly string[], log: string): string[] {
  return [...new Set(ids.filter((id) => id.startsWith(`bank/${log}#`)))];
}

export async function receivedAll(read: () => readonly string[] | Promise<readonly string[]>, sizes: Readonly<Record<string, number>>): Promise<void> {
  await eventually('the sink has everything', async () => {
    const ids = idsOf(await read());
    return Object.entries(sizes).every(([log, size]) => firstTimes(ids, log).length === size);
  });
}
