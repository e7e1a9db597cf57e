/**
 * What the entries of logs say of each other: how far each log was and which root it had then, again and again. Keeps all of it, so that each can be held
 * against the log, and in bounded memory: of very many it keeps every second. Entries are untrusted. Pure.
 */
import type { Anchor } from './anchor.js';

/** Logs that anchors may name: more than a gateway can have. */
const LOGS = 1_024;
/** Anchors that are kept: of two logs a year, some 80 MB. */
const ANCHORS = 1 << 20;

export class AnchorBook {
  readonly #limit: number;
  /** Roots by size, by log. */
  readonly #logs = new Map<string, Map<number, string>>();
  readonly #contradicted = new Map<string, number>();
  #count = 0;

  /** @param limit anchors that are kept */
  constructor(limit = ANCHORS) {
    this.#limit = limit;
  }

  take({ log, size, root }: Anchor): void {
    // Half of the memory of hex.
    this.#keep(log, size, Buffer.from(root, 'hex').toString('latin1'));
  }

  #keep(log: string, size: number, root: string): void {
    let roots = this.#logs.get(log);
    if (roots === undefined) {
      if (this.#logs.size >= LOGS) return;
      roots = new Map();
      this.#logs.set(log, roots);
    }
    const known = roots.get(size);
    if (known !== undefined) {
      if (known !== root) this.#contradicted.set(log, size);
      return;
    }
    roots.set(size, root);
    if (++this.#count > this.#limit) this.#thin();
  }

  absorb(other: AnchorBook): void {
    for (const [log, size] of other.#contradicted) this.#contradicted.set(log, size);
    for (const [log, roots] of other.#logs) for (const [size, root] of roots) this.#keep(log, size, root);
  }

  get logs(): readonly string[] {
    return [...this.#logs.keys()];
  }

  /** What was said of a log, by size. */
  of(log: string): Anchor[] {
    const roots = [...(this.#logs.get(log) ?? [])].sort(([one], [other]) => one - other);
    return roots.map(([size, root]) => ({ log, size, root: Buffer.from(root, 'latin1').toString('hex') }));
  }

  /** Sizes of logs of which two roots were said: one of them is not true. */
  get contradicted(): ReadonlyMap<string, number> {
    return this.#contradicted;
  }

  /** The furthest of each log is always kept. */
  #thin(): void {
    this.#count = 0;
    for (const [log, roots] of this.#logs) {
      const sizes = [...roots.keys()].sort((one, other) => other - one);
      this.#logs.set(log, new Map(sizes.filter((_, at) => at % 2 === 0).map((size) => [size, roots.get(size) as string])));
      this.#count += Math.ceil(sizes.length / 2);
    }
  }
}
