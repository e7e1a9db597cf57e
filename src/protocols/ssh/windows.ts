/**
 * Flow control of a channel (RFC 4254 section 5.2) goes from end to end: the gateway has no window of its own, so nothing piles up in it. A
 * little of each side's window is kept back, because the gateway says something itself now and then, and what it takes out or puts in has to
 * come out even.
 */
import { broken } from './codec/wire.js';

/**
 * Bytes kept back of the client's window, for words of the gateway; less where the window is small. More than a client takes in before it makes
 * room again (OpenSSH: three packets of 32 KiB), or what was said would never be made up for.
 */
const CLIENT_RESERVE = 262_144;
/** Bytes kept back of the target's window, for a question of the gateway. */
const TARGET_RESERVE = 64;

/** RFC 4254 section 5.2: no window is larger. */
const LARGEST = 0xff_ff_ff_ff;

/** What a side was told that it may send, and has not sent. */
class Allowance {
  #bytes = 0;

  /** @throws GwError `protocol.violation` where that is more than there can be: a peer that widens its window for ever */
  give(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > LARGEST) throw broken('more room than a window can have');
  }

  /** @throws GwError `protocol.violation` where that is more than it was told of: nothing that waits here is bounded by anything else */
  take(bytes: number): void {
    if (bytes > this.#bytes) throw broken('more than the other side has room for');
    this.#bytes -= bytes;
  }
}

export class Windows {
  /** Of the client, and of the target. */
  readonly client = new Allowance();
  readonly target = new Allowance();
  /** Bytes that may still be said to the client. */
  #budget = 0;
  #reserve = 0;
  /** Bytes that the client still takes, where what is sent is not what the target sent. */
  #room = 0;
  /** Bytes of the target's window that the client is not told of yet. */
  #withheld: number;
  readonly #told: boolean;
  /** The target offered some room. */
  #offered = false;

  /** `told`: the gateway says nothing of its own on this channel. */
  constructor(told = false) {
    this.#told = told;
    this.#withheld = told ? 0 : TARGET_RESERVE;
  }

  /** The window that the client offers, as the target is told of it. */
  fromClient(window: number): number {
    this.#reserve = this.#told ? 0 : Math.min(CLIENT_RESERVE, Math.floor(window / 2));
    this.#budget = this.#reserve;
    this.#room = window;
    this.target.give(window - this.#reserve);
    return window - this.#reserve;
  }

  /** What of the client's new room goes on to the target: what was said to it comes off first. */
  widenedByClient(bytes: number): number {
    this.#room += bytes;
    const refill = Math.min(bytes, this.#reserve - this.#budget);
    this.#budget += refill;
    return bytes - refill;
  }

  /** What of the target's room the client is told of. */
  fromTarget(bytes: number): number {
    this.#offered ||= bytes > 0;
    const withheld = Math.min(bytes, this.#withheld);
    this.#withheld -= withheld;
    this.client.give(bytes - withheld);
    return bytes - withheld;
  }

  /** The client is told of room for `bytes` of which the target knows nothing yet. False: it has room of the target, or was lent some. */
  lend(bytes: number): boolean {
    if (this.#offered) return false;
    this.#offered = true;
    this.#withheld += bytes;
    return true;
  }

  get budget(): number {
    return this.#budget;
  }

  spend(bytes: number): void {
    this.#budget -= bytes;
    this.#room -= bytes;
  }

  /** What of the client's room is not kept for words of the gateway. */
  get room(): number {
    return this.#room - this.#budget;
  }

  /** Bytes went to the client in the place of the target's. */
  fill(bytes: number): void {
    this.#room -= bytes;
  }
}
