/**
 * Hashes full chunks of long results off the event loop: a fixed number of 1 MiB buffers goes round between the streams that fill them and
 * the worker thread. When all are out, `take` gives null and the stream hashes that chunk itself, so memory is bounded and a slow thread
 * slows bulk transfers down instead of growing a queue.
 */
import { hash, webcrypto } from 'node:crypto';
import type { BackgroundThread } from './background-thread.js';
import { CHUNK_BYTES } from './format.js';

const BUFFERS = 16;
/** Hashing this much takes about as long as handing it over. */
const INLINE_BYTES = 32 * 1024;

/** Called with the digest of a chunk, or null when it is lost because the thread died with it. */
export type ChunkDone = (digest: Uint8Array | null) => void;

export class ChunkHasher {
  readonly #thread: BackgroundThread;
  readonly #free: Buffer[] = [];
  #made = 0;

  constructor(thread: BackgroundThread) {
    this.#thread = thread;
  }

  /** A buffer of `CHUNK_BYTES` to fill, or null when none is free. Give it to `submit` or `release`. */
  take(): Buffer | null {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#made >= BUFFERS) return null;
    this.#made++;
    return Buffer.from(new ArrayBuffer(CHUNK_BYTES));
  }

  release(buffer: Buffer): void {
    this.#free.push(buffer);
  }

  /** Hashes the first `length` bytes; `buffer` belongs to the hasher from here on. `done` may be called before this returns. */
  submit(buffer: Buffer, length: number, done: ChunkDone): void {
    if (length <= INLINE_BYTES) {
      const digest = hash('sha256', buffer.subarray(0, length), 'buffer');
      this.release(buffer);
      done(digest);
      return;
    }
    if (this.#thread.available) {
      this.#thread.chunk(buffer.buffer as ArrayBuffer, length, (reply) => {
        if (reply?.kind !== 'chunk') {
          this.#made--; // the buffer went down with the thread
          done(null);
          return;
        }
        this.release(Buffer.from(reply.buffer));
        done(reply.digest);
      });
      return;
    }
    webcrypto.subtle.digest('SHA-256', buffer.subarray(0, length)).then(
      (digest) => {
        this.release(buffer);
        done(new Uint8Array(digest));
      },
      () => {
        this.release(buffer);
        done(null);
      },
    );
  }
}
