/**
 * Searches the logs of a gateway, newest first, in the entries themselves: there is no index that could leave something out. Time never goes back
 * within a log, so a bound of time is found by halving. A page looks at a bounded number of entries and says where to go on.
 */
import type { AuditEntry, AuditFilter } from '../contract/audit-entry.js';
import { GwError } from '../contract/gw-error.js';
import { entryMatches } from './entry-matches.js';
import { firstKept, type LogState, logState, readEntries } from './live-log.js';
import { TILE_WIDTH } from './tile-layout.js';

export interface LogPage {
  readonly entries: readonly AuditEntry[];
  /** Where to go on; null: everything was looked at. There may be a next page though this one holds less than was asked for. */
  readonly next: string | null;
  /** What could not be looked at. */
  readonly missing: readonly string[];
}

/** Entries that one page looks at. */
const LOOKED_AT = 100_000;

/** @param directories of the logs. @throws GwError `usage.invalid` for a place that is none; `audit.invalid` */
export async function searchLogs(directories: readonly string[], filter: AuditFilter, limit: number, before: string | null): Promise<LogPage> {
  const places = before === null ? null : readPlaces(before);
  const readers: BackwardReader[] = [];
  for (const directory of directories) {
    const state = await logState(directory);
    if (state === null) continue;
    // A log that came up since the page before holds newer entries only.
    const end = places === null ? await placeOfTime(directory, state, filter.until) : Math.min(state.size, places.get(nameOf(directory)) ?? 0);
    readers.push(new BackwardReader(directory, { ...state, first: await firstKept(directory) }, end, filter));
  }
  const budget = { left: LOOKED_AT };
  const entries: AuditEntry[] = [];
  while (entries.length < limit) {
    for (const reader of readers) await reader.seek(budget);
    if (budget.left <= 0 && readers.some(({ head, ended }) => head === null && !ended)) break;
    const newest = readers.reduce<BackwardReader | null>((best, each) => (isNewer(each, best) ? each : best), null);
    if (newest === null) break;
    entries.push(...newest.take());
  }
  const done = readers.every(({ head, ended }) => head === null && ended);
  const next = done ? null : placesOf(new Map(readers.map((reader) => [reader.directory, reader.place])));
  return { entries, next, missing: readers.flatMap(({ missing }) => (missing === null ? [] : [missing])) };
}

/** The form of a place: below which index each log, by its directory, was not looked at. */
export function placesOf(ends: ReadonlyMap<string, number>): string {
  return [...ends].map(([directory, end]) => `${nameOf(directory)}.${end}`).join('~');
}

const nameOf = (directory: string): string => directory.slice(directory.lastIndexOf('/') + 1);

function readPlaces(text: string): Map<string, number> {
  const places = new Map<string, number>();
  if (text === '') return places;
  for (const part of text.split('~')) {
    const [, name, place] = /^(\d{1,3})\.(\d{1,15})$/.exec(part) ?? [];
    if (name === undefined || place === undefined) throw new GwError('usage.invalid', '`before` is no place of a page.');
    places.set(name, Number(place));
  }
  return places;
}

function isNewer({ head }: BackwardReader, than: BackwardReader | null): boolean {
  return head !== null && (than === null || than.head === null || head.time > than.head.time);
}

/** Index of the first entry at `time` or later; the size of the log without a time. */
async function placeOfTime(directory: string, state: LogState, time: string | null): Promise<number> {
  if (time === null) return state.size;
  const at = Date.parse(time);
  let low = 0;
  let high = Math.ceil(state.size / TILE_WIDTH);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const first = (await readEntries(directory, middle, state))?.[0];
    if (first === undefined || Date.parse(first.time) < at) low = middle + 1;
    else high = middle;
  }
  return Math.min(state.size, low * TILE_WIDTH);
}

/** Entries of one log that match, from its end to its beginning. */
class BackwardReader {
  readonly directory: string;
  readonly #state: LogState & { readonly first: number };
  readonly #matches: (entry: AuditEntry) => boolean;
  readonly #since: number;
  /** Entries below this index were not looked at. */
  #at: number;
  #bundle: readonly AuditEntry[] = [];
  #bundleFirst = Number.POSITIVE_INFINITY;
  head: AuditEntry | null = null;
  ended = false;
  missing: string | null = null;

  constructor(directory: string, state: LogState & { readonly first: number }, at: number, filter: AuditFilter) {
    this.directory = directory;
    this.#state = state;
    this.#at = at;
    this.#matches = entryMatches(filter);
    this.#since = filter.since === null ? Number.NEGATIVE_INFINITY : Date.parse(filter.since);
  }

  /** Where a next page begins. */
  get place(): number {
    if (this.head !== null) return this.head.n + 1;
    return this.ended ? 0 : this.#at;
  }

  take(): AuditEntry[] {
    const { head } = this;
    this.head = null;
    return head === null ? [] : [head];
  }

  /** Finds the next entry, unless there is one already or the budget is spent. */
  async seek(budget: { left: number }): Promise<void> {
    while (this.head === null && !this.ended && budget.left > 0) {
      const { origin, first } = this.#state;
      if (this.#at <= first) {
        this.ended = true;
        if (first > 0) this.missing = `${origin}: the entries before ${first} were pruned`;
        return;
      }
      if (this.#at <= this.#bundleFirst && !(await this.#load())) return;
      this.#at--;
      budget.left--;
      const entry = this.#bundle[this.#at - this.#bundleFirst];
      if (entry === undefined) continue;
      if (Date.parse(entry.time) < this.#since) this.ended = true;
      else if (this.#matches(entry)) this.head = entry;
    }
  }

  async #load(): Promise<boolean> {
    const index = Math.floor((this.#at - 1) / TILE_WIDTH);
    const bundle = await readEntries(this.directory, index, this.#state);
    if (bundle === null) {
      this.ended = true;
      this.missing = `${this.#state.origin}: the entries up to ${this.#at - 1} are not there`;
      return false;
    }
    this.#bundle = bundle;
    this.#bundleFirst = index * TILE_WIDTH;
    return true;
  }
}
