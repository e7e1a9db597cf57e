/**
 * Remembers what was found complete, session by session, as digests of all that the journals and the store said of it, so that what is there at the end can
 * be held against it: recorded once and gone later would be a loss too.
 */
import { createHash } from 'node:crypto';
import type { SessionSummary } from '../../../src/contract/session-store.js';
import type { RecordedSession } from './recorded-sessions.js';

interface Kept {
  readonly journal: string;
  readonly recorded: string;
  readonly stored: string;
}

export class KeptRecord {
  readonly #kept = new Map<string, Kept>();

  get sessions(): number {
    return this.#kept.size;
  }

  get journals(): string[] {
    return [...new Set([...this.#kept.values()].map(({ journal }) => journal))];
  }

  keep(sessions: readonly RecordedSession[], stored: ReadonlyMap<string, SessionSummary>): void {
    for (const session of sessions) {
      const { journal, start } = session;
      this.#kept.set(start.session, { journal, recorded: digestOf(session), stored: digestOf(stored.get(start.session)) });
    }
  }

  /** What is not as it was, in words. @param sessions all there are, one journal after the other */
  async differences(sessions: AsyncIterable<RecordedSession>, stored: ReadonlyMap<string, SessionSummary>): Promise<string[]> {
    const wrong: string[] = [];
    const missing = new Set(this.#kept.keys());
    for await (const session of sessions) {
      const id = session.start.session;
      const kept = this.#kept.get(id);
      if (!missing.delete(id)) wrong.push(`${id}: ${kept === undefined ? 'was not there before' : 'is there twice'}`);
      if (kept !== undefined && kept.recorded !== digestOf(session)) wrong.push(`${id}: its record is not what it was`);
    }
    for (const id of missing) wrong.push(`${id}: was on record, and is not any more`);
    for (const [id, kept] of this.#kept) if (kept.stored !== digestOf(stored.get(id))) wrong.push(`${id}: the store says something else than before`);
    return wrong;
  }
}

function digestOf(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(plain(value)) ?? '')
    .digest('hex');
}

/** The same without bytes, which JSON would write number by number. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return createHash('sha256').update(value).digest('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}
