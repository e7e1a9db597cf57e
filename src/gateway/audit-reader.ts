/** What the API gives of the logs of this gateway: pages of entries, and entries as they come. All workers' logs together, from disk. */

import { basename } from 'node:path';
import type { AuditReader } from '../api/index.js';
import { endsOfLogs, entryMatches, followLogs, LogFiles, logState, placesOf, readRotations, searchLogs, TIMESTAMP_BYTES } from '../audit/index.js';
import type { AuditEntry } from '../contract/audit-entry.js';
import { listLogs, logDirectory } from './open-audit-trail.js';
import { watchSession } from './watch-session.js';

export function createAuditReader(dataDir: string): AuditReader {
  const list = (): Promise<string[]> => listLogs(logDirectory(dataDir));
  return {
    search: async (filter, limit, before) => searchLogs(await list(), filter, limit, before),
    list: async () => {
      const logs: { number: number; log: string; size: number }[] = [];
      for (const directory of await list()) {
        const state = await logState(directory);
        if (state !== null) logs.push({ number: Number(basename(directory)), log: state.origin, size: state.size });
      }
      return { logs, rotations: (await readRotations(logDirectory(dataDir))).length };
    },
    file: (path) => new LogFiles(logDirectory(dataDir)).read(path, path.includes('/timestamp/') ? TIMESTAMP_BYTES : undefined),
    follow: (filter, last) => watchSession((more) => lines(filter, last, more), '\n'),
  };

  async function* lines(filter: Parameters<AuditReader['follow']>[0], last: number, more: () => Promise<boolean>): AsyncGenerator<string, void> {
    const directories = await list();
    const from = await endsOfLogs(directories);
    if (last > 0) yield* (await searchLogs(directories, filter, last, placesOf(from))).entries.toReversed().map(line);
    const matches = entryMatches(filter);
    for await (const entries of followLogs({ list, more }, from)) yield* entries.filter(matches).map(line);
  }
}

const line = (entry: AuditEntry): string => `${JSON.stringify(entry)}\n`;
