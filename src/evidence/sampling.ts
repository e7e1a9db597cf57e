/**
 * Draws that anyone can make again: items are ranked by SHA-256(seed ‖ item), and the lowest are taken. The seed is SHA-256 over the roots of the
 * checkpoints, which nobody chooses, and a word of the examiner, which the gateway does not know beforehand. Pure.
 */
import { createHash, hash } from 'node:crypto';

/** Hex. @param roots of the logs, in their order */
export function sampleSeed(roots: readonly Buffer[], nonce: string): string {
  const seed = createHash('sha256');
  for (const root of roots) seed.update(root);
  return seed.update(nonce, 'utf8').digest('hex');
}

export const SAMPLE_METHOD = 'rank the items by SHA-256(seed as 64 hex digits, then the item, as UTF-8) and take the lowest ones';

export interface Drawn {
  readonly item: string;
  readonly rank: string;
  readonly link: string;
}

/** One population: items are offered one by one, so it can be larger than memory. */
export class Draw {
  readonly population: string;
  readonly query: string;
  count = 0;
  readonly #seed: string;
  readonly #size: number;
  #lowest: Drawn[] = [];

  constructor(population: string, query: string, seed: string, size: number) {
    this.population = population;
    this.query = query;
    this.#seed = seed;
    this.#size = size;
  }

  offer(item: string, link: string): void {
    this.count++;
    const rank = hash('sha256', this.#seed + item, 'hex');
    const last = this.#lowest[this.#size - 1];
    if (last !== undefined && last.rank < rank) return;
    this.#lowest.push({ item, rank, link });
    this.#lowest.sort((a, b) => (a.rank < b.rank ? -1 : 1));
    this.#lowest = this.#lowest.slice(0, this.#size);
  }

  get drawn(): readonly Drawn[] {
    return this.#lowest;
  }
}
