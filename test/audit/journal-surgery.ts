/** Takes segments of a journal apart into frames and entries, and writes them anew so that hashes, seals and roots fit: what the owner of a disk can do. */
import { hash } from 'node:crypto';
import { MerkleTree } from '../../src/recording/merkle-tree.js';
import { encodeSeal, leafBytes, type SessionRange } from '../../src/recording/segment-layout.js';

export interface JournalEntry {
  readonly kind: number;
  readonly session: number;
  counter: number;
  payload: Buffer;
}

const HEAD = 16;
const CHAIN = 32;

/** A segment's header, and each of its frames with its chain value, as they lie there. */
export function readFrames(segment: Buffer): { readonly head: Buffer; readonly frames: Buffer[] } {
  const length = segment.readUInt16BE(6);
  const frames: Buffer[] = [];
  for (let at = length; at < segment.length; ) {
    const end = at + HEAD + segment.readUInt32BE(at) + CHAIN;
    frames.push(segment.subarray(at, end));
    at = end;
  }
  return { head: segment.subarray(0, length), frames };
}

export function writeFrames(head: Buffer, frames: readonly Buffer[]): Buffer {
  return Buffer.concat([head, ...frames]);
}

/** Changes entries and numbers those of each session anew; then everything that is computed is computed again. */
export function rewriteJournal(segments: readonly Buffer[], change: (entries: JournalEntry[]) => void): Buffer[] {
  const parsed = segments.map((segment) => {
    const { head, frames } = readFrames(segment);
    const seal = frames.at(-1) as Buffer;
    return { head: Buffer.from(head), seal, frames: frames.slice(0, -1).map((frame) => ({ time: frame.readUIntBE(6, 6), entries: entriesOf(frame) })) };
  });
  const all = parsed.flatMap(({ frames }) => frames.flatMap(({ entries }) => entries));
  const left = [...all];
  change(left);
  const kept = new Set(left);
  const counters = new Map<number, number>();
  for (const entry of left) {
    entry.counter = (counters.get(entry.session) ?? 0) + 1;
    counters.set(entry.session, entry.counter);
    if (entry.kind === 2) entry.payload.writeUIntBE(entry.counter, 0, 6);
  }
  let previous = Buffer.alloc(CHAIN);
  return parsed.map(({ head, seal, frames }) => {
    previous.copy(head, 18);
    hash('sha256', head.subarray(0, -CHAIN), 'buffer').copy(head, head.length - CHAIN);
    let chain: Buffer = Buffer.from(head.subarray(-CHAIN));
    const tree = new MerkleTree();
    const sessions = new Map<number, { session: number; first: number; last: number }>();
    const out: Buffer[] = [];
    for (const { time, entries } of frames) {
      const there = entries.filter((entry) => kept.has(entry));
      const raws = there.map(encode);
      for (const [at, { session, counter }] of there.entries()) {
        tree.add(leafBytes(time, (raws[at] as Buffer).subarray(4)));
        const range = sessions.get(session);
        if (range === undefined) sessions.set(session, { session, first: counter, last: counter });
        else range.last = counter;
      }
      const body = Buffer.concat(raws);
      const frameHead = Buffer.alloc(HEAD);
      frameHead.writeUInt32BE(body.length, 0);
      frameHead.writeUInt8(1, 4);
      frameHead.writeUIntBE(time, 6, 6);
      frameHead.writeUInt32BE(there.length, 12);
      const whole = Buffer.concat([frameHead, body]);
      chain = hash('sha256', Buffer.concat([chain, whole]), 'buffer');
      out.push(whole, chain);
    }
    previous = Buffer.from(chain);
    const ranges: SessionRange[] = [...sessions.values()];
    const footer = { entries: tree.leaves, frames: frames.length, root: tree.root(), final: seal.readUInt8(HEAD + 12) === 1, sessions: ranges };
    return Buffer.concat([head, ...out, encodeSeal(footer, chain, seal.readUIntBE(6, 6))]);
  });
}

function entriesOf(frame: Buffer): JournalEntry[] {
  const body = frame.subarray(HEAD, -CHAIN);
  const entries: JournalEntry[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 4 + body.readUInt32BE(at);
    entries.push({
      kind: body.readUInt8(at + 4),
      session: body.readUInt32BE(at + 6),
      counter: body.readUIntBE(at + 10, 6),
      payload: Buffer.from(body.subarray(at + 16, end)),
    });
    at = end;
  }
  return entries;
}

function encode({ kind, session, counter, payload }: JournalEntry): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32BE(12 + payload.length, 0);
  head.writeUInt8(kind, 4);
  head.writeUInt32BE(session, 6);
  head.writeUIntBE(counter, 10, 6);
  return Buffer.concat([head, payload]);
}
