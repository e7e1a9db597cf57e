/**
 * The sessions of a journal that ended by themselves, the last of them, for recovery: who stores session rows does so a little later than
 * the journal is written, so the rows of these may be missing. Bounded; older ones were stored long before.
 */
import type { SessionEnd, SessionStart } from '../contract/recording.js';
import { decodeEnd, decodeObject, type Entry } from './entry-decoder.js';
import { KIND } from './format.js';
import { readEnd, readStart } from './recorded-shapes.js';
import type { SessionLedger } from './session-ledger.js';

/** As many as may wait to be stored at once while new sessions are still accepted. */
const KEPT = 20_000;

export interface EndedSession {
  readonly id: string;
  /** Null: its key was lost, so nobody can read it. */
  readonly start: SessionStart | null;
  readonly end: SessionEnd | null;
}

export class EndedSessions {
  readonly #kept: { readonly start: Buffer; readonly end: Buffer }[] = [];
  #next = 0;

  /** To be called with each entry before `ledger` takes it. */
  take(entry: Entry, ledger: SessionLedger): void {
    // One that was erased ended long before.
    if (entry.kind !== KIND.sessionEnd || (entry.hidden !== null && entry.hidden !== 'no-key')) return;
    const start = ledger.open.get(entry.session)?.start ?? null;
    const end = decodeEnd(entry.payload);
    if (start === null || end === null) return;
    this.#kept[this.#next] = { start, end: Buffer.from(end.json) };
    this.#next = (this.#next + 1) % KEPT;
  }

  /** In no particular order. */
  *list(): Generator<EndedSession, void> {
    for (const kept of this.#kept) {
      const start = readStart(kept.start);
      const id = start?.session ?? decodeObject(kept.start)?.['session'];
      if (typeof id === 'string') yield { id, start, end: readEnd(kept.end) };
    }
  }
}
