/**
 * Timestamps as they lie in a log: `timestamp/SIZE.checkpoint`, the signed note that was stamped, byte for byte, and `timestamp/SIZE.tsr`, the answer of
 * the authority, so that `openssl ts -verify` takes both as they are. The response is written first: a checkpoint here has one.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DRAFT_SUFFIX, syncDirectories, writeWhole } from '../../base/durable-file.js';
import { readBounded } from '../bounded-file.js';
import { NOTE_BYTES } from '../signed-note.js';
import { RESPONSE_BYTES } from './timestamp-token.js';

const DIRECTORY = 'timestamp';
/** No file of a timestamp is larger. */
export const TIMESTAMP_BYTES = Math.max(NOTE_BYTES, RESPONSE_BYTES);
const NAME = /^(0|[1-9]\d{0,15})\.(checkpoint|tsr)$/;

export interface KeptTimestamps {
  /** Sizes of the checkpoints that have a file of either kind, ascending. */
  readonly sizes: readonly number[];
  /** Those of which there is the response alone: a process died between the two. */
  readonly begun: ReadonlySet<number>;
  /** Files that are neither. */
  readonly strangers: readonly string[];
}

export async function listTimestamps(log: string): Promise<KeptTimestamps> {
  const names = await readdir(join(log, DIRECTORY)).catch(noneYet);
  const checkpoints = new Set<number>();
  const responses = new Set<number>();
  const strangers: string[] = [];
  for (const name of names) {
    const [, size, kind] = NAME.exec(name) ?? [];
    if (size !== undefined) (kind === 'tsr' ? responses : checkpoints).add(Number(size));
    else if (!name.endsWith(DRAFT_SUFFIX)) strangers.push(`${DIRECTORY}/${name}`);
  }
  const begun = new Set([...responses].filter((size) => !checkpoints.has(size)));
  return { sizes: [...new Set([...checkpoints, ...responses])].sort((a, b) => a - b), begun, strangers };
}

/** Paths below the log's directory, in the order in which they are written. */
export function timestampPaths(size: number): readonly [response: string, checkpoint: string] {
  return [`${DIRECTORY}/${size}.tsr`, `${DIRECTORY}/${size}.checkpoint`];
}

/** null for each file that is not there or larger than one can be. */
export async function readTimestamp(log: string, size: number): Promise<{ readonly checkpoint: Buffer | null; readonly response: Buffer | null }> {
  const [response, checkpoint] = timestampPaths(size);
  return { checkpoint: await readBounded(join(log, checkpoint), NOTE_BYTES), response: await readBounded(join(log, response), RESPONSE_BYTES) };
}

/** On disk when it resolves. */
export async function keepTimestamp(log: string, size: number, checkpoint: Buffer, response: Buffer): Promise<void> {
  const paths = timestampPaths(size);
  await writeWhole(log, paths[0], response);
  await writeWhole(log, paths[1], checkpoint);
  await syncDirectories(log, paths);
}

function noneYet(thrown: unknown): [] {
  if (thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR')) return [];
  throw thrown;
}
