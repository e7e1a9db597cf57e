/**
 * The timestamps of one log for its verifier: each is of a checkpoint that a known key signed and that the log continues, each that the log tells of is
 * there unchanged, and the times that entries say lie on the right side of it: entries before it are not later, entries after it are not dated back
 * before it. This is what shows a key's owner who writes a whole tail anew with times of the past. All input is untrusted.
 */
import { hash, type X509Certificate } from 'node:crypto';
import { GwError } from '../../contract/gw-error.js';
import { type AuditLeaf, decodeLeaf } from '../audit-leaf.js';
import { type Checkpoint, parseCheckpoint } from '../checkpoint.js';
import type { LogFiles } from '../log-files.js';
import type { Note } from '../signed-note.js';
import { TILE_WIDTH } from '../tile-layout.js';
import { listTimestamps, readTimestamp } from './kept-timestamps.js';
import { type VerifiedTimestamp, verifyTimestamp } from './verify-timestamp.js';

/** How far the clocks of a gateway and of an authority may be apart, the time that the answer took included, milliseconds. */
export const CLOCK_TOLERANCE_MS = 600_000;
/** More than any log has: one each minute for a hundred days. */
const LIMIT = 150_000;

export interface TimestampChecks {
  /** Index of the first entry that is kept: timestamps of smaller sizes went with the entries before it. */
  readonly first: number;
  /** Certificates of authorities that are trusted; none: nobody vouches for who signed. */
  readonly roots: readonly X509Certificate[];
  /** Whether the checkpoint is one of this log: signed by a key that counts, continued by what is there now. */
  readonly isOfLog: (checkpoint: Checkpoint, note: Note) => Promise<boolean>;
  readonly report: (index: number | null, message: string) => void;
}

/** What entries of kind `log.timestamp` say: size of the checkpoint to the SHA-256 of the response, hex, and where it says so. */
export class ToldTimestamps {
  readonly #told = new Map<number, { readonly response: string; readonly index: number }>();

  take({ kind, data, n }: AuditLeaf): void {
    if (kind === 'log.timestamp' && this.#told.size < LIMIT) this.#told.set(Number(data['size']), { response: String(data['response']), index: n });
  }

  get entries(): ReadonlyMap<number, { readonly response: string; readonly index: number }> {
    return this.#told;
  }
}

/** @returns how many timestamps the log has that hold */
export async function checkTimestamps(
  files: LogFiles,
  now: Checkpoint,
  told: ToldTimestamps,
  { first, roots, isOfLog, report }: TimestampChecks,
): Promise<number> {
  const { sizes, begun, strangers } = await listTimestamps(files.directory);
  for (const path of strangers) report(null, `the file ${path} is not part of the log`);
  let good = 0;
  for (const size of sizes) {
    if (size < first) continue;
    const { checkpoint: note, response } = await readTimestamp(files.directory, size);
    const said = told.entries.get(size);
    if (note === null || response === null) {
      if (!begun.has(size) || said !== undefined) report(said?.index ?? null, `one of the two files of the timestamp of size ${size} is missing or too large`);
      continue;
    }
    const parsed = parseCheckpoint(note);
    if (parsed === null || parsed.checkpoint.size !== size || !(await isOfLog(parsed.checkpoint, parsed.note))) {
      report(null, `the timestamp of size ${size} is not over a checkpoint of this log`);
      continue;
    }
    const found = verified(response, note, roots);
    if (typeof found === 'string') report(null, `the timestamp of size ${size}: ${found}`);
    else if (said !== undefined && said.response !== hash('sha256', response, 'hex'))
      report(said.index, `the timestamp of size ${size} is not the one that the log tells of`);
    else if (await timesFit(files, size, now.size, found, report)) good++;
  }
  const there = new Set(sizes);
  for (const [size, { index }] of told.entries)
    if (size >= first && !there.has(size)) report(index, `the timestamp of size ${size} that the log tells of is missing`);
  return good;
}

function verified(response: Buffer, note: Buffer, roots: readonly X509Certificate[]): VerifiedTimestamp | string {
  try {
    return verifyTimestamp(response, note, roots);
  } catch (thrown) {
    if (thrown instanceof GwError && thrown.code === 'audit.invalid') return thrown.message;
    throw thrown;
  }
}

/** Entries that cannot be read are reported as such by who reads all. */
async function timesFit(
  files: LogFiles,
  size: number,
  end: number,
  { time, accuracy }: VerifiedTimestamp,
  report: TimestampChecks['report'],
): Promise<boolean> {
  const tolerance = CLOCK_TOLERANCE_MS + accuracy;
  const said = new Date(time).toISOString();
  const before = await timeOf(files, size - 1, end);
  const after = await timeOf(files, size, end);
  if (before !== null && before > time + tolerance) {
    report(size - 1, `it says a time after ${said}, when its checkpoint was timestamped already`);
    return false;
  }
  if (after !== null && after < time - tolerance) {
    report(size, `it says a time before ${said}, when the checkpoint before it was timestamped: it was dated back`);
    return false;
  }
  return true;
}

async function timeOf(files: LogFiles, index: number, size: number): Promise<number | null> {
  if (index < 0 || index >= size) return null;
  const leaves = await files.bundle(Math.floor(index / TILE_WIDTH), size);
  const time = Date.parse(decodeLeaf(leaves?.[index % TILE_WIDTH] ?? Buffer.alloc(0))?.time ?? '');
  return Number.isNaN(time) ? null : time;
}
