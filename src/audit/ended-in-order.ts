/** Whether the log in a directory says itself that it ended, under a checkpoint, with nothing after it. Asked before it is opened; checks no signature. */
import { readdir } from 'node:fs/promises';
import { decodeLeaf } from './audit-leaf.js';
import { parseCheckpoint } from './checkpoint.js';
import { LogFiles } from './log-files.js';

/** @throws GwError `audit.invalid` when its last entry cannot be read */
export async function endedInOrder(directory: string): Promise<boolean> {
  const files = new LogFiles(directory);
  const bytes = await files.checkpoint();
  const size = (bytes === null ? null : parseCheckpoint(bytes))?.checkpoint.size ?? 0;
  if (size === 0 || (await readdir(directory)).some((name) => name.startsWith('pending.'))) return false;
  for await (const { leaf } of files.leaves(size, size - 1)) return decodeLeaf(leaf)?.kind === 'log.close';
  return false;
}
