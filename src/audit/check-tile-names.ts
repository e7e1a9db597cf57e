/**
 * Every file below `tile` belongs to the tree of the size given, or was being written when its process died. Decided for each path by itself: memory does
 * not grow with the log, nor with what somebody put there.
 */
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { DRAFT_SUFFIX } from '../base/durable-file.js';
import type { Report } from './check-entries.js';
import { levelWidth, TILE_WIDTH, tilePath } from './tile-layout.js';

/** Deepest path of a tile of the largest tree that there can be. */
const DEPTH = 10;
/** Strangers that are named; more are not worth reading. */
const NAMED = 100;

export async function checkTileNames(directory: string, size: number, report: Report): Promise<void> {
  let named = 0;
  for await (const path of filesBelow(directory, 'tile', DEPTH)) {
    if (path.endsWith(DRAFT_SUFFIX) || isPart(path, size)) continue;
    report('tile', null, `the file ${path} is not part of the log`);
    if (++named === NAMED) return;
  }
}

async function* filesBelow(root: string, path: string, depth: number): AsyncGenerator<string> {
  const directory = await opendir(join(root, path)).catch(noDirectory);
  if (directory === null) return;
  for await (const entry of directory) {
    const below = `${path}/${entry.name}`;
    if (!entry.isDirectory()) yield below;
    else if (depth > 0) yield* filesBelow(root, below, depth - 1);
    else yield `${below}/`;
  }
}

const TILE_PATH = /^tile\/(entries|[1-5]?\d)\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/**
 * A tile of the tree; or one that lies beyond it, which a checkpoint needs that was not written any more; or a partial one of an earlier size, at the
 * right edge: its process died before it was removed.
 */
function isPart(path: string, size: number): boolean {
  const [, name, groups, partial] = TILE_PATH.exec(path) ?? [];
  if (name === undefined || groups === undefined) return false;
  const level = name === 'entries' ? name : Number(name);
  const index = Number(groups.replaceAll(/[x/]/g, ''));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  // One name for one tile: groups of zeros in front would be a second one.
  if (!Number.isSafeInteger(index) || tilePath({ level, index, width }) !== path) return false;
  const there = levelWidth(level === 'entries' ? 0 : level, size);
  return partial === undefined || (index + 2) * TILE_WIDTH > there;
}

function noDirectory(thrown: unknown): null {
  if (thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR')) return null;
  throw thrown;
}
