/**
 * Counts refused tokens for each address in windows of a minute, so that a client with a broken token cannot keep the verifier busy. The
 * count lives outside every log (D34) and is bounded: an attacker with many addresses costs the oldest entries, not memory.
 */
import type { Clock } from '../base/clock.js';
import { GwError } from '../contract/gw-error.js';

const WINDOW_MS = 60_000;
const ADDRESSES = 10_000;

export class FailedLogins {
  readonly #clock: Clock;
  readonly #counts = new Map<string, { count: number; since: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws GwError `login.throttled` */
  check(address: string, limit: number): void {
    const entry = this.#current(address);
    if (entry !== undefined && entry.count >= limit) throw new GwError('login.throttled', 'Too many refused logins from this address.');
  }

  add(address: string): void {
    const entry = this.#current(address);
    if (entry !== undefined) {
      entry.count++;
      return;
    }
    if (this.#counts.size >= ADDRESSES) {
      const oldest = this.#counts.keys().next();
      if (oldest.done !== true) this.#counts.delete(oldest.value);
    }
    this.#counts.set(address, { count: 1, since: this.#clock.monotonic() });
  }

  #current(address: string): { count: number; since: number } | undefined {
    const entry = this.#counts.get(address);
    if (entry === undefined || this.#clock.monotonic() - entry.since < WINDOW_MS) return entry;
    this.#counts.delete(address);
    return undefined;
  }
}
