/**
 * The messages that went up and whose answers are still to come, in order. PostgreSQL answers strictly in the order of the requests, so
 * this queue says at each moment to whom the next answer belongs, and where in a pipeline a refusal stands. A ring of parallel arrays: the
 * pass path allocates nothing here.
 */
import type { Verdict } from '../../contract/verdict.js';
import type { ResultMasker } from './masking/result-masker.js';
import type { NameChange, Portal } from './names.js';

/** What a queued message is waiting for. */
export const Wait = {
  Query: 1,
  Parse: 2,
  Bind: 3,
  Describe: 4,
  Execute: 5,
  Close: 6,
  Sync: 7,
} as const;

export interface FlightExtra {
  /** This entry is a stand-in that the server will answer with an error; the client gets these bytes in place of that error. */
  readonly refusal: Buffer | null;
  /** The gateway asked this itself: the client does not see the answer. */
  readonly silent?: true;
  /** Names of statements and portals that change when the answer comes; `step` counts the statements of a Query. */
  readonly changes: readonly { readonly step: number; readonly change: NameChange }[];
}

export class Flight {
  #kinds = new Uint8Array(64);
  #verdicts: (Verdict | null)[] = new Array<Verdict | null>(64).fill(null);
  #extras: (FlightExtra | null)[] = new Array<FlightExtra | null>(64).fill(null);
  #portals: (Portal | null)[] = new Array<Portal | null>(64).fill(null);
  #maskers: (ResultMasker | null)[] = new Array<ResultMasker | null>(64).fill(null);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(kind: number, verdict: Verdict | null, extra: FlightExtra | null, portal: Portal | null = null, masker: ResultMasker | null = null): void {
    if (this.#length === this.#kinds.length) this.#grow();
    const at = (this.#head + this.#length) & (this.#kinds.length - 1);
    this.#kinds[at] = kind;
    this.#verdicts[at] = verdict;
    this.#extras[at] = extra;
    this.#portals[at] = portal;
    this.#maskers[at] = masker;
    this.#length++;
  }

  /** Kind of the entry `offset` places behind the head; 0 when there is none. */
  kind(offset = 0): number {
    return offset < this.#length ? (this.#kinds[(this.#head + offset) & (this.#kinds.length - 1)] ?? 0) : 0;
  }

  verdict(offset = 0): Verdict | null {
    return offset < this.#length ? (this.#verdicts[(this.#head + offset) & (this.#kinds.length - 1)] ?? null) : null;
  }

  extra(offset = 0): FlightExtra | null {
    return offset < this.#length ? (this.#extras[(this.#head + offset) & (this.#kinds.length - 1)] ?? null) : null;
  }

  /** The portal that the Execute at `offset` runs. */
  portal(offset = 0): Portal | null {
    return offset < this.#length ? (this.#portals[(this.#head + offset) & (this.#kinds.length - 1)] ?? null) : null;
  }

  /** An Execute of this portal has no answer. */
  runs(portal: Portal): boolean {
    for (let i = 0; i < this.#length; i++) if (this.kind(i) === Wait.Execute && this.portal(i) === portal) return true;
    return false;
  }

  /** What masks the result of the entry at the head; null: nothing of it is hidden. */
  masker(): ResultMasker | null {
    return this.#length > 0 ? (this.#maskers[this.#head] ?? null) : null;
  }

  /** The entry at the head is answered by these bytes instead of the server's error. Names that it changes keep what they meant. */
  refuse(refusal: Buffer): void {
    for (const { change } of this.extra()?.changes ?? []) change.reject();
    if (this.#length > 0) this.#extras[this.#head] = { refusal, changes: [] };
  }

  pop(): void {
    const at = this.#head;
    this.#verdicts[at] = null;
    this.#extras[at] = null;
    this.#portals[at] = null;
    this.#maskers[at] = null;
    this.#head = (at + 1) & (this.#kinds.length - 1);
    this.#length--;
  }

  /** Whether a statement may be running, or has an answer to come that tells what it changed. */
  get running(): boolean {
    for (let i = 0; i < this.#length; i++) {
      const kind = this.kind(i);
      if (kind === Wait.Query || kind === Wait.Bind || kind === Wait.Execute || kind === Wait.Sync) return true;
    }
    return false;
  }

  /** Something of an earlier segment has no ReadyForQuery yet. */
  get unready(): boolean {
    for (let i = 0; i < this.#length; i++) {
      const kind = this.kind(i);
      if (kind === Wait.Query || kind === Wait.Sync) return true;
    }
    return false;
  }

  #grow(): void {
    const size = this.#kinds.length;
    const kinds = new Uint8Array(size * 2);
    const verdicts = new Array<Verdict | null>(size * 2).fill(null);
    const extras = new Array<FlightExtra | null>(size * 2).fill(null);
    const portals = new Array<Portal | null>(size * 2).fill(null);
    const maskers = new Array<ResultMasker | null>(size * 2).fill(null);
    for (let i = 0; i < size; i++) {
      kinds[i] = this.kind(i);
      verdicts[i] = this.verdict(i);
      extras[i] = this.extra(i);
      portals[i] = this.portal(i);
      maskers[i] = this.#maskers[(this.#head + i) & (size - 1)] ?? null;
    }
    this.#kinds = kinds;
    this.#verdicts = verdicts;
    this.#extras = extras;
    this.#portals = portals;
    this.#maskers = maskers;
    this.#head = 0;
  }
}
