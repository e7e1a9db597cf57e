/**
 * From the bytes of a statement to its analysis without parsing it again: by its exact bytes, then by its shape. Every statement of every
 * session passes here, so a hit allocates nothing but its key. Keys are compared in full (they are the Map's own strings), never by a
 * hash. Bounded in entries and bytes by two generations: what is not asked for while a generation fills is forgotten.
 */
import { type Analysis, analyseBytes, TEXT_LIMIT } from './analysis.js';
import { SHAPE_LIMIT, writeShape } from './shape.js';

export interface CacheLimits {
  /** Entries of one generation of one index. */
  readonly entries: number;
  /** Bytes of one generation of one index: keys, and what their analyses take up by a rough count. */
  readonly bytes: number;
}

const DEFAULT_LIMITS: CacheLimits = { entries: 4096, bytes: 8 * 1024 * 1024 };

/** What one effect takes up in memory, roughly. */
const EFFECT_BYTES = 300;

/** A map that forgets. */
class Generations {
  readonly #limits: CacheLimits;
  #young = new Map<string, Analysis>();
  #old = new Map<string, Analysis>();
  #bytes = 0;

  constructor(limits: CacheLimits) {
    this.#limits = limits;
  }

  get(key: string): Analysis | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, analysis: Analysis): void {
    const weight = key.length + EFFECT_BYTES * (1 + analysis.facts.effects.length);
    if (weight > this.#limits.bytes) return;
    if (this.#young.size >= this.#limits.entries || this.#bytes + weight > this.#limits.bytes) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#bytes = 0;
    }
    this.#young.set(key, analysis);
    this.#bytes += weight;
  }
}

export class StatementCache {
  readonly #exact: Generations;
  readonly #shapes: Generations;
  readonly #scratch = Buffer.allocUnsafeSlow(SHAPE_LIMIT);

  constructor(limits: CacheLimits = DEFAULT_LIMITS) {
    this.#exact = new Generations(limits);
    this.#shapes = new Generations(limits);
  }

  /**
   * The analysis of `buffer[start..end)`: SQL text as it came, without the NUL that ends it on the wire. Untrusted. Never throws; equal
   * bytes, and bytes of an equal shape that may share, give the very same object while it is remembered.
   */
  analyse(buffer: Buffer, start: number, end: number): Analysis {
    const shape = end - start <= SHAPE_LIMIT ? writeShape(buffer, start, end, this.#scratch) : -1;
    if (shape < 0) return this.#byBytes(buffer, start, end);
    const key = this.#scratch.toString('latin1', 0, shape);
    const known = this.#shapes.get(key);
    if (known !== undefined) return known.shareable ? known : this.#byBytes(buffer, start, end);
    const fresh = this.#byBytes(buffer, start, end);
    // A shape that may not share is remembered too, only to say so.
    if (!fresh.transient) this.#shapes.set(key, fresh);
    return fresh;
  }

  #byBytes(buffer: Buffer, start: number, end: number): Analysis {
    if (end - start > TEXT_LIMIT) return analyseBytes(buffer, start, end);
    const key = buffer.toString('latin1', start, end);
    const known = this.#exact.get(key);
    if (known !== undefined) return known;
    const analysis = analyseBytes(buffer, start, end);
    if (!analysis.transient) this.#exact.set(key, analysis);
    return analysis;
  }
}
