/**
 * Reads one segment frame by frame and checks lengths, hashes and the chain on the way. Its input is untrusted: whoever can write to the
 * disk wrote it. Memory is bounded by one frame, whose length is limited. Stops at the first thing that does not fit and says which.
 */
import { hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { CHAIN_BYTES, FRAME_BODY_BYTES, FRAME_COMMIT, FRAME_HEAD_BYTES, FRAME_SEAL, getU48 } from './format.js';
import { HEADER_MAX_BYTES, parseFooter, parseHeader, type SegmentFooter, type SegmentHeader } from './segment-layout.js';

export interface CommitFrame {
  readonly kind: 'frame';
  readonly offset: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly entries: number;
  readonly body: Buffer;
}

export type SegmentItem =
  | CommitFrame
  | { readonly kind: 'seal'; readonly offset: number; readonly time: number; readonly footer: SegmentFooter }
  /** Nothing more, at a frame's border; before a seal: the segment is not sealed. `ahead`: zeros follow, in the place of frames that are not written yet. */
  | { readonly kind: 'end'; readonly offset: number; readonly ahead: boolean }
  /** The file ends within a frame: torn, or being written just now. */
  | { readonly kind: 'partial'; readonly offset: number }
  | { readonly kind: 'broken'; readonly offset: number; readonly problem: string };

/** Read at once from a segment that has as much. */
const READ_BYTES = 256 * 1024;
/** Read first: the header, and all of a small segment, without a large buffer for it. Each buffer after it is as much larger as is read on. */
const FIRST_BYTES = 16 * 1024;
const GROWTH = 4;

/** A head is written last of its frame, over zeros where they were written ahead, and may be seen half done. */
function isWritten(head: Buffer): 'whole' | 'half' | 'no' {
  const [type, entries] = head.length < FRAME_HEAD_BYTES ? [0, 0] : [head.readUInt8(4), head.readUInt32BE(12)];
  if (type === FRAME_SEAL || entries !== 0) return 'whole';
  return head.every((byte) => byte === 0) ? 'no' : 'half';
}

export class SegmentReader implements AsyncDisposable {
  readonly header: SegmentHeader;
  readonly #file: FileHandle;
  readonly #chain: Buffer;
  /** Offset in the file of the next frame. */
  #offset: number;
  #buffer: Buffer;
  /** Where `#buffer` begins in the file, and how much of it is filled. */
  #bufferAt = 0;
  #filled: number;
  #sealed = false;

  private constructor(file: FileHandle, { header, chain, length }: Exclude<ReturnType<typeof parseHeader>, string>, buffer: Buffer, filled: number) {
    this.#file = file;
    this.header = header;
    this.#chain = chain;
    this.#offset = length;
    this.#buffer = buffer;
    this.#filled = filled;
  }

  /** Opens a segment; a string says why its header cannot be used. File system errors are thrown as they are. */
  static async open(path: string): Promise<SegmentReader | string> {
    const file = await open(path, 'r');
    try {
      const first = Buffer.allocUnsafe(FIRST_BYTES);
      const { bytesRead } = await file.read(first, 0, first.length, 0);
      const parsed = parseHeader(first.subarray(0, Math.min(bytesRead, HEADER_MAX_BYTES)));
      if (typeof parsed !== 'string') return new SegmentReader(file, parsed, first, bytesRead);
      await file.close();
      return parsed;
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  }

  /** The chain value after the last commit frame read. */
  get chain(): Buffer {
    return Buffer.from(this.#chain);
  }

  /** End of the last good frame. */
  get offset(): number {
    return this.#offset;
  }

  /** The next frame. After `end` or `partial` it may be called again: a live segment grows. */
  async next(): Promise<SegmentItem> {
    const offset = this.#offset;
    let head = this.#have(offset, FRAME_HEAD_BYTES);
    // What was read ahead of its frame may have been written since: the file itself is asked before a frame is said not to be there.
    if (head === null || isWritten(head) !== 'whole') {
      this.#filled = 0;
      head = (await this.#read(offset - CHAIN_BYTES, CHAIN_BYTES + FRAME_HEAD_BYTES)).subarray(CHAIN_BYTES);
    }
    if (head.length === 0) return { kind: 'end', offset, ahead: false };
    if (this.#sealed) return { kind: 'broken', offset, problem: 'there are bytes after the seal' };
    const written = isWritten(head);
    if (written !== 'whole') return written === 'no' ? { kind: 'end', offset, ahead: true } : { kind: 'partial', offset };
    const length = head.readUInt32BE(0);
    const type = head.readUInt16BE(4) >> 8;
    if (length > FRAME_BODY_BYTES) return { kind: 'broken', offset, problem: `a frame claims ${length} bytes` };
    if ((type !== FRAME_COMMIT && type !== FRAME_SEAL) || head.readUInt8(5) !== 0)
      return { kind: 'broken', offset, problem: `a frame has the unknown type ${head.readUInt16BE(4)}` };
    // The 32 bytes before a frame are the chain value that it continues, so one run of the file is what its own value is the hash of.
    const from = offset - CHAIN_BYTES;
    const size = CHAIN_BYTES + FRAME_HEAD_BYTES + length + CHAIN_BYTES;
    const all = this.#have(from, size) ?? (await this.#read(from, size));
    if (all.length < size) return { kind: 'partial', offset };
    const end = size - CHAIN_BYTES;
    const chain = hash('sha256', all.subarray(0, end), 'binary');
    if (all.compare(this.#chain, 0, CHAIN_BYTES, 0, CHAIN_BYTES) !== 0 || all.toString('binary', end) !== chain) {
      return { kind: 'broken', offset, problem: 'the hash chain does not fit' };
    }
    const time = getU48(all, CHAIN_BYTES + 6);
    const entries = all.readUInt32BE(CHAIN_BYTES + 12);
    const body = Buffer.from(all.subarray(CHAIN_BYTES + FRAME_HEAD_BYTES, end));
    if (type === FRAME_SEAL) {
      const footer = parseFooter(body);
      if (typeof footer === 'string') return { kind: 'broken', offset, problem: footer };
      this.#sealed = true;
      this.#offset = from + size;
      return { kind: 'seal', offset, time, footer };
    }
    this.#chain.write(chain, 0, CHAIN_BYTES, 'binary');
    this.#offset = from + size;
    return { kind: 'frame', offset, time, entries, body };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  /** Bytes that are in the buffer already. Valid until the next read. */
  #have(offset: number, length: number): Buffer | null {
    const from = offset - this.#bufferAt;
    return from >= 0 && from + length <= this.#filled ? this.#buffer.subarray(from, from + length) : null;
  }

  /** Up to `length` bytes at `offset`; fewer only at the end of the file. Valid until the next read. */
  async #read(offset: number, length: number): Promise<Buffer> {
    const from = offset - this.#bufferAt;
    // Move what is still wanted to the front, make room, and read on from there.
    const kept = from >= 0 && from < this.#filled ? this.#filled - from : 0;
    const room = Math.max(length, Math.min(READ_BYTES, offset < this.#buffer.length ? this.#buffer.length : GROWTH * this.#buffer.length));
    const fits = this.#buffer.length >= room && this.#buffer.length <= Math.max(READ_BYTES, 2 * length);
    const buffer = fits ? this.#buffer : Buffer.allocUnsafe(room);
    if (kept > 0) this.#buffer.copy(buffer, 0, from, this.#filled);
    this.#buffer = buffer;
    this.#bufferAt = offset;
    this.#filled = kept;
    while (this.#filled < length) {
      const { bytesRead } = await this.#file.read(buffer, this.#filled, buffer.length - this.#filled, offset + this.#filled);
      if (bytesRead === 0) break;
      this.#filled += bytesRead;
    }
    const got = buffer.subarray(0, Math.min(length, this.#filled));
    // A live file may be shortened after a failed write: what was read of an incomplete frame is not kept.
    if (got.length < length) this.#filled = 0;
    return got;
  }
}
