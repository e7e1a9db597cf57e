/**
 * Count and digest of one byte stream of an operation (a result as delivered, or a COPY in). The digest is SHA-256 over the SHA-256
 * digests of the stream's consecutive 1 MiB chunks, so that chunks can be hashed elsewhere and at the same time. Only streams longer than
 * the cap need it: the first bytes are kept in a small buffer, and thrown away when the stream ends below the cap.
 *
 * A stream whose digest is for people (the content of a file) is hashed as it is instead, once for them and for the journal.
 */
import { createHash, type Hash, hash } from 'node:crypto';
import { GwError } from '../contract/gw-error.js';
import type { ChunkHasher } from './chunk-hasher.js';
import { CHUNK_BYTES } from './format.js';

const SMALL_INITIAL = 512;
const SMALL_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

/**
 * Into memory that threads share. V8 copies there byte by byte with `set` when one side is not aligned (7 µs for 32 KiB); `fill` with a value
 * of the length that is to be filled is one move of memory (1 µs).
 */
function put(bytes: Uint8Array, shared: Buffer, at: number): void {
  if (bytes.length > 0) shared.fill(bytes, at, at + bytes.length);
}

/** Called once with the digest, or null when a chunk of it was lost. */
export type DigestDone = (digest: Buffer | null) => void;

export class StreamDigest {
  readonly #hasher: ChunkHasher;
  total = 0;
  /** Bytes that went into the journal; the rest is only counted. */
  recorded = 0;
  cut = false;
  /** Kept across uses: most results are small. */
  #small = NOTHING;
  /** A chunk buffer of the hasher, once `#small` is too small. */
  #chunk: Buffer | null = null;
  /** Hashes the stream as it is; null: in chunks. */
  #plain: Hash | null = null;
  /** Hashes the current chunk here, when no buffer was free. */
  #inline: Hash | null = null;
  #fill = 0;
  #outer: Hash | null = null;
  #chunks = 0;
  #drained = 0;
  #early: Map<number, Uint8Array | null> | null = null;
  #lost = false;
  #done: DigestDone | null = null;

  constructor(hasher: ChunkHasher) {
    this.#hasher = hasher;
  }

  /** No chunk is being hashed elsewhere: the object may be used again. */
  get idle(): boolean {
    return this.#drained === this.#chunks;
  }

  /** Makes the object ready for another stream. Only when `idle`. */
  reset(): void {
    if (this.#chunk !== null) this.#hasher.release(this.#chunk);
    this.#chunk = null;
    this.#plain = null;
    this.#inline = null;
    this.#outer = null;
    this.#done = null;
    this.#lost = false;
    this.total = this.recorded = this.#fill = this.#chunks = this.#drained = 0;
    this.cut = false;
  }

  /** From its first byte on the stream is hashed as it is. */
  hashPlain(): void {
    this.#plain = createHash('sha256');
  }

  get plain(): boolean {
    return this.#plain !== null;
  }

  /** SHA-256 of the stream so far. Only when `plain`. */
  plainDigest(): Buffer {
    if (this.#plain === null) throw new GwError('internal.error', 'The digest of a stream was asked for that is hashed in chunks.');
    return this.#plain.copy().digest();
  }

  add(bytes: Uint8Array): void {
    this.total += bytes.length;
    if (this.#plain !== null) {
      this.#plain.update(bytes);
      return;
    }
    let at = 0;
    while (at < bytes.length) {
      const take = Math.min(CHUNK_BYTES - this.#fill, bytes.length - at);
      this.#keep(take === bytes.length ? bytes : bytes.subarray(at, at + take));
      at += take;
      if (this.#fill === CHUNK_BYTES) this.#closeChunk();
    }
  }

  /** The stream is complete. `done` is called when all chunks are hashed, perhaps before this returns. */
  finish(done: DigestDone): void {
    if (this.#plain !== null) {
      done(this.#plain.digest());
      return;
    }
    if (this.#fill > 0) this.#closeChunk();
    this.#done = done;
    this.#drain();
  }

  #keep(bytes: Uint8Array): void {
    const need = this.#fill + bytes.length;
    if (this.#inline !== null) this.#inline.update(bytes);
    else if (this.#chunk !== null) put(bytes, this.#chunk, this.#fill);
    else if (need <= SMALL_BYTES) {
      if (need > this.#small.length) this.#growSmall(need);
      this.#small.set(bytes, this.#fill);
    } else {
      const head = this.#small.subarray(0, this.#fill);
      const chunk = this.#hasher.take();
      if (chunk === null) this.#inline = createHash('sha256').update(head).update(bytes);
      else {
        put(head, chunk, 0);
        put(bytes, chunk, this.#fill);
        this.#chunk = chunk;
      }
    }
    this.#fill = need;
  }

  #growSmall(need: number): void {
    let size = Math.max(SMALL_INITIAL, this.#small.length);
    while (size < need) size *= 2;
    const grown = Buffer.allocUnsafeSlow(size);
    grown.set(this.#small.subarray(0, this.#fill), 0);
    this.#small = grown;
  }

  #closeChunk(): void {
    const index = this.#chunks++;
    const length = this.#fill;
    this.#fill = 0;
    if (this.#inline !== null) {
      const digest = this.#inline.digest();
      this.#inline = null;
      this.#arrived(index, digest);
    } else if (this.#chunk !== null) {
      const chunk = this.#chunk;
      this.#chunk = null;
      this.#hasher.submit(chunk, length, (digest) => this.#arrived(index, digest));
    } else this.#arrived(index, hash('sha256', this.#small.subarray(0, length), 'buffer'));
  }

  #arrived(index: number, digest: Uint8Array | null): void {
    if (index === this.#drained) this.#take(digest);
    else (this.#early ??= new Map()).set(index, digest);
    let early = this.#early?.get(this.#drained);
    while (early !== undefined) {
      this.#early?.delete(this.#drained);
      this.#take(early);
      early = this.#early?.get(this.#drained);
    }
    this.#drain();
  }

  #take(digest: Uint8Array | null): void {
    this.#drained++;
    if (digest === null) this.#lost = true;
    else (this.#outer ??= createHash('sha256')).update(digest);
  }

  #drain(): void {
    const done = this.#done;
    if (done === null || this.#drained < this.#chunks) return;
    this.#done = null;
    done(this.#lost ? null : (this.#outer ?? createHash('sha256')).digest());
  }
}
