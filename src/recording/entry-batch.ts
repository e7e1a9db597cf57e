/**
 * The batch of entries that one `commit` writes: a preallocated Buffer that grows, laid out so that the frame needs one hash and one
 * write and no copy: `previous chain | head | body | chain`. The hash covers the first three, the write the last three. Entries are
 * written straight into it; there is no object per entry.
 */
import { hash } from 'node:crypto';
import { CHAIN_BYTES, ENTRY_HEAD_BYTES, FRAME_COMMIT, FRAME_HEAD_BYTES, setU48 } from './format.js';

const BODY = CHAIN_BYTES + FRAME_HEAD_BYTES;
const INITIAL_BYTES = 256 * 1024;
/** A buffer that grew beyond this for one batch is given back after it. */
const KEEP_BYTES = 2 << 20;
/** Shorter byte runs are copied in a loop: `set` costs more than they do. */
const LOOP_BYTES = 24;

export class EntryBatch {
  bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  /** Where the next entry goes. */
  end = BODY;
  entries = 0;

  /** Sets the chain value that the next frame continues. */
  setChain(chain: Uint8Array): void {
    this.bytes.set(chain, 0);
  }

  /** The chain value that the next frame continues, copied. */
  chain(): Buffer {
    return Buffer.from(this.bytes.subarray(0, CHAIN_BYTES));
  }

  /** Bytes of entries that wait. */
  get waiting(): number {
    return this.end - BODY;
  }

  /** Writes an entry's head and gives the offset at which the caller must now write exactly `length` payload bytes. */
  entry(kind: number, session: number, counter: number, length: number, flags = 0): number {
    const at = this.end;
    const next = at + ENTRY_HEAD_BYTES + length;
    if (next + CHAIN_BYTES > this.bytes.length) this.#grow(next + CHAIN_BYTES);
    const view = this.view;
    view.setUint32(at, ENTRY_HEAD_BYTES - 4 + length);
    view.setUint16(at + 4, (kind << 8) | flags);
    view.setUint32(at + 6, session);
    setU48(view, at + 10, counter);
    this.end = next;
    this.entries++;
    return at + ENTRY_HEAD_BYTES;
  }

  put(source: Uint8Array, at: number): void {
    if (source.length > LOOP_BYTES) {
      this.bytes.set(source, at);
      return;
    }
    const bytes = this.bytes;
    for (let i = 0; i < source.length; i++) bytes[at + i] = source[i] as number;
  }

  /** Completes the frame: head and chain. What has to be written is `bytes` from `CHAIN_BYTES` to the returned end. */
  seal(time: number): number {
    const view = this.view;
    view.setUint32(CHAIN_BYTES, this.end - BODY);
    view.setUint16(CHAIN_BYTES + 4, FRAME_COMMIT << 8);
    setU48(view, CHAIN_BYTES + 6, time);
    view.setUint32(CHAIN_BYTES + 12, this.entries);
    // A binary string out of `hash` costs half of what a Buffer does for batches of one operation.
    this.bytes.write(hash('sha256', this.bytes.subarray(0, this.end), 'binary'), this.end, CHAIN_BYTES, 'binary');
    return this.end + CHAIN_BYTES;
  }

  /** The frame is in the kernel: its chain value becomes the previous one and the batch is empty. */
  clear(): void {
    this.bytes.copyWithin(0, this.end, this.end + CHAIN_BYTES);
    this.end = BODY;
    this.entries = 0;
    if (this.bytes.length > KEEP_BYTES) this.#move(INITIAL_BYTES, CHAIN_BYTES);
  }

  #grow(need: number): void {
    let size = this.bytes.length;
    while (size < need) size *= 2;
    this.#move(size, this.end);
  }

  #move(size: number, keep: number): void {
    const bytes = Buffer.allocUnsafeSlow(size);
    bytes.set(this.bytes.subarray(0, keep), 0);
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}
