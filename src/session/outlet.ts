/**
 * One direction's way out of a session: queues what may leave when the turn ends, then writes it with as few system calls as possible.
 * Small pieces of a reused read buffer are copied; large ones leave at once (after a commit) straight from where they were read.
 */
import type { Duplex } from 'node:stream';
import type { ReadBuffer } from './read-buffer.js';

const SMALL = 16 * 1024;

export class Outlet {
  readonly #stream: Duplex;
  readonly #copy: boolean;
  #pieces: Uint8Array[] = [];
  /** Pieces of turns that are committed and wait for the disk, oldest first. */
  readonly #sealed: Uint8Array[][] = [];
  #queued = 0;
  /** What to call when a piece is out. */
  readonly #written = new Map<Uint8Array, () => void>();
  /** The read buffer whose bytes are passing just now, when it is one that will be used again. */
  volatile: ReadBuffer | null = null;

  /** `copy`: bytes wait longer than the turn (for the disk), so nothing may stay in a buffer that is read into again. */
  constructor(stream: Duplex, copy: boolean) {
    this.#stream = stream;
    this.#copy = copy;
  }

  /** Bytes that wait for their record. */
  get queued(): number {
    return this.#queued;
  }

  /** Whether something was queued since the last `seal`. */
  get fresh(): boolean {
    return this.#pieces.length > 0;
  }

  /** Bytes that have not left this process. */
  get waiting(): number {
    return this.#queued + this.#stream.writableLength;
  }

  /** Bytes given to the stream and not yet taken by the kernel. */
  get backlog(): number {
    return this.#stream.writableLength;
  }

  /** Queues `chunk`; `written`, for memory of the engine's own, is called when it is out, not when it is dropped. True: it must leave before its buffer is read into again, so the turn must end now. */
  push(chunk: Uint8Array, written?: () => void): boolean {
    if (chunk.length === 0) return false;
    const volatile = this.volatile;
    if (volatile === null || chunk.buffer !== volatile.memory) {
      if (written !== undefined) this.#written.set(chunk, written);
      this.#pieces.push(chunk);
      this.#queued += chunk.length;
      return false;
    }
    this.#queued += chunk.length;
    if (chunk.length <= SMALL || this.#copy || !volatile.exclusive) {
      this.#pieces.push(Buffer.from(chunk));
      return false;
    }
    this.#pieces.push(chunk);
    return true;
  }

  /** What was queued so far is in the journal: the next `release` writes that, and nothing that comes after it. */
  seal(): void {
    this.#sealed.push(this.#pieces);
    this.#pieces = [];
  }

  /** Writes the oldest sealed pieces, or, when nothing was sealed, everything queued. */
  release(): void {
    const sealed = this.#sealed.shift();
    const pieces = sealed ?? this.#pieces;
    if (pieces.length === 0) return;
    if (sealed === undefined) {
      this.#queued = 0;
      this.#pieces = [];
    } else for (const piece of pieces) this.#queued -= piece.length;
    const stream = this.#stream;
    if (stream.destroyed || stream.writableEnded) return;
    if (pieces.length === 1) {
      this.#write(pieces[0] as Uint8Array);
      return;
    }
    // One write of a few bytes more is cheaper than one call with a list (writev), which Node makes of corked pieces.
    let length = 0;
    for (const piece of pieces) length += piece.length;
    if (length <= SMALL) {
      stream.write(Buffer.concat(pieces, length));
      for (const piece of pieces) this.#takeWritten(piece)?.();
      return;
    }
    stream.cork();
    for (const piece of pieces) this.#write(piece);
    stream.uncork();
  }

  #write(piece: Uint8Array): void {
    const volatile = this.volatile;
    if (volatile?.exclusive === true && piece.buffer === volatile.memory) this.#stream.write(piece, volatile.hold());
    else this.#stream.write(piece, this.#takeWritten(piece));
  }

  #takeWritten(piece: Uint8Array): (() => void) | undefined {
    if (this.#written.size === 0) return undefined;
    const written = this.#written.get(piece);
    this.#written.delete(piece);
    return written;
  }

  /** The session is over and recorded. */
  releaseAll(): void {
    while (this.#sealed.length > 0) this.release();
    this.release();
  }

  drop(): void {
    this.#sealed.length = 0;
    this.#pieces = [];
    this.#written.clear();
    this.#queued = 0;
  }
}
