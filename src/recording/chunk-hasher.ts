/**
 * Hashes full chunks of long results off the event loop: a fixed number of 1 MiB buffers goes round between the streams that fill them and
 * the worker thread. When all are out, `take` gives null and the stream hashes that chunk itself, so memory is bounded and a slow thread
 * slows bulk transfers down instead of growing a queue. The buffers are shared with the thread once and for all: handing memory over with
 * each message had V8 collect garbage all the time, a third of all that a bulk transfer cost.
 *
 * Where no processor is free the thread would only take its time from the client and the server of the transfer, and what has just been read costs
 * more to hash there (21 µs for 32 KiB, on another core and after a copy) than here (15 µs): then the streams hash by themselves, too.
 */
import { hash } from 'node:crypto';
import { Crowd } from '../base/crowd.js';
import type { Logger } from '../base/logger.js';
import { BackgroundThread } from './background-thread.js';
import { CHUNK_BYTES } from './format.js';

const BUFFERS = 16;
/** Hashing this much takes about as long as handing it over. */
const INLINE_BYTES = 32 * 1024;
/** Milliseconds between two looks at how crowded the machine is. */
const LOOK = 50;

/** Called with the digest of a chunk, or null when it is lost because the thread died with it. */
export type ChunkDone = (digest: Uint8Array | null) => void;

export class ChunkHasher {
  readonly #memory = new SharedArrayBuffer(BUFFERS * CHUNK_BYTES);
  readonly #thread: BackgroundThread;
  readonly #free: Buffer[] = [];
  readonly #crowd: Crowd;

  constructor(logger: Logger, crowd = new Crowd(LOOK)) {
    this.#crowd = crowd;
    this.#thread = new BackgroundThread(logger, { patient: false, memory: this.#memory });
    for (let i = BUFFERS - 1; i >= 0; i--) this.#free.push(Buffer.from(this.#memory, i * CHUNK_BYTES, CHUNK_BYTES));
  }

  /** A buffer of `CHUNK_BYTES` to fill, or null when none is free or nobody would hash it sooner. Give it to `submit` or `release`. */
  take(): Buffer | null {
    if (!this.#thread.available || this.#crowd.perCore(performance.now()) >= 1) return null;
    return this.#free.pop() ?? null;
  }

  release(buffer: Buffer): void {
    this.#free.push(buffer);
  }

  /** Hashes the first `length` bytes; `buffer` belongs to the hasher from here on. `done` may be called before this returns. */
  submit(buffer: Buffer, length: number, done: ChunkDone): void {
    if (length <= INLINE_BYTES || !this.#thread.available) {
      const digest = hash('sha256', buffer.subarray(0, length), 'buffer');
      this.release(buffer);
      done(digest);
      return;
    }
    this.#thread.chunk(buffer.byteOffset, length, (reply) => {
      this.release(buffer);
      done(reply?.kind === 'chunk' ? reply.digest : null);
    });
  }

  async close(): Promise<void> {
    await this.#thread.close();
  }
}
