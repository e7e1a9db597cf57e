/**
 * Encrypts the entries of one session in place, in the batch, just before they are hashed and written: all its plaintext, in order, is one
 * message of AES-256-GCM under a key of its own. Short pieces take the keystream made ahead; the cipher itself sees the same bytes in larger
 * pieces, for the tag, which stands in the session's end. On the path: no object and, for most entries, no call of the cipher.
 */
import { type CipherGCM, createCipheriv, hash, randomFillSync } from 'node:crypto';
import type { EntryBatch } from '../entry-batch.js';
import { KIND, setU48 } from '../format.js';
import { addedBytes, COMMITMENT_BYTES, extraBytes, isCommitted, POSITION_BYTES, SALT_BYTES } from './hidden-layout.js';
import { KeyStream, NONCE, STREAM_BYTES } from './key-stream.js';

/** From here on one call of the cipher is cheaper than the exclusive-or. */
const LARGE_BYTES = 1024;
const HELD_BYTES = 2048;

const KINDS = Math.max(...Object.values(KIND)) + 1;
const ADDED = Array.from({ length: KINDS }, (_, kind) => addedBytes(kind));
const EXTRA = Array.from({ length: KINDS }, (_, kind) => extraBytes(kind));
const COMMITTED = Array.from({ length: KINDS }, (_, kind) => isCommitted(kind));

const salts = Buffer.alloc(4096);
let nextSalt = salts.length;

export class SessionCipher {
  readonly #gcm: CipherGCM;
  readonly #stream: KeyStream;
  readonly #key: Buffer;
  /** Plaintext that the cipher has not seen yet. */
  readonly #held = Buffer.allocUnsafeSlow(HELD_BYTES);
  readonly #heldView = new DataView(this.#held.buffer, this.#held.byteOffset, this.#held.byteLength);
  #heldBytes = 0;
  #position = 0;

  /** Takes the key over: it is wiped by `finish`. */
  constructor(key: Buffer) {
    this.#key = key;
    this.#gcm = createCipheriv('aes-256-gcm', key, NONCE);
    this.#stream = new KeyStream(key);
  }

  /** Bytes that an entry of this kind grows by; its content begins that much later. */
  added(kind: number): number {
    return ADDED[kind] as number;
  }

  /** No more than the ends of what is open may be written: the message is as long as GCM lets it be. */
  get full(): boolean {
    return this.#position > STREAM_BYTES;
  }

  /** Hides the content of the batch's last entry, which has `added(kind)` bytes of room from `at` on, and its content behind them. */
  hide(batch: EntryBatch, kind: number, at: number): void {
    const { bytes, view, end } = batch;
    const extra = EXTRA[kind] as number;
    const from = at + extra;
    if (COMMITTED[kind] === true) {
      putSalt(bytes, from);
      bytes.write(hash('sha256', bytes.subarray(from, end), 'binary'), at, COMMITMENT_BYTES, 'binary');
    }
    setU48(view, from - POSITION_BYTES, this.#position);
    this.#encrypt(batch, from, end);
    if (kind === KIND.sessionEnd) this.finish().copy(bytes, at);
  }

  /** Ends the message, wipes the key and gives the tag. */
  finish(): Buffer {
    this.#flush();
    this.#gcm.final();
    this.#held.fill(0);
    this.#key.fill(0);
    return this.#gcm.getAuthTag();
  }

  #encrypt({ bytes, view }: EntryBatch, start: number, end: number): void {
    const length = end - start;
    if (length >= LARGE_BYTES) {
      this.#flush();
      bytes.set(this.#gcm.update(bytes.subarray(start, end)), start);
    } else {
      if (this.#heldBytes + length > HELD_BYTES) this.#flush();
      this.#stream.apply(bytes, start, end, this.#position, view, this.#heldView, this.#heldBytes);
      this.#heldBytes += length;
    }
    this.#position += length;
  }

  #flush(): void {
    if (this.#heldBytes === 0) return;
    this.#gcm.update(this.#held.subarray(0, this.#heldBytes));
    this.#heldBytes = 0;
  }
}

function putSalt(bytes: Buffer, at: number): void {
  if (nextSalt === salts.length) {
    randomFillSync(salts);
    nextSalt = 0;
  }
  for (let i = 0; i < SALT_BYTES; i++) {
    bytes[at + i] = salts[nextSalt] as number;
    // What was given away is not kept.
    salts[nextSalt++] = 0;
  }
}
