/**
 * Reads the logs of a gateway from the first entry that is kept up to a time, and goes on from there at the next call: what is older than a period, for instance. The times of a
 * log do not go back, so nothing older comes later. Leaves are untrusted; what cannot be read is passed over.
 */
import { type AuditLeaf, decodeLeaf } from './audit-leaf.js';
import { LogFiles } from './log-files.js';
import { bundlesBefore } from './pruning.js';

export class LogSweep {
  readonly #next = new Map<string, number>();

  /** Entries under a checkpoint with times up to `time`, milliseconds since the epoch, of all logs, log after log. */
  async *until(directories: readonly string[], time: number): AsyncGenerator<AuditLeaf, void> {
    for (const directory of directories) yield* this.#ofLog(directory, time);
  }

  async *#ofLog(directory: string, time: number): AsyncGenerator<AuditLeaf, void> {
    const files = new LogFiles(directory);
    const size = await files.size();
    // What was pruned meanwhile was over, and was looked at.
    const next = Math.max(await files.first(), this.#next.get(directory) ?? 0);
    for await (const { index, leaf: raw } of files.leaves(size, next)) {
      const leaf = decodeLeaf(raw);
      if (leaf !== null && Date.parse(leaf.time) > time) return;
      this.#next.set(directory, index + 1);
      if (leaf !== null) yield leaf;
    }
  }
}

/** The newest entry of a kind in each log that has one. */
export async function newestOf(directories: readonly string[], kind: string): Promise<AuditLeaf[]> {
  const found: AuditLeaf[] = [];
  for (const directory of directories) {
    const files = new LogFiles(directory);
    const size = await files.size();
    const newest = await newestIn(files, size, kind);
    if (newest !== null) found.push(newest);
  }
  return found;
}

/** The last entry under the checkpoint of a log; null: there is none that can be read. */
export async function newestEntry(directory: string): Promise<AuditLeaf | null> {
  const files = new LogFiles(directory);
  const size = await files.size();
  const last = size === 0 ? undefined : (await files.bundle(Math.floor((size - 1) / BUNDLE), size))?.at(-1);
  return last === undefined ? null : decodeLeaf(last);
}

const BUNDLE = 256;

async function newestIn(files: LogFiles, size: number, kind: string): Promise<AuditLeaf | null> {
  const first = bundlesBefore(await files.first());
  for (let bundle = Math.ceil(size / BUNDLE) - 1; bundle >= first; bundle--) {
    const leaves = await files.bundle(bundle, size);
    const found = leaves
      ?.map(decodeLeaf)
      .filter((leaf) => leaf?.kind === kind)
      .at(-1);
    if (found !== undefined && found !== null) return found;
  }
  return null;
}
