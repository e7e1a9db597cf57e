/**
 * Incoming packets, cut out of what was read and opened where they lie: no memory is taken for a packet that came in one piece. ssh2 negotiates, makes
 * the keys and keeps the sequence number. Only under a cipher that is not among `opening-ciphers.ts` it reads itself, and then nothing that is long.
 *
 * Invariants: nothing of a packet is looked at before its tag was found right, but the length, which is bounded first; a tag that is wrong throws
 * and ends the connection. Bytes of a packet that is not complete are kept here, so the memory that was read into is free after each call.
 */
import type { Decipher } from 'ssh2/lib/protocol/Protocol.js';
import { SHORT_PACKET } from '../codec/limits.js';
import { BLOCK_BYTES, LENGTH_BYTES, type OpeningCipher } from './opening-ciphers.js';

/** Packets that are shorter get memory of their own when they come in parts; so do the few that are longer than `POOLED_BYTES`. */
const SMALL_BYTES = 1_024;
const POOLED_BYTES = SHORT_PACKET;
const POOL_LIMIT = 16;
/** Memory for a packet that comes in parts; who has no such packet holds none. */
const pool: Buffer[] = [];

function memoryFor(bytes: number): Buffer {
  if (bytes <= SMALL_BYTES) return Buffer.allocUnsafe(bytes);
  return bytes > POOLED_BYTES ? Buffer.allocUnsafeSlow(bytes) : (pool.pop() ?? Buffer.allocUnsafeSlow(POOLED_BYTES));
}

export class PacketOpener {
  readonly #cipher: OpeningCipher;
  readonly #broken: (why: string) => Error;
  readonly #longest: () => number;
  readonly #length = Buffer.alloc(LENGTH_BYTES);
  /** Bytes of the packet in hand, with its length and tag; 0: not known yet. */
  #whole = 0;
  /** Those that are kept here: in `#length`, and with the rest in `#memory` once it is known how many there will be. */
  #have = 0;
  #memory: Buffer | null = null;

  /** `longest`: bytes that a packet may have at the time, with its length and tag. `broken`: what is thrown for a packet that cannot be. */
  constructor(cipher: OpeningCipher, longest: () => number, broken: (why: string) => Error) {
    this.#cipher = cipher;
    this.#longest = longest;
    this.#broken = broken;
  }

  get decipher(): Decipher {
    return this.#cipher.decipher;
  }

  /**
   * Opens packets from `from` on, in place, and gives their messages to the library's own handler, each for the time of the call. Gives where
   * the library goes on if it wants to (new keys stand), undefined when everything was taken. @throws Error of `broken`, or of the library for a tag that is wrong
   */
  open(chunk: Buffer, from: number): number | undefined {
    for (let at = from; at < chunk.length; ) {
      if (this.#have === 0 && chunk.length - at >= LENGTH_BYTES) this.#whole = this.#bytesOf(chunk.subarray(at, at + LENGTH_BYTES));
      let kept: Buffer | null = null;
      let packet: Buffer;
      if (this.#have === 0 && this.#whole > 0 && chunk.length - at >= this.#whole) {
        packet = chunk.subarray(at, at + this.#whole);
        at += this.#whole;
      } else {
        at = this.#keep(chunk, at);
        if (this.#memory === null || this.#have < this.#whole) return undefined;
        kept = this.#memory;
        packet = kept.subarray(0, this.#have);
        this.#memory = null;
        this.#have = 0;
      }
      this.#whole = 0;
      const result = this.decipher._onPayload(this.#opened(packet));
      if (kept !== null && kept.length === POOLED_BYTES && pool.length < POOL_LIMIT) pool.push(kept);
      if (result !== undefined) return result === false ? at : (result as number);
    }
    return undefined;
  }

  /** Bytes of the whole packet, by its first field, which is readable from now on. */
  #bytesOf(field: Buffer): number {
    this.#cipher.readLength(field);
    const length = field.readUInt32BE(0);
    const whole = LENGTH_BYTES + length + this.#cipher.tagBytes;
    const longest = this.#longest();
    if (whole > longest) throw this.#broken(`Bad packet length: ${length}, and at most ${longest} bytes are read`);
    if (length + LENGTH_BYTES < BLOCK_BYTES || (LENGTH_BYTES + length - this.#cipher.apart) % BLOCK_BYTES !== 0) throw this.#broken('Bad packet length');
    return whole;
  }

  /** Keeps what is here of a packet that is not complete, up to its end. */
  #keep(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#whole === 0) {
      while (this.#have < LENGTH_BYTES && at < chunk.length) this.#length[this.#have++] = chunk[at++] ?? 0;
      if (this.#have < LENGTH_BYTES) return at;
      this.#whole = this.#bytesOf(this.#length);
    }
    if (this.#memory === null) {
      this.#memory = memoryFor(this.#whole);
      if (this.#have > 0) this.#memory.set(this.#length, 0);
    }
    const taken = Math.min(this.#whole - this.#have, chunk.length - at);
    this.#memory.set(chunk.subarray(at, at + taken), this.#have);
    this.#have += taken;
    return at + taken;
  }

  /** The message of a whole packet. */
  #opened(packet: Buffer): Buffer {
    this.#cipher.open(packet);
    const last = packet.length - this.#cipher.tagBytes - (packet[LENGTH_BYTES] ?? 0);
    if (last < LENGTH_BYTES + 1) throw this.#broken('Bad padding length');
    return packet.subarray(LENGTH_BYTES + 1, last);
  }
}
