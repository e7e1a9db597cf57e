/**
 * Outgoing packets under AES-GCM (RFC 5647; OpenSSH's PROTOCOL, section 1.6), sealed one behind the other in memory that is used again, so that
 * what goes out in one turn is one write. ssh2 negotiates, makes the keys and keeps the sequence number; its cipher (a part of the library that is
 * compiled, and counts invocations itself) does the mathematics. Under any other cipher, or without that part, the library writes by itself.
 *
 * Invariants: bytes leave in the order in which they were sealed; memory is used again only when everything written from it is out; who has
 * nothing on its way out holds none.
 */
import { randomFillSync } from 'node:crypto';
import type { Cipher, GcmCipher } from 'ssh2/lib/protocol/Protocol.js';

const LENGTH_BYTES = 4;
const BLOCK_BYTES = 16;
const TAG_BYTES = 16;
/** RFC 4253 section 6. */
const LEAST_PADDING = 4;
/** Eight packets with the most data that a channel message may have. */
const SLAB_BYTES = 288 * 1024;
/** A packet that is shorter gets memory of its own when nothing else is on its way. */
const SMALL_BYTES = 2_048;
const POOL_LIMIT = 16;

interface Slab {
  readonly bytes: Buffer;
  /** Where the next packet goes. */
  at: number;
  /** Writes that are not over. */
  writes: number;
}

const pool: Slab[] = [];

/** Random bytes are asked for many at a time; each is used once. */
const random = Buffer.alloc(4_096);
let randomAt = random.length;

function pad(packet: Buffer, from: number, to: number): void {
  if (random.length - randomAt < to - from) {
    randomFillSync(random);
    randomAt = 0;
  }
  random.copy(packet, from, randomAt, randomAt + to - from);
  randomAt += to - from;
}

/** Is it the library's compiled AES-GCM, as this version of it has that? */
export function sealsGcm(cipher: Cipher): cipher is GcmCipher {
  if (cipher.constructor.name !== 'AESGCMCipherBinding') return false;
  const { _instance, outSeqno, _dead } = cipher as Partial<GcmCipher>;
  return typeof _instance?.encrypt === 'function' && typeof outSeqno === 'number' && _dead === false;
}

export class PacketSealer {
  readonly #write: (bytes: Buffer, written: () => void) => void;
  #slab: Slab | null = null;
  /** Where what is not written yet begins. */
  #from = 0;

  /** `written` is called when the memory of the bytes is free again; where it is not, that memory is never used again. */
  constructor(write: (bytes: Buffer, written: () => void) => void) {
    this.#write = write;
  }

  /** Seals the message `head` + `body` behind what waits here. */
  seal(cipher: GcmCipher, head: Uint8Array, body: Uint8Array): void {
    const message = 1 + head.length + body.length;
    let padding = BLOCK_BYTES - (message % BLOCK_BYTES);
    if (padding < LEAST_PADDING) padding += BLOCK_BYTES;
    const length = message + padding;
    const whole = LENGTH_BYTES + length + TAG_BYTES;
    const slab = this.#slabFor(whole);
    const packet = slab === null ? Buffer.allocUnsafe(whole) : slab.bytes.subarray(slab.at, slab.at + whole);
    packet.writeUInt32BE(length, 0);
    packet[LENGTH_BYTES] = padding;
    packet.set(head, LENGTH_BYTES + 1);
    if (body.length > 0) packet.set(body, LENGTH_BYTES + 1 + head.length);
    pad(packet, LENGTH_BYTES + message, LENGTH_BYTES + length);
    cipher._instance.encrypt(packet);
    cipher.outSeqno = (cipher.outSeqno + 1) >>> 0;
    // Only now: what could not be sealed is never written.
    if (slab === null) this.#write(packet, () => undefined);
    else slab.at += whole;
  }

  /** Where there is room for so many bytes; null: they get memory of their own. */
  #slabFor(bytes: number): Slab | null {
    const slab = this.#slab;
    if (slab === null && bytes <= SMALL_BYTES) return null;
    if (slab !== null && slab.bytes.length - slab.at >= bytes) return slab;
    this.flush();
    if (bytes > SLAB_BYTES) return null;
    this.#from = 0;
    this.#slab = pool.pop() ?? { bytes: Buffer.allocUnsafeSlow(SLAB_BYTES), at: 0, writes: 0 };
    return this.#slab;
  }

  /** Writes what waits. */
  flush(): void {
    const slab = this.#slab;
    if (slab === null || slab.at === this.#from) return;
    const bytes = slab.bytes.subarray(this.#from, slab.at);
    this.#from = slab.at;
    slab.writes++;
    this.#write(bytes, () => this.#written(slab));
  }

  #written(slab: Slab): void {
    slab.writes--;
    if (slab.writes > 0 || (slab === this.#slab && this.#from < slab.at)) return;
    if (slab === this.#slab) this.#slab = null;
    slab.at = 0;
    if (pool.length < POOL_LIMIT) pool.push(slab);
  }
}
