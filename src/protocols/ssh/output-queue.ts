/**
 * What a client gets in the place of what its target sent, and what comes behind that. There may be more of it than the client has room for: then it
 * waits, and the target is told of no room that is not there. How much waits is bounded by the room that the target was told of.
 */
import { Fifo } from './fifo.js';
import type { Windows } from './windows.js';

/** So much room is not worth a message of its own; more than what waits for its rest. */
const SAVED_BYTES = 4_096;

/** Where it goes. */
interface Ways {
  data(bytes: Buffer, extended: boolean): void;
  tell(message: Buffer): void;
  /** The target gets so much room. */
  credit(bytes: number): void;
}

type Waiting = { readonly bytes: Buffer; readonly extended: boolean; readonly packet: number } | { readonly message: Buffer };

export class OutputQueue {
  readonly #windows: Windows;
  readonly #ways: Ways;
  /** What waits for the client's room, and what comes behind it. */
  readonly #waiting = new Fifo<Waiting>();
  /** Bytes of the client's room that the target is not told of yet; below zero: it was told of more than there is. */
  #owed = 0;

  constructor(windows: Windows, ways: Ways) {
    this.#windows = windows;
    this.#ways = ways;
  }

  /** Bytes in the place of so many of the target's, in messages of `packet` bytes. */
  show(shown: Uint8Array, extended: boolean, instead: number, packet: number): void {
    this.#owed += instead - shown.length;
    if (shown.length > 0) this.#waiting.push({ bytes: Buffer.from(shown), extended, packet });
    this.#drain(SAVED_BYTES);
  }

  /** A message of the target, behind what it said before. False: nothing waits. */
  behind(message: Uint8Array): boolean {
    if (this.#waiting.length === 0) return false;
    this.#waiting.push({ message: Buffer.from(message) });
    return true;
  }

  widened(bytes: number): void {
    this.#owed += bytes;
    this.#drain(0);
  }

  /** There will be no more room: of what waits this is not data. */
  end(): readonly Buffer[] {
    return this.#waiting.drain().flatMap((each) => ('message' in each ? [each.message] : []));
  }

  /** What has room goes out; once nothing waits the target gets what it has coming, if that is more than `least`. */
  #drain(least: number): void {
    for (let next = this.#waiting.head; next !== undefined; next = this.#waiting.head) {
      if ('message' in next) this.#ways.tell(next.message);
      else {
        const sent = this.#fill(next);
        if (sent < next.bytes.length) {
          this.#waiting.head = { ...next, bytes: next.bytes.subarray(sent) };
          return;
        }
      }
      this.#waiting.shift();
    }
    if (this.#owed <= least) return;
    this.#ways.credit(this.#owed);
    this.#owed = 0;
  }

  /** Sends what has room of it. Gives how many bytes that were. */
  #fill({ bytes, extended, packet }: Exclude<Waiting, { message: Buffer }>): number {
    const fits = bytes.subarray(0, Math.max(0, this.#windows.room));
    for (let from = 0; from < fits.length; from += packet) {
      const part = fits.subarray(from, from + packet);
      this.#windows.fill(part.length);
      this.#ways.data(part, extended);
    }
    return fits.length;
  }
}
