/**
 * Incoming packets under AES-GCM (RFC 5647; OpenSSH's PROTOCOL, section 1.6), cut out of what was read and opened where they lie: no memory is
 * taken for a packet that came in one piece. ssh2 negotiates, makes the keys and keeps the sequence number; its cipher (a part of the library
 * that is compiled, and counts invocations itself) does the mathematics. Only what the library has under another cipher, or without that part,
 * it reads itself.
 *
 * Invariants: nothing of a packet is looked at before its tag was found right, but the length, which is bounded first; a tag that is wrong throws
 * and ends the connection. Bytes of a packet that is not complete are kept here, so the memory that was read into is free after each call.
 */
import type { Decipher, GcmDecipher } from 'ssh2/lib/protocol/Protocol.js';

const LENGTH_BYTES = 4;
const BLOCK_BYTES = 16;
const TAG_BYTES = 16;
/** Longest packet with its length and tag, as ssh2 has it; RFC 4253 section 6.1 demands 35000. */
const PACKET_BYTES = 35_000;
/** Packets that are shorter get memory of their own when they come in parts. */
const SMALL_BYTES = 1_024;
const POOL_LIMIT = 16;
/** Memory for a packet that comes in parts; who has no such packet holds none. */
const pool: Buffer[] = [];

const memoryFor = (bytes: number): Buffer => (bytes <= SMALL_BYTES ? Buffer.allocUnsafe(bytes) : (pool.pop() ?? Buffer.allocUnsafeSlow(PACKET_BYTES)));

/** Is it the library's compiled AES-GCM, as this version of it has that? */
export function opensGcm(decipher: Decipher | undefined): decipher is GcmDecipher {
  if (decipher?.constructor.name !== 'AESGCMDecipherBinding') return false;
  const { _instance, inSeqno, _lenBytes } = decipher as Partial<GcmDecipher>;
  return typeof _instance?.decrypt === 'function' && typeof inSeqno === 'number' && _lenBytes === 0;
}

export class PacketOpener {
  readonly decipher: GcmDecipher;
  readonly #broken: (why: string) => Error;
  readonly #length = Buffer.alloc(LENGTH_BYTES);
  /** Bytes of the packet in hand that are kept here: in `#length`, and with the rest in `#memory` once it is known how many there will be. */
  #have = 0;
  #memory: Buffer | null = null;

  /** `broken`: what is thrown for a packet that cannot be. */
  constructor(decipher: GcmDecipher, broken: (why: string) => Error) {
    this.decipher = decipher;
    this.#broken = broken;
  }

  /**
   * Opens packets from `from` on, in place, and gives their messages to the library's own handler, each for the time of the call. Gives where
   * the library goes on if it wants to (new keys stand), undefined when everything was taken. @throws Error of `broken`, or of the library for a tag that is wrong
   */
  open(chunk: Buffer, from: number): number | undefined {
    const { decipher } = this;
    for (let at = from; at < chunk.length; ) {
      const left = chunk.length - at;
      const whole = this.#have === 0 && left >= LENGTH_BYTES ? this.#bytesOf(chunk.readUInt32BE(at)) : Number.POSITIVE_INFINITY;
      let kept: Buffer | null = null;
      let packet: Buffer;
      if (left >= whole) {
        packet = chunk.subarray(at, at + whole);
        at += whole;
      } else {
        at = this.#keep(chunk, at);
        if (this.#memory === null || this.#have < (this.#whole ?? 0)) return undefined;
        kept = this.#memory;
        packet = kept.subarray(0, this.#have);
        this.#memory = null;
        this.#have = 0;
      }
      const result = decipher._onPayload(this.#opened(packet));
      if (kept !== null && kept.length === PACKET_BYTES && pool.length < POOL_LIMIT) pool.push(kept);
      if (result !== undefined) return result === false ? at : (result as number);
    }
    return undefined;
  }

  get #whole(): number | null {
    return this.#have < LENGTH_BYTES ? null : this.#bytesOf(this.#length.readUInt32BE(0));
  }

  /** Bytes of the whole packet, by its first field. */
  #bytesOf(length: number): number {
    const whole = LENGTH_BYTES + length + TAG_BYTES;
    if (whole > PACKET_BYTES || length < BLOCK_BYTES || length % BLOCK_BYTES !== 0) throw this.#broken('Bad packet length');
    return whole;
  }

  /** Keeps what is here of a packet that is not complete, up to its end. */
  #keep(chunk: Buffer, from: number): number {
    let at = from;
    for (; this.#have < LENGTH_BYTES && at < chunk.length; at++) this.#length[this.#have++] = chunk[at] ?? 0;
    const whole = this.#whole;
    if (whole === null) return at;
    if (this.#memory === null) {
      this.#memory = memoryFor(whole);
      this.#memory.set(this.#length, 0);
    }
    const taken = Math.min(whole - this.#have, chunk.length - at);
    this.#memory.set(chunk.subarray(at, at + taken), this.#have);
    this.#have += taken;
    return at + taken;
  }

  /** The message of a whole packet. */
  #opened(packet: Buffer): Buffer {
    const { decipher } = this;
    const end = packet.length - TAG_BYTES;
    decipher._instance.decrypt(packet.subarray(LENGTH_BYTES, end), end - LENGTH_BYTES, packet.subarray(end));
    decipher.inSeqno = (decipher.inSeqno + 1) >>> 0;
    const padding = packet[LENGTH_BYTES] ?? 0;
    const last = end - padding;
    if (last < LENGTH_BYTES + 1) throw this.#broken('Bad padding length');
    return packet.subarray(LENGTH_BYTES + 1, last);
  }
}
