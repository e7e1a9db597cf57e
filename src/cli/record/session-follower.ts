/**
 * Which sessions began and ended since the last look, out of the list of sessions alone: its newest pages down to what is known, the live ones when a
 * known one is not on these pages, and the ends of those that are no longer live. Both memory and requests are bounded: of more than some thousands that
 * begin between two looks, or are live, the oldest are left out.
 */
import type { SessionQuery } from '../../client/gateway-client.js';
import type { SessionList, SessionSummary } from '../../contract/api-types.js';

/** Of the first page of a look; what happens in a moment is on it. */
const PAGE = 100;
/** Of all further pages: the most that the API gives. */
const LONG_PAGE = 1_000;
/** Requests of each kind in one look. */
const REQUESTS = 10;
const LIVE = REQUESTS * LONG_PAGE;
const KNOWN = 3 * LIVE;
/** After so many looks nothing comes into the list behind a session any more: several processes write it, each a moment later. */
const SETTLED = 2;

export interface FoundSessions {
  /** In the order in which they began and ended. */
  readonly sessions: readonly SessionSummary[];
  /** More began than one look takes: they go on before this session; null: these are all. */
  readonly more: string | null;
}

interface Page {
  readonly sessions: readonly SessionSummary[];
  /** The list ends here. */
  readonly whole: boolean;
}

export class SessionFollower {
  readonly #ask: (query: SessionQuery) => Promise<SessionList>;
  readonly #query: SessionQuery;
  /** The query in every state: who asks for live sessions alone wants to see them end. */
  readonly #anyState: SessionQuery;
  /** Sessions may come to fit the query while they run. */
  readonly #fitsLater: boolean;
  /** The newest sessions that were seen, the last seen last. */
  readonly #known = new Map<string, { readonly state: string; readonly look: number }>();
  /** Sessions whose end is still to come. */
  readonly #live = new Map<string, SessionSummary>();
  #look = 0;
  /** What had ended and began before then is no news. */
  #floor = '';

  constructor(ask: (query: SessionQuery) => Promise<SessionList>, query: SessionQuery) {
    this.#ask = ask;
    this.#query = query;
    this.#anyState = { ...query, state: undefined, limit: undefined };
    const { relation, verdict, action, masked, approval } = query;
    this.#fitsLater = [relation, verdict, action, masked, approval].some((filter) => filter !== undefined);
  }

