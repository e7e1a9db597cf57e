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
  #queued = 0;
  /** The read buffer whose bytes are passing just now, when it is one that will be used again. */
  volatile: ReadBuffer | null = null;

  /** `copy`: bytes wait longer than the turn (strict durability), so nothing may stay in a buffer that is read into again. */
  constructor(stream: Duplex, copy: boolean) {
    this.#stream = stream;
    this.#copy = copy;
  }

  get queued(): number {
    return this.#queued;
  }

  /** Bytes given to the stream and not yet taken by the kernel. */
  get backlog(): number {
    return this.#stream.writableLength;
  }

  /** Queues `chunk`. True: it must leave before its buffer is read into again, so the turn must end now. */
  push(chunk: Uint8Array): boolean {
    if (chunk.length === 0) return false;
    const volatile = this.volatile;
    if (volatile === null || chunk.buffer !== volatile.memory) {
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

  /** Writes everything queued. */
  release(): void {
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    this.#queued = 0;
    this.#pieces = [];
    const stream = this.#stream;
    if (stream.destroyed || stream.writableEnded) return;
    if (pieces.length === 1) {
      this.#write(pieces[0] as Uint8Array);
      return;
    }
    stream.cork();
    for (const piece of pieces) this.#write(piece);
    stream.uncork();
  }

  #write(piece: Uint8Array): void {
    const volatile = this.volatile;
    if (volatile?.exclusive === true && piece.buffer === volatile.memory) this.#stream.write(piece, volatile.hold());
    else this.#stream.write(piece);
  }

  drop(): void {
    this.#pieces = [];
    this.#queued = 0;
  }
}
