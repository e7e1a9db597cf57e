/**
 * Keeps the text of every policy that comes into force in the state database, for ever. At start before anything is decided by it; on a
 * reload beside it, again and again until it is done: a policy that takes rights away must not wait for a database.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../base/logger.js';
import type { PolicyStore } from '../contract/policy-store.js';
import type { LoadedPolicy } from '../policy/index.js';

const AGAIN_MS = 5_000;

export class KeptPolicies {
  readonly #store: PolicyStore;
  readonly #logger: Logger;
  readonly #againMs: number;
  readonly #closing = new AbortController();
  readonly #waiting = new Set<Promise<void>>();

  constructor(store: PolicyStore, logger: Logger, againMs = AGAIN_MS) {
    this.#againMs = againMs;
    this.#store = store;
    this.#logger = logger;
  }

  /** @throws GwError `store.unavailable` */
  async keep(policy: LoadedPolicy): Promise<void> {
    await this.#store.keep({ digest: policy.digest, canonical: policy.canonical, files: policy.sources });
  }

  /** Returns at once. */
  keepInTime(policy: LoadedPolicy): void {
    const work: Promise<void> = this.#untilKept(policy).finally(() => this.#waiting.delete(work));
    this.#waiting.add(work);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#waiting);
  }

  async #untilKept(policy: LoadedPolicy): Promise<void> {
    for (;;) {
      try {
        await this.keep(policy);
        return;
      } catch (err) {
        this.#logger.error({ err, policy: policy.digest }, 'the text of the policy could not be kept; trying again');
      }
      if (this.#closing.signal.aborted) return;
      await delay(this.#againMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
    }
  }
}
