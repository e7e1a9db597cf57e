/**
 * Counts connections that have not shown who they are, in total and by address, before any byte of them is read. It stops "open many
 * connections and say nothing" (D6, D18): what is over a limit is closed at once, and what stalls holds only its own place.
 */
export interface ConnectionLimits {
  readonly total: number;
  readonly perAddress: number;
}

export class ConnectionCounter {
  readonly #limits: () => ConnectionLimits;
  readonly #byAddress = new Map<string, number>();
  #total = 0;
  #refused = 0;

  constructor(limits: () => ConnectionLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#total;
  }

  get refused(): number {
    return this.#refused;
  }

  /** Takes a place; gives the function that frees it (any number of calls), or null when there is none. */
  take(address: string): (() => void) | null {
    const { total, perAddress } = this.#limits();
    const count = this.#byAddress.get(address) ?? 0;
    if (this.#total >= total || count >= perAddress) {
      this.#refused++;
      return null;
    }
    this.#total++;
    this.#byAddress.set(address, count + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#total--;
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left <= 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
    };
  }
}
