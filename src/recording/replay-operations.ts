/**
 * All begins and operations of all journals since a moment, in the order of the journals, with their facts and decisions but without their results. For
 * asking again what was decided: fast, because facts and decisions are decoded once for each session. Input is untrusted; what cannot be read
 * is given as null.
 */
import type { RecordedDecision } from '../contract/decision.js';
import type { Facts } from '../contract/operation.js';
import type { SessionStart } from '../contract/recording.js';
import { type JournalKeys, plainJournals } from './encryption/journal-keyring.js';
import { openEntries } from './encryption/open-entries.js';
import { decodeDefinition, decodeEvent, decodeOperation, type Entry } from './entry-decoder.js';
import { DEFINE, DEFINITIONS, KIND } from './format.js';
import { listWorkers } from './journal-directory.js';
import { readDecision, readFacts, readStart } from './recorded-shapes.js';
import { walkJournal } from './walk-journal.js';

/** Sessions and what they defined that are held at once. */
const OPEN_SESSIONS = 200_000;
/** Descriptions that are looked for among those of other sessions: how long, and how many. */
const SHARED_BYTES = 4_096;
const SHARED_LIMIT = 4_096;

interface OpenSession<Session> {
  readonly session: Session;
  readonly facts: Map<number, Facts | null>;
  readonly decisions: Map<number, RecordedDecision | null>;
}

export interface ReplayVisitor<Session> {
  session(start: SessionStart): Session;
  /** It began at `since` or later; before anything else of it. */
  begun(session: Session): void;
  renewed(session: Session, groups: readonly string[]): void;
  operation(
    session: Session,
    operation: { readonly sequence: number; readonly time: number; readonly facts: Facts | null; readonly decision: RecordedDecision | null; text(): string },
  ): void;
}

export interface ReplayOptions {
  readonly dir: string;
  readonly keys?: JournalKeys;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Called after each frame; what it gives is awaited. So that a long replay lets others work, and can be ended by a rejection. */
  breathe(): Promise<void> | null;
}

/** Operations and begins before `since` are left out; sessions that began before it are given with what follows. */
export async function replayOperations<Session>(options: ReplayOptions, visitor: ReplayVisitor<Session>): Promise<void> {
  const shared = new SharedFacts();
  for (const bootId of await listWorkers(options.dir)) {
    const opener = await (options.keys ?? plainJournals).opener(options.dir, bootId);
    const open = new Map<number, OpenSession<Session>>();
    const starts = new Map<number, SessionStart>();
    const get = (number: number): OpenSession<Session> | undefined => {
      const known = open.get(number);
      if (known !== undefined) return known;
      const start = starts.get(number);
      if (start === undefined) return undefined;
      starts.delete(number);
      const made = { session: visitor.session(start), facts: new Map(), decisions: new Map() };
      open.set(number, made);
      return made;
    };
    const take = (entry: Entry, time: number): void => {
      const { payload } = entry;
      if (entry.kind === KIND.sessionStart) {
        const start = readStart(payload);
        if (start === null || starts.size + open.size >= OPEN_SESSIONS) return;
        starts.set(entry.session, start);
        if (time < options.since) return;
        const begun = get(entry.session);
        if (begun !== undefined) visitor.begun(begun.session);
        return;
      }
      if (entry.kind === KIND.sessionEnd) {
        open.delete(entry.session);
        starts.delete(entry.session);
        return;
      }
      if (entry.kind !== KIND.define && entry.kind !== KIND.operation && entry.kind !== KIND.event) return;
      const session = get(entry.session);
      if (session === undefined) return;
      if (entry.kind === KIND.define) define(session, payload, shared);
      else if (entry.kind === KIND.operation) visit(session, payload, time);
      else renew(session, payload);
    };
    const visit = (session: OpenSession<Session>, payload: Buffer, time: number): void => {
      const operation = time < options.since ? null : decodeOperation(payload);
      if (operation === null) return;
      const { sequence, exact } = operation;
      const facts = session.facts.get(operation.facts) ?? null;
      const decision = session.decisions.get(operation.decision) ?? null;
      visitor.operation(session.session, { sequence, time, facts, decision, text: () => exact.toString('utf8') });
    };
    const renew = (session: OpenSession<Session>, payload: Buffer): void => {
      const event = decodeEvent(payload);
      const groups = event?.kind === 'session.renewed' ? event.data['groups'] : null;
      if (Array.isArray(groups)) visitor.renewed(session.session, groups.map(String));
    };
    for await (const item of walkJournal({ dir: options.dir, bootId, live: true })) {
      if (item.kind !== 'frame') continue;
      const { frame } = item;
      for (const entry of openEntries(frame, opener)) {
        if (typeof entry === 'string') break;
        if (entry.hidden !== null && entry.kind !== KIND.sessionEnd) continue;
        take(entry, frame.time);
      }
      const pause = options.breathe();
      if (pause !== null) await pause;
    }
  }
}

function define(
  session: { readonly facts: Map<number, Facts | null>; readonly decisions: Map<number, RecordedDecision | null> },
  payload: Buffer,
  shared: SharedFacts,
): void {
  const definition = decodeDefinition(payload);
  if (definition === null || definition.number >= DEFINITIONS) return;
  if (definition.number === 0) {
    session.facts.clear();
    session.decisions.clear();
  }
  if (definition.type === DEFINE.facts) session.facts.set(definition.number, shared.read(definition.json));
  else if (definition.type === DEFINE.decision) session.decisions.set(definition.number, readDecision(definition.json));
}

/** Equal facts of many sessions are read once and are one object, so that they are decided once for each view. Forgotten as a whole when full. */
class SharedFacts {
  readonly #known = new Map<string, Facts>();

  read(json: Buffer): Facts | null {
    if (json.length > SHARED_BYTES) return readFacts(json);
    const key = json.toString('latin1');
    const same = this.#known.get(key);
    if (same !== undefined) return same;
    const facts = readFacts(json);
    if (this.#known.size >= SHARED_LIMIT) this.#known.clear();
    if (facts !== null) this.#known.set(key, facts);
    return facts;
  }
}
