/**
 * New keys in the middle of a session (RFC 4253 section 9). While a leg makes some, what is sent on it waits in this process; the other leg, where that
 * comes from, is stopped before much does, and a peer that does not come to the end of it ends the session. Peers are untrusted: either may begin an
 * exchange at any time, and never finish it.
 */
import { GwError } from '../../contract/gw-error.js';
import type { EngineContext } from '../../contract/protocol.js';

/** Bytes that wait on a leg before the other one is stopped, as everywhere on the path. */
const HIGH_WATER = 1 << 20;
/** More than is on its way when a leg is stopped. A leg that makes keys itself is not stopped, and has no more than this in its windows. */
const WITHHELD_LIMIT = 16 << 20;
/** On a slow line the answer comes behind a full window of data: 2 MiB take half a minute at 512 kbit/s. */
const EXCHANGE_MS = 60_000;

/** A leg, as far as it matters here. */
interface Leg {
  /** Bytes that wait for new keys; null: none are made. */
  readonly withheld: number | null;
}

type Side = 'client' | 'target';
type Pump = Pick<EngineContext, 'pauseClient' | 'resumeClient' | 'pauseTarget' | 'resumeTarget' | 'end'>;

export class KeyExchanges {
  readonly #legs: Readonly<Record<Side, Leg>>;
  readonly #pump: Pump;
  readonly #limitMs: number;
  readonly #stopped = { client: false, target: false };
  readonly #timers: Partial<Record<Side, NodeJS.Timeout>> = {};
  #over = false;

  constructor(legs: Readonly<Record<Side, Leg>>, pump: Pump, limitMs = EXCHANGE_MS) {
    this.#legs = legs;
    this.#pump = pump;
    this.#limitMs = limitMs;
  }

  /** Something changed on a leg. */
  look(): void {
    if (this.#over) return;
    for (const side of ['client', 'target'] as const) {
      const { withheld } = this.#legs[side];
      this.#time(side, withheld !== null);
      if ((withheld ?? 0) > WITHHELD_LIMIT) {
        this.#fail(side, 'did not finish an exchange of keys while too much waited for it');
        return;
      }
    }
    const { client, target } = this.#legs;
    // A leg that makes keys is heard, or it would never come to the end.
    this.#stop('client', client.withheld === null && (target.withheld ?? 0) > HIGH_WATER);
    this.#stop('target', target.withheld === null && (client.withheld ?? 0) > HIGH_WATER);
  }

  /** The session is over. */
  end(): void {
    this.#over = true;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
  }

  #stop(side: Side, stop: boolean): void {
    if (this.#stopped[side] === stop) return;
    this.#stopped[side] = stop;
    if (side === 'client') stop ? this.#pump.pauseClient() : this.#pump.resumeClient();
    else stop ? this.#pump.pauseTarget() : this.#pump.resumeTarget();
  }

  #time(side: Side, runs: boolean): void {
    const timer = this.#timers[side];
    if (runs === (timer !== undefined)) return;
    if (runs)
      this.#timers[side] = setTimeout(
        () => this.#fail(side, `did not finish an exchange of keys within ${this.#limitMs / 1_000} seconds`),
        this.#limitMs,
      ).unref();
    else {
      clearTimeout(timer);
      delete this.#timers[side];
    }
  }

  #fail(side: Side, what: string): void {
    this.end();
    const code = side === 'client' ? 'protocol.violation' : 'target.protocol';
    this.#pump.end('protocol', new GwError(code, `The ${side} ${what}.`));
  }
}
