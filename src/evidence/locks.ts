/**
 * When identities were locked and unlocked, as the entries of the logs tell it: whoever is locked has no access, whatever the policy gives them. Of a lock
 * from before the first entry at hand nothing is known. Pure; entries are untrusted.
 */
import type { AuditLeaf } from '../audit/index.js';

/** A lock is in the log before it is carried out, and other workers learn of it a moment later. */
const LOCK_GRACE_MS = 5_000;

export interface Lock {
  readonly issuer: string;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly from: number;
  /** Null: it was in force at the end of the period. */
  readonly until: number | null;
}

interface Change {
  readonly time: number;
  readonly locked: boolean;
}

export class Locks {
  readonly #to: number;
  /** By identity. */
  readonly #changes = new Map<string, Change[]>();
  readonly #who = new Map<string, { readonly issuer: string; readonly subject: string }>();

  /** @param to entries from then on count for nothing */
  constructor(to: number) {
    this.#to = to;
  }

  /** Every entry at hand, in the order of its log. */
  take({ kind, data, time }: AuditLeaf): void {
    if (kind !== 'subject.lock' && kind !== 'subject.unlock') return;
    const at = Date.parse(time);
    if (!(at < this.#to)) return;
    const [issuer, subject] = [String(data['issuer']), String(data['subject'])];
    const key = identityKey(issuer, subject);
    this.#who.set(key, { issuer, subject });
    const list = this.#changes.get(key) ?? [];
    this.#changes.set(key, list);
    list.push({ time: at, locked: kind === 'subject.lock' });
    list.sort((a, b) => a.time - b.time);
  }

  /** All of them, by identity and in the order of time. */
  get all(): readonly Lock[] {
    return [...this.#who].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([key, who]) => this.#of(key).map((lock) => ({ ...who, ...lock })));
  }

  /** The locks of one identity, in the order of time. */
  of(issuer: string, subject: string): readonly Lock[] {
    return this.#of(identityKey(issuer, subject)).map((lock) => ({ issuer, subject, ...lock }));
  }

  /** Whether somebody had been locked for longer than it takes to carry it out. */
  isLocked(issuer: string, subject: string, time: number): boolean {
    if (this.#changes.size === 0) return false;
    return this.#of(identityKey(issuer, subject)).some(({ from, until }) => time > from + LOCK_GRACE_MS && (until === null || time < until));
  }

  #of(key: string): { readonly from: number; readonly until: number | null }[] {
    const found: { from: number; until: number | null }[] = [];
    for (const { time, locked } of this.#changes.get(key) ?? []) {
      const last = found.at(-1);
      const isOpen = last !== undefined && last.until === null;
      if (locked && !isOpen) found.push({ from: time, until: null });
      else if (!locked && isOpen) last.until = time;
    }
    return found;
  }
}

export const identityKey = (issuer: string, subject: string): string => JSON.stringify([issuer, subject]);
