/**
 * Copies the logs of a gateway over its API into a directory, as files of C2SP tlog-tiles: what is there already stays, what is new is fetched, the
 * checkpoint comes last, after the timestamps that new entries tell of. The copy never becomes shorter. Nothing is verified here: that is for a witness, or for `gw audit verify`, over the copy.
 * A copy that begins with a log that was pruned says so as the log does; one that was there before keeps what it has. All input is untrusted: paths are
 * computed from the sizes, and every file has a limit.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  bundlesBefore,
  decodePruning,
  LogFiles,
  levelWidth,
  PRUNED_FILE,
  parseCheckpoint,
  removeLeftovers,
  TILE_WIDTH,
  type Tile,
  tilePath,
} from '../audit/index.js';
import { syncDirectories, writeWhole } from '../base/durable-file.js';
import { whileLocked } from '../base/lock-file.js';
import { GwError } from '../contract/gw-error.js';
import { copyTimestamps } from './mirror-timestamps.js';
import type { RemoteLogs } from './remote-logs.js';

export interface Mirrored {
  readonly log: string;
  readonly size: number;
  /** Entries that the copy did not have. */
  readonly added: number;
  /** Sizes of the timestamps that entries tell of and the gateway did not give. */
  readonly missing: readonly number[];
}

const NOTE_BYTES = 64 * 1024;
const LEAF_BYTES = 65_535;
const HASHES_BYTES = TILE_WIDTH * 32;
const BUNDLE_BYTES = TILE_WIDTH * (2 + 65_535);
const LOGS = 256;
const ROTATIONS = 999;
/** A log that grows meanwhile loses its partial tiles: then its newer checkpoint is taken. */
const ATTEMPTS = 10;

/** @param dir data directory of the copy; the logs lie in `log` below it. @throws GwError `audit.invalid` when a log is shorter than its copy, or lacks a file | `record.busy` */
export async function mirrorLogs(gateway: RemoteLogs, dir: string): Promise<Mirrored[]> {
  const root = join(dir, 'log');
  await mkdir(root, { recursive: true, mode: 0o700 });
  // Of two at a time, the slower one would put an older checkpoint in the place of a newer one.
  return whileLocked(
    join(root, 'mirror.lock'),
    () => new GwError('record.busy', 'Another process copies the logs to this directory.', { hint: 'Wait until it ends, or copy to another directory.' }),
    () => mirrorInto(bounded(gateway), root),
  );
}

async function mirrorInto(remote: RemoteLogs, root: string): Promise<Mirrored[]> {
  const { logs, rotations } = await remote.list();
  for (let number = 1; number <= Math.min(rotations, ROTATIONS); number++) await copy(remote, root, `rotation.${number}`, NOTE_BYTES);
  const numbers = logs.map(({ number }) => number).filter((number) => Number.isSafeInteger(number) && number >= 0 && number < LOGS);
  const mirrored: Mirrored[] = [];
  for (const number of numbers) mirrored.push(await mirrorLog(remote, root, number));
  return mirrored;
}

/** Holds the remote to what it promises: nothing larger is written. */
function bounded(remote: RemoteLogs): RemoteLogs {
  return {
    list: () => remote.list(),
    file: async (path, limit) => {
      const bytes = await remote.file(path, limit);
      if (bytes !== null && bytes.length > limit)
        throw new GwError('audit.invalid', `The gateway gave ${bytes.length} bytes for ${path}; at most ${limit} can be.`);
      return bytes;
    },
  };
}

async function mirrorLog(remote: RemoteLogs, root: string, number: number): Promise<Mirrored> {
  const directory = join(root, String(number));
  const files = new LogFiles(directory);
  const known = await files.checkpoint();
  const before = known === null ? 0 : (parseCheckpoint(known)?.checkpoint.size ?? 0);
  for (let attempt = 1; ; attempt++) {
    // Before the checkpoint, which has to cover the entry that it is a copy of.
    const pruned = await remote.file(`${number}/${PRUNED_FILE}`, LEAF_BYTES);
    const first = pruned === null ? 0 : (decodePruning(pruned)?.first ?? 0);
    const note = await remote.file(`${number}/checkpoint`, NOTE_BYTES);
    const checkpoint = note === null ? null : (parseCheckpoint(note)?.checkpoint ?? null);
    if (note === null || checkpoint === null) throw new GwError('audit.invalid', `The gateway gave no checkpoint of its log ${number}.`);
    const { origin, size } = checkpoint;
    if (size < before)
      throw new GwError('audit.invalid', `The log ${origin} has ${size} entries; the copy has ${before}.`, {
        hint: 'Keep the copy as it is: it shows what the gateway had.',
      });
    if (before > 0 && before < first)
      throw new GwError('audit.invalid', `The log ${origin} was pruned up to entry ${first}; the copy has ${before} entries, and cannot go on.`, {
        hint: 'Keep the copy as it is, and begin another one in another directory. Copy more often than the log is pruned (`retention.log`).',
      });
    if (pruned !== null && before === 0 && first > 0) await writeWhole(directory, PRUNED_FILE, pruned);
    if (!(await copyTiles(remote, directory, number, tilesBetween(before, size, before === 0 ? first : 0)))) {
      if (attempt < ATTEMPTS) continue;
      throw new GwError('audit.invalid', `The gateway does not give all files of the log ${origin}.`);
    }
    const timestamps = await copyTimestamps(remote, files, number, { size, before, first });
    await writeWhole(directory, 'checkpoint', note);
    await syncDirectories(directory, []);
    await timestamps.done();
    await removeLeftovers(directory, size);
    return { log: origin, size, added: size - before, missing: timestamps.missing };
  }
}

/** False: one is not there. */
async function copyTiles(remote: RemoteLogs, directory: string, number: number, tiles: Iterable<Tile>): Promise<boolean> {
  const paths: string[] = [];
  for (const tile of tiles) {
    const path = tilePath(tile);
    const bytes = await remote.file(`${number}/${path}`, tile.level === 'entries' ? BUNDLE_BYTES : HASHES_BYTES);
    if (bytes === null) return false;
    await writeWhole(directory, path, bytes);
    paths.push(path);
  }
  await syncDirectories(directory, paths);
  return true;
}

/** What a tree of `size` leaves has and one of `before` leaves has not, or not as wide; entries and their hashes from `first` on. Given one by one: a size is only a claim. */
function* tilesBetween(before: number, size: number, first: number): Generator<Tile> {
  for (let level = 0; levelWidth(level, size) > 0; level++) {
    const to = levelWidth(level, size);
    const from = levelWidth(level, before);
    if (to === from) continue;
    for (let index = Math.floor(from / TILE_WIDTH); index * TILE_WIDTH < to; index++) {
      const width = Math.min(TILE_WIDTH, to - index * TILE_WIDTH);
      if (level === 0 && index < bundlesBefore(first)) continue;
      if (level === 0) yield { level: 'entries', index, width };
      yield { level, index, width };
    }
  }
}

async function copy(remote: RemoteLogs, root: string, path: string, limit: number): Promise<void> {
  const bytes = await remote.file(path, limit);
  if (bytes === null) throw new GwError('audit.invalid', `The gateway does not give ${path} of its logs.`);
  await writeWhole(root, path, bytes);
  await syncDirectories(root, []);
}