  /** The page that the query asks for. */
  async start(): Promise<FoundSessions> {
    // First, so that what begins or ends meanwhile is found later.
    const { sessions, next } = await this.#ask({ ...this.#anyState, limit: PAGE });
    if (next !== null) this.#floor = sessions.at(-1)?.startedAt ?? '';
    this.#note(sessions);
    this.#note((await this.#liveNow()).sessions);
    const shown = (await this.#ask(this.#query)).sessions;
    this.#note(shown);
    return { sessions: shown.toReversed(), more: null };
  }

  /** What began or ended since the last look. */
  async look(): Promise<FoundSessions> {
    this.#look++;
    const { sessions: newest, whole, more } = await this.#newest();
    const found = new Map(newest.map((session) => [session.id, session]));
    let reach = '';
    if (!whole && (this.#fitsLater || [...this.#live.keys()].some((id) => !found.has(id)))) {
      const live = await this.#liveNow();
      for (const session of live.sessions) if (!found.has(session.id)) found.set(session.id, session);
      if (!live.whole) reach = live.sessions.at(-1)?.startedAt ?? '';
    }
    const left = [...this.#live.values()].filter(({ id, startedAt }) => !found.has(id) && startedAt > reach);
    const seen = [...found.values(), ...(await this.#endsOf(left))];
    const news = seen.filter((session) => this.#isNews(session));
    // Below these nothing is looked for any more when there were too many.
    this.#note(seen, more === null ? this.#look : this.#look - SETTLED);
    const wanted = this.#query.state === 'ended' ? news.filter(({ state }) => state === 'ended') : news;
    return { sessions: wanted.sort((a, b) => (happenedAt(a) < happenedAt(b) ? -1 : 1)), more };
  }

  #isNews({ id, state, startedAt }: SessionSummary): boolean {
    const known = this.#known.get(id);
    return known === undefined ? state === 'live' || startedAt >= this.#floor : known.state !== state;
  }

  #note(sessions: readonly SessionSummary[], look = this.#look): void {
    for (const session of sessions) {
      const { id, state } = session;
      const first = this.#known.get(id)?.look ?? look;
      this.#known.delete(id);
      this.#known.set(id, { state, look: Math.min(first, look) });
      if (state === 'live') this.#live.set(id, session);
      else this.#live.delete(id);
    }
    forget(this.#known, KNOWN);
    forget(this.#live, LIVE);
  }

  /** From the newest down to one behind which nothing new can be. */
  async #newest(): Promise<Page & Pick<FoundSessions, 'more'>> {
    const sessions: SessionSummary[] = [];
    let { before } = this.#anyState;
    for (let request = 0; request < REQUESTS; request++) {
      const page = await this.#ask({ ...this.#anyState, before, limit: request === 0 ? PAGE : LONG_PAGE });
      sessions.push(...page.sessions);
      if (page.next === null) return { sessions, whole: true, more: null };
      if (page.sessions.some((session) => this.#isOld(session))) return { sessions, whole: false, more: null };
      before = page.next;
    }
    return { sessions, whole: false, more: before ?? null };
  }

  #isOld({ id, startedAt }: SessionSummary): boolean {
    return startedAt <= this.#floor || (this.#known.get(id)?.look ?? this.#look) <= this.#look - SETTLED;
  }

  async #liveNow(): Promise<Page> {
    const sessions: SessionSummary[] = [];
    let { before } = this.#anyState;
    for (let request = 0; request < REQUESTS; request++) {
      const page = await this.#ask({ ...this.#anyState, state: 'live', before, limit: LONG_PAGE });
      sessions.push(...page.sessions);
      if (page.next === null) return { sessions, whole: true };
      before = page.next;
    }
    return { sessions, whole: false };
  }

  /**
   * Sessions that are not in the list of live ones any more, as they ended. Those that did not end have left the query, and are followed no longer; those
   * that there was no request left for stay for the next look.
   */
  async #endsOf(left: readonly SessionSummary[]): Promise<SessionSummary[]> {
    const ends: SessionSummary[] = [];
    // Its requests may have been decided meanwhile; an operation that it had it keeps.
    const lasting: SessionQuery = { ...this.#anyState, approval: undefined, state: 'ended', limit: LONG_PAGE };
    let waiting = left.toSorted((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
    for (let request = 0; request < REQUESTS; request++) {
      const [newest, oldest] = [waiting[0], waiting.at(-1)];
      if (newest === undefined || oldest === undefined) break;
      const { sessions, next } = await this.#ask({ ...lasting, since: oldest.startedAt, until: justAfter(newest.startedAt) });
      const reach = next === null ? '' : (sessions.at(-1)?.startedAt ?? '');
      const ended = new Map(sessions.map((session) => [session.id, session]));
      const still: SessionSummary[] = [];
      for (const session of waiting) {
        const end = ended.get(session.id);
        if (end !== undefined) ends.push(end);
        else if (session.startedAt > reach) this.#live.delete(session.id);
        else still.push(session);
      }
      waiting = still;
    }
    return ends;
  }
}

const happenedAt = ({ startedAt, endedAt }: SessionSummary): string => endedAt ?? startedAt;

/** The next millisecond; undefined when the gateway said no time. */
function justAfter(time: string): string | undefined {
  const after = new Date(Date.parse(time) + 1);
  return Number.isNaN(after.getTime()) ? undefined : after.toISOString();
}

/** The oldest go. */
function forget(map: Map<string, unknown>, most: number): void {
  for (const id of map.keys()) {
    if (map.size <= most) return;
    map.delete(id);
  }
}
