/**
 * Seals a segment: reads it once, computes the Merkle root over its entries and appends the footer frame. Runs on the journal's worker
 * thread, or on the event loop in slices short enough not to be felt. A segment that does not verify is never sealed.
 */
import { open } from 'node:fs/promises';
import { GwError } from '../contract/gw-error.js';
import { EntryCursor } from './entry-decoder.js';
import { MerkleTree } from './merkle-tree.js';
import { encodeSeal, leafBytes, type SegmentFooter, type SessionRange } from './segment-layout.js';
import { SegmentReader } from './segment-reader.js';

/** The segment does not verify: no later attempt would change that. */
export class DamagedSegment extends GwError {
  readonly problem: string;

  constructor(problem: string) {
    super('recording.failed', `A segment of the journal cannot be sealed: ${problem}.`, { hint: 'Keep the file, and run the verification of the journal.' });
    this.problem = problem;
  }
}

export interface SealOptions {
  /** Whether this is the journal's last segment. */
  readonly final: boolean;
  /** Time of the footer, milliseconds since the epoch. */
  readonly time: number;
}

/** Entries hashed before the event loop gets its turn: a fraction of a millisecond. */
const SLICE = 256;

/** @throws DamagedSegment when the segment does not verify; errors of the file system as they are. Sealed already: nothing happens. */
export async function sealSegment(path: string, options: SealOptions): Promise<SegmentFooter> {
  const reader = await SegmentReader.open(path);
  if (typeof reader === 'string') throw new DamagedSegment(reader);
  const tree = new MerkleTree();
  const sessions = new Map<number, { session: number; first: number; last: number }>();
  let frames = 0;
  let torn = false;
  try {
    for (;;) {
      const item = await reader.next();
      if (item.kind === 'seal') return item.footer;
      torn = item.kind !== 'frame' && !(item.kind === 'end' && !item.ahead);
      if (item.kind === 'broken') throw new DamagedSegment(item.problem);
      if (item.kind !== 'frame') break;
      frames++;
      const cursor = new EntryCursor(item.body, item.entries);
      for (let found = cursor.next(); found !== undefined; found = cursor.next()) {
        if (found !== null) throw new DamagedSegment(found);
        const { session, counter } = cursor;
        tree.add(leafBytes(item.time, item.body, cursor.start, cursor.end));
        const range = sessions.get(session);
        if (range === undefined) sessions.set(session, { session, first: counter, last: counter });
        else range.last = counter;
        if (tree.leaves % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const ranges: SessionRange[] = [...sessions.values()];
    const footer: SegmentFooter = { entries: tree.leaves, frames, root: tree.root(), final: options.final, sessions: ranges };
    const seal = encodeSeal(footer, reader.chain, options.time);
    if (torn && !(await beginsLike(path, reader.offset, seal))) throw new DamagedSegment('its last frame is torn');
    await append(path, reader.offset, seal);
    return footer;
  } finally {
    await reader[Symbol.asyncDispose]();
  }
}

/** Length and type of a frame. */
const SAME_BYTES = 6;

/** Whether all that stands at `offset` is the beginning of such a seal: an attempt before could not write the rest, nor cut that off. */
async function beginsLike(path: string, offset: number, seal: Buffer): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(seal.length), 0, seal.length, offset);
    const same = Math.min(SAME_BYTES, bytesRead);
    return bytesRead < seal.length && buffer.compare(seal, 0, same, 0, same) === 0;
  } finally {
    await file.close();
  }
}

async function append(path: string, offset: number, bytes: Buffer): Promise<void> {
  const file = await open(path, 'r+');
  try {
    for (let from = 0; from < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, from, bytes.length - from, offset + from);
      from += bytesWritten;
    }
    await file.datasync();
  } catch (thrown) {
    await file.truncate(offset);
    throw thrown;
  } finally {
    await file.close();
  }
}
