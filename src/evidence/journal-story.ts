/**
 * Follows all sessions of one journal at once through the entries that a pack shows, and tells a visitor what happened: each operation with what was
 * masked of it and who let it through, where its entry stands, and the events of the gateway. Pure; entries are untrusted.
 */
import type { SessionStart } from '../contract/recording.js';
import { decodeEvent, type Entry, KIND, type RecordedOperation, type SessionItem, SessionJoiner, sessionOfStart } from '../recording/index.js';

export interface MaskedValues {
  readonly class: string;
  readonly treatment: string;
  readonly rule: string | null;
  readonly values: number;
}

export interface OperationApproval {
  readonly request: string;
  /** `used` | `grant` | `refused` | `waiting`, or `held` when no answer is there. */
  readonly answer: string;
}

export interface StorySession {
  readonly journal: string;
  readonly number: number;
  readonly id: string;
  readonly start: SessionStart | null;
  /** Its first entry is there, readable or not. */
  readonly begun: boolean;
  /** Its operations so far. */
  operations: number;
  /** Its entries whose content cannot be had. */
  hidden: number;
  /** Those of them that are operations. */
  hiddenOperations: number;
  /** Operations that were denied and have a result or an outcome for all that, each once. */
  readonly reached: Set<number>;
  ended: boolean;
}

export interface StoryOperation {
  readonly session: StorySession;
  readonly operation: RecordedOperation;
  readonly segment: number;
  /** Place of its entry in the segment. */
  readonly index: number;
  readonly masked: readonly MaskedValues[];
  readonly approval: OperationApproval | null;
}

export interface StoryVisitor {
  session(session: StorySession): void;
  operation(told: StoryOperation): void;
  /** An event of a session, or with null of the gateway itself. */
  event(session: StorySession | null, journal: string, kind: string, data: Readonly<Record<string, unknown>>, time: number): void;
  /** Everything of a session, for its record. */
  item(session: StorySession, item: SessionItem): void;
  end(session: StorySession): void;
}

interface Marks {
  segment: number;
  index: number;
  masked: readonly MaskedValues[];
  approval: OperationApproval | null;
}

interface Open {
  readonly session: StorySession;
  readonly joiner: SessionJoiner;
  readonly marks: Map<number, Marks>;
  /** Operations that were told as denied: nothing may come of them. */
  readonly denied: Set<number>;
}

export class JournalStory {
  readonly #journal: string;
  readonly #idOf: (number: number) => string | null;
  readonly #visitor: StoryVisitor;
  readonly #open = new Map<number, Open>();

  /** @param idOf the session of a number, where its first entry is not there any more */
  constructor(journal: string, idOf: (number: number) => string | null, visitor: StoryVisitor) {
    this.#journal = journal;
    this.#idOf = idOf;
    this.#visitor = visitor;
  }

  take(entry: Entry, time: number, segment: number, index: number): void {
    if (entry.session === 0) {
      const event = entry.kind === KIND.event && entry.hidden === null ? decodeEvent(entry.payload) : null;
      if (event !== null) this.#visitor.event(null, this.#journal, event.kind, event.data, time);
      return;
    }
    const open = this.#open.get(entry.session) ?? this.#begin(entry);
    if (open === null) return;
    if (entry.hidden !== null) {
      this.#hidden(entry, open);
      return;
    }
    if (entry.kind === KIND.operation && entry.payload.length >= 6) this.#mark(open, entry.payload.readUIntBE(0, 6), { segment, index });
    if ((entry.kind === KIND.outcome || entry.kind === KIND.delivered) && entry.payload.length >= 6) {
      const sequence = entry.payload.readUIntBE(0, 6);
      if (open.denied.has(sequence)) open.session.reached.add(sequence);
    }
    for (const item of open.joiner.take(entry, time)) this.#tell(open, item);
    if (entry.kind === KIND.sessionEnd) this.#close(entry.session, open, true);
  }

