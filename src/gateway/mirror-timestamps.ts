/**
 * Copies the timestamps of one log over the API of its gateway: those that the entries of the copy tell of and that the copy does not have. One that the
 * gateway does not give is left out and named, and is asked for again: the copy goes on, and its verifier says what it lacks. How far the copy has all of
 * them lies beside them, so that not every entry is read each time. All input is untrusted: paths are made of numbers, and every file has a limit.
 */
import {
  bundlesBefore,
  decodeLeaf,
  keepTimestamp,
  type LogFiles,
  readTimestamp,
  TILE_WIDTH,
  TIMESTAMP_BYTES,
  ToldTimestamps,
  timestampPaths,
} from '../audit/index.js';
import { syncDirectories, writeWhole } from '../base/durable-file.js';
import { GwError } from '../contract/gw-error.js';
import type { RemoteLogs } from './remote-logs.js';

/** A decimal number: the entries before this one tell of no timestamp that can still be had and is not there. A copy of an earlier version has none. */
const COPIED_FILE = 'timestamps-copied';
const COPIED_BYTES = 16;

export interface CopiedTimestamps {
  /** Sizes of the checkpoints whose timestamps the gateway did not give, ascending. */
  readonly missing: readonly number[];
  /** Keeps how far the copy has all of them: call it when its checkpoint is there. */
  done(): Promise<void>;
}

/**
 * @param number of the log at the gateway
 * @param size of the copy, whose entries are there
 * @param before how many entries its checkpoint covered so far
 * @param first entry that the gateway keeps: it has no timestamps of smaller sizes any more
 */
export async function copyTimestamps(
  remote: RemoteLogs,
  files: LogFiles,
  number: number,
  { size, before, first }: { readonly size: number; readonly before: number; readonly first: number },
): Promise<CopiedTimestamps> {
  const kept = await files.first();
  const copied = Math.min(before, await readCopied(files));
  const missing: number[] = [];
  let until = size;
  for (const [stamped, { index }] of await toldBetween(files, Math.max(kept, copied), size)) {
    // Of a size before the first entry of the copy a verifier wants none; of a size that the log did not have by then there is none.
    if (!Number.isSafeInteger(stamped) || stamped < kept || stamped > index || (await isThere(files, stamped))) continue;
    if (await copyTimestamp(remote, files.directory, number, stamped)) continue;
    missing.push(stamped);
    if (stamped >= first) until = Math.min(until, index);
  }
  const done = async (): Promise<void> => {
    if (until === copied) return;
    await writeWhole(files.directory, COPIED_FILE, String(until));
    await syncDirectories(files.directory, []);
  };
  return { missing: missing.sort((a, b) => a - b), done };
}

async function readCopied(files: LogFiles): Promise<number> {
  const text = (await files.read(COPIED_FILE, COPIED_BYTES))?.toString('latin1') ?? '';
  return /^\d+$/.test(text) ? Number(text) : 0;
}

/** A bundle that cannot be read tells nothing here: who verifies the copy is told so. */
async function toldBetween(files: LogFiles, from: number, size: number): Promise<ToldTimestamps['entries']> {
  const told = new ToldTimestamps();
  for (let bundle = bundlesBefore(from); bundle * TILE_WIDTH < size; bundle++) {
    for (const [at, bytes] of ((await files.bundle(bundle, size)) ?? []).entries()) {
      const n = bundle * TILE_WIDTH + at;
      const leaf = n < from ? null : decodeLeaf(bytes);
      // Its place is where it lies, whatever it says.
      if (leaf !== null) told.take({ ...leaf, n });
    }
  }
  return told.entries;
}

async function isThere(files: LogFiles, size: number): Promise<boolean> {
  const { checkpoint, response } = await readTimestamp(files.directory, size);
  return checkpoint !== null && response !== null;
}

/** False: the gateway does not give it. */
async function copyTimestamp(remote: RemoteLogs, directory: string, number: number, size: number): Promise<boolean> {
  const [response, checkpoint] = timestampPaths(size);
  const responseBytes = await fileOrNull(remote, `${number}/${response}`);
  const checkpointBytes = responseBytes === null ? null : await fileOrNull(remote, `${number}/${checkpoint}`);
  if (responseBytes === null || checkpointBytes === null) return false;
  await keepTimestamp(directory, size, checkpointBytes, responseBytes);
  return true;
}

async function fileOrNull(remote: RemoteLogs, path: string): Promise<Buffer | null> {
  try {
    return await remote.file(path, TIMESTAMP_BYTES);
  } catch (thrown) {
    // A gateway of an earlier version knows no such files, and says that this is none.
    if (thrown instanceof GwError && thrown.code === 'usage.invalid') return null;
    throw thrown;
  }
}
