/**
 * Which entries of a journal a pack shows as they are: those of the sessions and the time that it is about, and of results only those of the sessions
 * that were drawn. All others are there as hashes. Depends on the entries and the survey alone, so the same period gives the same pack.
 */
import { decodeEvent, type Entry, KIND, sessionOfStart } from '../recording/index.js';
import type { PackScope } from './pack-scope.js';
import type { Survey } from './survey.js';

/** An entry of the log may be a moment older than its event in the journal: the frame has one time for all. */
export const GRACE_MS = 1_000;

export class Disclosure {
  readonly #scope: PackScope;
  readonly #survey: Survey;
  readonly #drawn: ReadonlySet<string>;
  /** Session of each number, by `journal/number`. */
  readonly #ids = new Map<string, string>();
  readonly #concerns: (data: Readonly<Record<string, unknown>>) => boolean;

  /** @param drawn sessions whose results are shown; `concerns` whether an event is about the one session of the scope */
  constructor(scope: PackScope, survey: Survey, drawn: ReadonlySet<string>, concerns: (data: Readonly<Record<string, unknown>>) => boolean) {
    this.#scope = scope;
    this.#survey = survey;
    this.#drawn = drawn;
    this.#concerns = concerns;
    for (const { id, journal, number } of survey.sessions.values()) if (number !== null) this.#ids.set(`${journal}/${number}`, id);
  }

  /** The session of a number, when its results are shown. */
  drawn(journal: string, number: number): string | null {
    const id = this.#ids.get(`${journal}/${number}`);
    return id !== undefined && this.#drawn.has(id) ? id : null;
  }

  shows(journal: string, entry: Entry, time: number): boolean {
    const { from, to, session: only } = this.#scope;
    if (time >= to + GRACE_MS) return false;
    if (entry.session === 0) return time >= from && (only === null || this.#isAbout(entry));
    const key = `${journal}/${entry.session}`;
    if (entry.kind === KIND.sessionStart) {
      const id = sessionOfStart(entry);
      if (id !== null && this.#survey.sessions.has(id)) this.#ids.set(key, id);
    }
    const id = this.#ids.get(key);
    if (id === undefined || (only !== null && id !== only)) return false;
    const isResult = entry.kind === KIND.delivered || entry.kind === KIND.received;
    return !isResult || this.#drawn.has(id);
  }

  #isAbout(entry: Entry): boolean {
    const event = entry.kind === KIND.event ? decodeEvent(entry.payload) : null;
    return event !== null && this.#concerns(event.data);
  }
}
