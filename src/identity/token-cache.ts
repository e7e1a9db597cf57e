/**
 * Tokens that were verified, by SHA-256 of the token: a signature check costs about 60 µs, and `gw exec` loops present the same token
 * again and again. The token itself is not kept. Bounded, least recently used first out.
 */
import { createHash } from 'node:crypto';
import type { Identity } from '../contract/identity.js';

export interface CachedToken {
  readonly identity: Identity;
  /** Of the issuer's key set when the token was verified; with other keys it must be verified again. */
  readonly generation: number;
}

export class TokenCache {
  readonly #capacity: number;
  readonly #entries = new Map<string, CachedToken>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  static keyOf(token: string): string {
    return createHash('sha256').update(token).digest('base64');
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @param now milliseconds since the epoch; what has expired by then is forgotten */
  get(key: string, now: number): CachedToken | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    this.#entries.delete(key);
    if (entry.identity.expiresAt <= now) return null;
    this.#entries.set(key, entry);
    return entry;
  }

  set(key: string, entry: CachedToken): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#capacity) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
