/**
 * Memory for reads from targets. Idle and chatty sessions share one buffer per process, so a thousand of them cost one; a session in bulk
 * gets large buffers of its own, each used again when the write of its bytes is over. That is what lets whole runs of rows go from socket
 * to socket without a copy (perf.md), at a constant memory cost.
 */

const SHARED_SIZE = 64 * 1024;
const BULK_SIZE = 512 * 1024;
/** Free bulk buffers kept for the next session in bulk. */
const POOL_LIMIT = 16;

const shared = new Uint8Array(new ArrayBuffer(SHARED_SIZE));
const pool: Uint8Array[] = [];

export class ReadBuffer {
  #current: Uint8Array = shared;
  /** Writes still holding each bulk buffer. */
  #holds = new Map<Uint8Array, number>();
  #full = 0;
  /** Set when the session is over: the buffer into which its socket may still read. */
  #retired: Uint8Array | null = null;

  /** The buffer for the next read. Node asks after each read (`onread.buffer`). */
  readonly next = (): Uint8Array => this.#current;

  /** True when bytes of the read in hand may stay where they are until their write is over. */
  get exclusive(): boolean {
    return this.#current !== shared;
  }

  get memory(): ArrayBufferLike {
    return this.#current.buffer;
  }

  /** A write holds the current buffer until the returned function is called. */
  hold(): () => void {
    const buffer = this.#current;
    this.#holds.set(buffer, (this.#holds.get(buffer) ?? 0) + 1);
    return () => {
      const left = (this.#holds.get(buffer) ?? 1) - 1;
      if (left > 0) this.#holds.set(buffer, left);
      else {
        this.#holds.delete(buffer);
        if (buffer !== this.#current && buffer !== this.#retired && pool.length < POOL_LIMIT) pool.push(buffer);
      }
    };
  }

  /** After each read of `size` bytes was dealt with: chooses the buffer of the next one. */
  advance(size: number): void {
    if (this.#retired !== null) return;
    if (this.#current === shared) {
      // Two full reads in a row: this is bulk.
      this.#full = size === SHARED_SIZE ? this.#full + 1 : 0;
      if (this.#full >= 2) this.#current = pool.pop() ?? new Uint8Array(new ArrayBuffer(BULK_SIZE));
      return;
    }
    const held = this.#holds.has(this.#current);
    if (size < SHARED_SIZE / 2 && !held) this.leave();
    else if (held) this.#current = pool.pop() ?? new Uint8Array(new ArrayBuffer(BULK_SIZE));
  }

  /**
   * The session is over. Its socket learns of another buffer only after its next read, so the current one is given to nobody: another
   * session would find bytes of this one in it.
   */
  retire(): void {
    this.#retired ??= this.#current;
    this.#current = shared;
  }

  /** Back to the shared buffer. Only from within a read: the socket takes the next buffer right after it. */
  leave(): void {
    const buffer = this.#current;
    this.#current = shared;
    this.#full = 0;
    if (buffer !== shared && !this.#holds.has(buffer) && pool.length < POOL_LIMIT) pool.push(buffer);
  }
}
