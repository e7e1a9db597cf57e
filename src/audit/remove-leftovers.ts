/** Removes what a process that died while it published a checkpoint left behind: drafts, and partial tiles of a size that no checkpoint has. */
import { readdir, rm } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { DRAFT_SUFFIX } from '../base/durable-file.js';
import { partialTiles, tilePath } from './tile-layout.js';

export async function removeLeftovers(directory: string, size: number): Promise<void> {
  const kept = new Set(partialTiles(size).map(tilePath));
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/');
    const stale = path.endsWith(DRAFT_SUFFIX) || (/^tile\/.*\.p\/\d+$/.test(path) && !kept.has(path));
    if (entry.isFile() && stale) await rm(join(directory, path), { force: true });
  }
}
