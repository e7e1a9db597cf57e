/**
 * Takes from a log what it announced that it gives up. First the file `pruned` is on disk, then bundles of entries, tiles of level 0 and timestamps go.
 * A process that dies on the way leaves a log that verifies; whoever does it again ends it.
 */
import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectories, writeWhole } from '../base/durable-file.js';
import { leafHash } from '../base/merkle-hash.js';
import { noSuchDirectory } from '../base/no-such-directory.js';
import { GwError } from '../contract/gw-error.js';
import { LogFiles } from './log-files.js';
import { bundlesBefore, decodePruning, PRUNED_FILE, type Pruning } from './pruning.js';

/**
 * Does what entry `n` announces.
 * @throws GwError `audit.invalid` when that is not an announcement under the checkpoint; errors of the file system as they are
 */
export async function pruneLog(directory: string, n: number): Promise<void> {
  const files = new LogFiles(directory);
  const size = await files.size();
  for await (const { leaf } of files.leaves(size, n)) {
    const pruning = decodePruning(leaf);
    if (pruning === null) break;
    await writeWhole(directory, PRUNED_FILE, pruning.bytes);
    await syncDirectories(directory, []);
    await removePruned(directory);
    return;
  }
  throw new GwError('audit.invalid', `The log in ${directory} announces no pruning in its entry ${n}, so nothing of it is deleted.`);
}

/**
 * What the log gave up, when the log says so itself: the file `pruned` is an entry of it, under the checkpoint, with the hash that the tree has.
 * @throws GwError `audit.invalid` when there is a file that is not that: nothing may be deleted, or left out, by it
 */
export async function ownPruning(files: LogFiles): Promise<Pruning | null> {
  if ((await files.read(PRUNED_FILE)) === null) return null;
  const pruning = await files.pruning();
  const size = await files.size();
  const n = pruning?.leaf.n ?? size;
  if (pruning !== null && n < size && (await files.subtrees(size)(0, n)).equals(leafHash(pruning.bytes))) return pruning;
  throw new GwError('audit.invalid', `The log in ${files.directory} is said to be pruned by the file ${PRUNED_FILE}, and does not say so itself.`, {
    hint: 'Somebody put that file there, or changed it: restore the log from a copy, and run `gw audit verify`.',
  });
}

/**
 * Deletes what the log gave up; nothing in a log that was not pruned. Ends what a process that died began.
 * @throws GwError `audit.invalid` when the log does not say so itself
 */
export async function removePruned(directory: string): Promise<void> {
  const first = (await ownPruning(new LogFiles(directory)))?.first ?? 0;
  if (first === 0) return;
  for (const level of ['entries', '0']) await removeTiles(join(directory, 'tile', level), 0, bundlesBefore(first));
  const timestamps = join(directory, 'timestamp');
  for (const name of await readdir(timestamps).catch(noSuchDirectory)) {
    if (Number.parseInt(name, 10) < first) await rm(join(timestamps, name), { force: true });
  }
}

/** @param above what the directories above make of the index @param end tiles from this index on stay */
async function removeTiles(directory: string, above: number, end: number): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(noSuchDirectory)) {
    const [, step, number, partial] = /^(x?)(\d{3})(\.p)?/.exec(entry.name) ?? [];
    const path = join(directory, entry.name);
    if (number === undefined) continue;
    const index = above * 1000 + Number(number);
    if (step === 'x') {
      await removeTiles(path, index, end);
      if ((await readdir(path).catch(noSuchDirectory)).length === 0) await rmdir(path).catch(notEmpty);
    } else if (index < end) await rm(path, { recursive: partial !== undefined, force: true });
  }
}

function notEmpty(thrown: NodeJS.ErrnoException): void {
  if (thrown.code !== 'ENOTEMPTY' && thrown.code !== 'ENOENT') throw thrown;
}