  /** The journal is at its end, or what is shown of it is: what is open stays so. */
  finish(): void {
    for (const [number, open] of [...this.#open]) {
      for (const item of open.joiner.rest()) this.#tell(open, item);
      this.#close(number, open, false);
    }
  }

  /** Its content was erased, or its key is not here: what stands in the clear counts. */
  #hidden(entry: Entry, open: Open): void {
    open.session.hidden++;
    if (entry.kind === KIND.operation) {
      open.session.operations++;
      open.session.hiddenOperations++;
    }
    if (entry.kind === KIND.sessionEnd) this.#close(entry.session, open, true);
  }

  #begin(entry: Entry): Open | null {
    const id = entry.kind === KIND.sessionStart ? sessionOfStart(entry) : this.#idOf(entry.session);
    if (id === null) return null;
    const session = {
      journal: this.#journal,
      number: entry.session,
      id,
      start: null,
      begun: entry.kind === KIND.sessionStart,
      operations: 0,
      hidden: 0,
      hiddenOperations: 0,
      reached: new Set<number>(),
      ended: false,
    };
    const open: Open = { session, joiner: new SessionJoiner(), marks: new Map(), denied: new Set() };
    this.#open.set(entry.session, open);
    if (entry.kind !== KIND.sessionStart || entry.hidden !== null) this.#visitor.session(session);
    return open;
  }

  #tell(open: Open, item: SessionItem): void {
    const { session } = open;
    if (item.kind === 'start') {
      (session as { start: SessionStart | null }).start = item.start;
      this.#visitor.session(session);
    } else if (item.kind === 'operation') {
      const marks = open.marks.get(item.operation.sequence);
      open.marks.delete(item.operation.sequence);
      session.operations++;
      if (item.operation.decision?.effect === 'deny' && item.operation.outcome === null) open.denied.add(item.operation.sequence);
      else open.denied.delete(item.operation.sequence);
      this.#visitor.operation({
        session,
        operation: item.operation,
        segment: marks?.segment ?? 0,
        index: marks?.index ?? 0,
        masked: marks?.masked ?? [],
        approval: marks?.approval ?? null,
      });
    } else if (item.kind === 'event') {
      this.#note(open, item.event, item.data);
      this.#visitor.event(session, this.#journal, item.event, item.data, item.time);
    }
    this.#visitor.item(session, item);
  }

  #note(open: Open, kind: string, data: Readonly<Record<string, unknown>>): void {
    const sequence = data['operation'];
    if (typeof sequence !== 'number') return;
    if (kind === 'masked') this.#mark(open, sequence, { masked: maskedValues(data['values']) });
    else if (kind === 'approval.hold') this.#mark(open, sequence, { approval: { request: String(data['request']), answer: 'held' } });
    else if (kind === 'approval.answer') this.#mark(open, sequence, { approval: { request: String(data['request']), answer: String(data['answer']) } });
  }

  #mark(open: Open, sequence: number, marks: Partial<Marks>): void {
    const before = open.marks.get(sequence);
    if (before === undefined) open.marks.set(sequence, { segment: 0, index: 0, masked: [], approval: null, ...marks });
    else Object.assign(before, marks);
  }

  #close(number: number, { session }: Open, ended: boolean): void {
    session.ended = ended;
    this.#open.delete(number);
    this.#visitor.end(session);
  }
}

/** Sessions whose operations are there and cannot be read, in words; null: there are none. */
export function hiddenText(told: ReadonlyMap<string, StorySession>): string | null {
  const sessions = [...told.values()].filter(({ hiddenOperations }) => hiddenOperations > 0).length;
  if (sessions === 0) return null;
  return `the operations of ${sessions} session${sessions === 1 ? '' : 's'} are counted and cannot be read, as their content was erased or its key was not there: they stand in no table, and E11/hidden.csv names the sessions`;
}

/** What an event `masked` says; an event is untrusted. */
export function maskedValues(value: unknown): MaskedValues[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each: unknown) => {
    const { class: name, treatment, rule, values } = (typeof each === 'object' && each !== null ? each : {}) as Partial<Record<keyof MaskedValues, unknown>>;
    return typeof name === 'string' && typeof values === 'number'
      ? [{ class: name, treatment: typeof treatment === 'string' ? treatment : 'clear', rule: typeof rule === 'string' ? rule : null, values }]
      : [];
  });
}
