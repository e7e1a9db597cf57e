/**
 * Keeps long sessions alive: before the login behind a live session ends, a fresh token of the same subject is shown to the gateway.
 * One keeper for each process of the CLI. It never ends a session and never fails a command; when there is no later token it says so
 * once, and the gateway ends the session at the time it always would have.
 */
import type { Clock } from '../base/clock.js';
import { GwError } from '../contract/gw-error.js';
import type { GatewayClient } from './gateway-client.js';
import type { TokenSource } from './token-source.js';

/** Shortest time between two tries, milliseconds. */
const RETRY = 2_000;
/** Node's timers wrap above 2^31 − 1 ms. */
const LONGEST_TIMER = 2_000_000_000;

export interface SessionKeeperOptions {
  readonly client: Pick<GatewayClient, 'renew'>;
  readonly source: TokenSource;
  readonly clock: Clock;
  /** A session that will end, with the reason. */
  onProblem(session: string, error: GwError): void;
}

/** When to renew: a quarter of the remaining time before the end, at most two minutes. */
export function renewalDelay(expiresAt: number, now: number): number {
  const remaining = Math.max(0, expiresAt - now);
  return Math.min(LONGEST_TIMER, remaining - Math.min(120_000, remaining / 4));
}

export class SessionKeeper {
  readonly #options: SessionKeeperOptions;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(options: SessionKeeperOptions) {
    this.#options = options;
  }

  opened(session: string, expiresAt: number): void {
    this.#schedule(session, expiresAt, renewalDelay(expiresAt, this.#options.clock.now()));
  }

  closed(session: string): void {
    clearTimeout(this.#timers.get(session));
    this.#timers.delete(session);
  }

  [Symbol.dispose](): void {
    for (const session of [...this.#timers.keys()]) this.closed(session);
  }

  #schedule(session: string, expiresAt: number, delay: number): void {
    const timer = setTimeout(() => void this.#renew(session, expiresAt), delay);
    // A session, not its timer, keeps the process alive.
    timer.unref();
    this.#timers.set(session, timer);
  }

  async #renew(session: string, expiresAt: number): Promise<void> {
    try {
      const token = await this.#options.source.token({ laterThan: expiresAt });
      if (token.expiresAt <= expiresAt) {
        const when = new Date(expiresAt).toISOString();
        throw new GwError(
          'login.expired',
          `The login from ${this.#options.source.origin} ends at ${when} and cannot be renewed from here; the session ends with it.`,
        );
      }
      const extended = await this.#options.client.renew(session, token.secret.expose());
      if (this.#timers.has(session)) this.opened(session, extended);
    } catch (thrown) {
      this.#failed(session, expiresAt, GwError.from(thrown));
    }
  }

  #failed(session: string, expiresAt: number, error: GwError): void {
    if (!this.#timers.has(session)) return;
    const remaining = expiresAt - this.#options.clock.now();
    if (error.entry.retry && remaining > RETRY) {
      this.#schedule(session, expiresAt, Math.max(RETRY, remaining / 2));
      return;
    }
    this.#timers.delete(session);
    this.#options.onProblem(session, error);
  }
}
