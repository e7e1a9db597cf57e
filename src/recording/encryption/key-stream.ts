/**
 * The keystream of AES-256-GCM for one message with the nonce 0, made in blocks ahead of its use, because a call of the cipher for each short
 * entry costs ten times what the exclusive-or does. One key encrypts one message, so a nonce can never come twice. The tag is made by the
 * cipher itself (`SessionCipher`); that both agree is what every reading of a tag shows.
 */
import { type Cipher, createCipheriv } from 'node:crypto';

const BLOCK_BYTES = 2048;
const ZEROS = Buffer.alloc(BLOCK_BYTES);
const AES_BLOCK = 16;
/** NIST SP 800-38D section 7.1: with a nonce of 96 bits the first block of the message has the counter 2. */
const FIRST_COUNTER = 2;
const NOTHING = Buffer.alloc(0);

/** The nonce of the only message that a key encrypts. */
export const NONCE = Buffer.alloc(12);
/** GCM ends at 2^32 − 2 blocks; a writer stops well before. */
export const STREAM_BYTES = 60 * 2 ** 30;

export class KeyStream {
  readonly #key: Buffer;
  #cipher: Cipher | null = null;
  #block: Buffer = NOTHING;
  #words = viewOf(NOTHING);
  /** Position of the block's first byte. */
  #from = 0;

  constructor(key: Buffer) {
    this.#key = key;
  }

  /**
   * Encrypts or decrypts `bytes` from `start` to `end` in place, which `view` shows, too; the first of them has this position in the stream. What stood
   * there goes to `before`, from `to` on.
   */
  apply(bytes: Buffer, start: number, end: number, position: number, view = viewOf(bytes), before: DataView | null = null, to = 0): void {
    let at = start;
    let kept = to;
    let offset = position - this.#from;
    if (offset < 0 || offset > this.#block.length) {
      this.#seek(position);
      offset = position - this.#from;
    }
    while (at < end) {
      if (offset === this.#block.length) {
        this.#next();
        offset = 0;
      }
      const run = Math.min(end - at, this.#block.length - offset);
      if (before !== null) copy(view, at, before, kept, run);
      this.#xor(view, at, offset, run);
      kept += run;
      at += run;
      offset += run;
    }
  }

  #next(): void {
    const from = this.#from + this.#block.length;
    this.#cipher ??= this.#cipherAt(from);
    this.#use(this.#cipher.update(ZEROS), from);
  }

  #seek(position: number): void {
    const from = position - (position % AES_BLOCK);
    this.#cipher = this.#cipherAt(from);
    this.#use(this.#cipher.update(ZEROS), from);
  }

  #use(block: Buffer, from: number): void {
    this.#block = block;
    this.#words = viewOf(block);
    this.#from = from;
  }

  /** Four bytes at a time, which a DataView does at any offset: byte by byte takes four times as long. */
  #xor(view: DataView, at: number, offset: number, run: number): void {
    const words = this.#words;
    const whole = run & ~3;
    let i = 0;
    for (; i < whole; i += 4) view.setInt32(at + i, view.getInt32(at + i, true) ^ words.getInt32(offset + i, true), true);
    for (; i < run; i++) view.setUint8(at + i, view.getUint8(at + i) ^ words.getUint8(offset + i));
  }

  #cipherAt(position: number): Cipher {
    const counter = Buffer.alloc(AES_BLOCK);
    NONCE.copy(counter);
    counter.writeUInt32BE(FIRST_COUNTER + position / AES_BLOCK, NONCE.length);
    return createCipheriv('aes-256-ctr', this.#key, counter);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function copy(from: DataView, at: number, to: DataView, kept: number, run: number): void {
  const whole = run & ~3;
  let i = 0;
  for (; i < whole; i += 4) to.setInt32(kept + i, from.getInt32(at + i, true), true);
  for (; i < run; i++) to.setUint8(kept + i, from.getUint8(at + i));
}
