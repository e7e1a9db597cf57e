/** Failed logins by address: after so many within a minute, further ones are refused unheard. Counted here, outside any log (D34). */
import type { Clock } from '../base/clock.js';
import { GwError } from '../contract/gw-error.js';

const WINDOW_MS = 60_000;
const ADDRESSES_LIMIT = 10_000;

export class LoginThrottle {
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #failures = new Map<string, { since: number; count: number }>();

  constructor(failuresPerMinute: number, clock: Clock) {
    this.#limit = failuresPerMinute;
    this.#clock = clock;
  }

  /** @throws GwError `login.throttled` */
  admit(address: string): void {
    const entry = this.#failures.get(address);
    if (entry === undefined) return;
    if (this.#clock.monotonic() - entry.since >= WINDOW_MS) this.#failures.delete(address);
    else if (entry.count >= this.#limit) throw new GwError('login.throttled', 'Too many failed logins from this address.');
  }

  failed(address: string): void {
    const now = this.#clock.monotonic();
    const entry = this.#failures.get(address);
    if (entry !== undefined && now - entry.since < WINDOW_MS) {
      entry.count++;
      return;
    }
    if (this.#failures.size >= ADDRESSES_LIMIT)
      for (const [old, { since }] of this.#failures) if (now - since >= WINDOW_MS || this.#failures.size >= ADDRESSES_LIMIT) this.#failures.delete(old);
    this.#failures.set(address, { since: now, count: 1 });
  }
}
