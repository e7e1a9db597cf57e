/**
 * That a log goes on from what another log of the gateway says of it. A log that is written meanwhile moves on under its reader: partial tiles go
 * away, and the other log may name more entries than were verified. Then its newest checkpoint answers, which has to continue the verified one too.
 */

import type { Report } from './check-entries.js';
import { type Checkpoint, isSigned, parseCheckpoint } from './checkpoint.js';
import { LogFiles } from './log-files.js';
import { READ_ATTEMPTS } from './read-steadily.js';
import { checkContinuation } from './verify-log.js';

export interface VerifiedLog {
  readonly directory: string;
  /** Under which it was verified. */
  readonly checkpoint: Checkpoint;
  /** Index of the first entry that is kept. */
  readonly first: number;
}

/**
 * @param anchor what the other log says
 * @param keys public keys that count, 32 bytes each
 */
export async function checkAnchor(
  { directory, checkpoint: verified, first }: VerifiedLog,
  anchor: Checkpoint,
  keys: readonly Buffer[],
  report: Report,
): Promise<void> {
  let now = verified;
  for (let attempt = 1; ; attempt++) {
    const files = new LogFiles(directory);
    const problems: Parameters<Report>[] = [];
    const note: Report = (...problem) => problems.push(problem);
    await checkContinuation(files, now, anchor, note, first);
    if (now !== verified) await checkContinuation(files, now, verified, note);
    const newest = problems.length > 0 && attempt < READ_ATTEMPTS ? await newestCheckpoint(files, verified.origin, keys) : null;
    if (newest === null || newest.size <= now.size) {
      for (const problem of problems) report(...problem);
      return;
    }
    now = newest;
  }
}

async function newestCheckpoint(files: LogFiles, origin: string, keys: readonly Buffer[]): Promise<Checkpoint | null> {
  const bytes = await files.checkpoint();
  const parsed = bytes === null ? null : parseCheckpoint(bytes);
  if (parsed === null || parsed.checkpoint.origin !== origin || !isSigned(parsed.note, origin, keys)) return null;
  return parsed.checkpoint;
}
