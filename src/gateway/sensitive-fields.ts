/**
 * The sensitive fields of entries of the log, out of the journals, where alone they stand. A log and the journal of its writer hold the same events in the
 * same order, so both are walked side by side: an entry is found by its kind and its public fields. What was erased, or expired, stays away.
 */
import { join } from 'node:path';
import { LOG_EVENTS } from '../audit/index.js';
import { canonicalJson } from '../base/canonical-json.js';
import type { AuditEntry } from '../contract/audit-entry.js';
import { isWorkerAlive, type JournalEvent, type JournalKeys, readEvents } from '../recording/index.js';

export interface SensitiveSource {
  /** Null: the entry has none, or they are gone. Asked for each log in its order, and again for what was not delivered. */
  of(entry: AuditEntry): Promise<Readonly<Record<string, unknown>> | null>;
  close(): void;
}

/** Journals that are followed at once; another one is read from its beginning again. */
const JOURNALS = 16;
/** Events of a journal that were passed and not asked for. */
const PASSED = 20_000;
/** Entries whose fields are kept for whoever asks again: more than a sink makes of a batch at once. */
const GIVEN = 5_000;
/** A journal's name becomes part of a path. */
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

export function createSensitiveSource(journalDir: string, keys: JournalKeys): SensitiveSource {
  const journals = new Map<string, FollowedJournal>();
  const given = new Map<string, Readonly<Record<string, unknown>>>();
  return {
    of: async (entry) => {
      if (!Array.isArray(entry.data['apart']) || !NAME.test(entry.journal)) return null;
      const place = `${entry.log}#${entry.n}`;
      const before = given.get(place);
      if (before !== undefined) return before;
      let journal = journals.get(entry.journal);
      if (journal === undefined) {
        const oldest = [...journals.keys()][0];
        if (journals.size >= JOURNALS && oldest !== undefined) {
          journals.get(oldest)?.close();
          journals.delete(oldest);
        }
        journal = await FollowedJournal.open(journalDir, entry.journal, keys);
        journals.set(entry.journal, journal);
      }
      const found = await journal.find(keyOfEntry(entry));
      if (found === null) return null;
      const [first] = given.keys();
      if (given.size >= GIVEN && first !== undefined) given.delete(first);
      given.set(place, found);
      return found;
    },
    close: () => {
      for (const journal of journals.values()) journal.close();
    },
  };
}

class FollowedJournal {
  readonly #events: AsyncGenerator<JournalEvent, void>;
  readonly #passed = new Map<string, Readonly<Record<string, unknown>>[]>();
  #passedCount = 0;
  #next: Promise<IteratorResult<JournalEvent, void>> | null = null;
  /** Called where the journal ends at the moment; and what goes on from there. */
  #atEnd: () => void = () => undefined;
  #goOn: ((more: boolean) => void) | null = null;

  private constructor(dir: string, bootId: string, keys: JournalKeys, live: boolean) {
    const more = (): Promise<boolean> =>
      new Promise((resolve) => {
        this.#goOn = resolve;
        this.#atEnd();
      });
    this.#events = readEvents({ dir, bootId, keys, live, more });
  }

  static async open(dir: string, bootId: string, keys: JournalKeys): Promise<FollowedJournal> {
    return new FollowedJournal(dir, bootId, keys, await isWorkerAlive(join(dir, bootId)));
  }

  async find(key: string): Promise<Readonly<Record<string, unknown>> | null> {
    const known = this.#take(key);
    if (known !== null) return known;
    for (let event = await this.#read(); event !== null; event = await this.#read()) {
      const passed = keyOfEvent(event);
      if (passed.key === key) return passed.sensitive;
      this.#pass(passed);
    }
    return null;
  }

  close(): void {
    this.#goOn?.(false);
  }

  #take(key: string): Readonly<Record<string, unknown>> | null {
    const list = this.#passed.get(key);
    const first = list?.shift();
    if (first === undefined) return null;
    if (list?.length === 0) this.#passed.delete(key);
    this.#passedCount--;
    return first;
  }

  #pass({ key, sensitive }: Keyed): void {
    if (sensitive === null) return;
    const list = this.#passed.get(key);
    if (list === undefined) this.#passed.set(key, [sensitive]);
    else list.push(sensitive);
    const oldest = [this.#passed.keys().next().value].find((each) => each !== undefined);
    if (++this.#passedCount > PASSED && oldest !== undefined) this.#take(oldest);
  }

  /** The next event; null where there is none yet. */
  async #read(): Promise<JournalEvent | null> {
    const ended = new Promise<null>((resolve) => {
      this.#atEnd = () => resolve(null);
    });
    this.#next ??= this.#events.next();
    this.#goOn?.(true);
    this.#goOn = null;
    const read = await Promise.race([this.#next, ended]);
    if (read === null) return null;
    this.#next = null;
    return read.done === true ? null : read.value;
  }
}

interface Keyed {
  readonly key: string;
  readonly sensitive: Readonly<Record<string, unknown>> | null;
}

function keyOfEntry({ kind, data }: AuditEntry): string {
  if (kind === 'session.start' || kind === 'session.end') return `${kind} ${String(data['session'])}`;
  const { apart: _apart, dropped: _dropped, ...open } = data;
  return `${kind} ${canonicalJson(open)}`;
}

function keyOfEvent(event: JournalEvent): Keyed {
  if (event.kind === 'start') {
    const { session, identity, clientAddress, reason, client } = event.start;
    const { name, email, groups, onBehalfOf } = identity;
    return { key: `session.start ${session}`, sensitive: given('session.start', { name, email, groups, onBehalfOf, clientAddress, reason, client }) };
  }
  if (event.kind === 'end') return { key: `session.end ${event.session}`, sensitive: given('session.end', { message: event.end.message }) };
  const { sensitive, dropped: _dropped, ...open } = event.data;
  const fields = typeof sensitive === 'object' && sensitive !== null ? (sensitive as Record<string, unknown>) : null;
  return { key: `${event.event} ${canonicalJson(open)}`, sensitive: fields };
}

/** Only what the schema classes as sensitive. */
function given(kind: 'session.start' | 'session.end', values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const fields: Readonly<Record<string, string>> = LOG_EVENTS[kind];
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => fields[name] === 'sensitive' && value !== null));
}
