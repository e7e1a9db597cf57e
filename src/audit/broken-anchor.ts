/** That a log goes on from everything that entries of the logs say of it, and not only from what they said last: it may have been written anew in between. */
import type { Anchor } from './anchor.js';
import { GrowingRoot } from './growing-root.js';
import type { LogFiles } from './log-files.js';

/**
 * The first anchor that the log does not continue; null: there is none, as far as its tiles can be read. What is longer than the log is left to the
 * caller: the log may have grown since it was read.
 * @param size entries of the log
 * @param anchors what was said of it, by size
 */
export async function brokenAnchor(files: LogFiles, size: number, anchors: readonly Anchor[]): Promise<Anchor | null> {
  const roots = new GrowingRoot(files, size);
  for (const anchor of anchors) {
    if (anchor.size > size) break;
    const root = anchor.size === 0 ? null : await roots.at(anchor.size);
    if (root !== null && root.toString('hex') !== anchor.root) return anchor;
  }
  return null;
}
