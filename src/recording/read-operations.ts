/**
 * All operations of one journal as each is over, with what became of them and what was masked, but without results: for an index. Reads a
 * journal that is being written too. Untrusted; what cannot be read is left out, and what is held of open operations is bounded.
 */
import type { RecordedDecision } from '../contract/decision.js';
import type { Facts } from '../contract/operation.js';
import type { Outcome, SessionStart } from '../contract/recording.js';
import { type JournalKeys, plainJournals } from './encryption/journal-keyring.js';
import { openEntries } from './encryption/open-entries.js';
import { decodeDefinition, decodeEvent, decodeOperation, decodeOutcome, type Entry } from './entry-decoder.js';
import { DEFINE, DEFINITIONS, KIND } from './format.js';
import { readDecision, readFacts, readMaskedAs, readStart } from './recorded-shapes.js';
import { type WalkOptions, walkJournal } from './walk-journal.js';

export interface JournalledOperation {
  readonly session: SessionStart;
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly facts: Facts | null;
  readonly decision: RecordedDecision | null;
  /** The beginning of the text as recorded (redacted where it held a secret). */
  readonly text: string;
  /** Null: refused before it was sent, or never told. */
  readonly outcome: Outcome | null;
  /** Classes of which values were masked, or shown in clear. */
  readonly masked: readonly string[];
}

const TEXT_BYTES = 16 << 10;
const OPEN_SESSIONS = 200_000;
/** Of all sessions together. */
const OPEN_OPERATIONS = 100_000;

interface OpenOperation extends JournalledOperation {
  outcome: Outcome | null;
  masked: readonly string[];
}

interface OpenSession {
  readonly start: SessionStart;
  readonly facts: Map<number, Facts | null>;
  readonly decisions: Map<number, RecordedDecision | null>;
  /** Classes by the number of a way of masking. */
  readonly classes: Map<number, string>;
  readonly operations: Map<number, OpenOperation>;
}

/** @throws GwError `recording.key` when the journal is encrypted and its key cannot be had */
export async function* readOperations(options: WalkOptions & { readonly keys?: JournalKeys }): AsyncGenerator<JournalledOperation, void> {
  const reader = new OperationReader();
  const opener = await (options.keys ?? plainJournals).opener(options.dir, options.bootId);
  for await (const item of walkJournal(options)) {
    if (item.kind !== 'frame') continue;
    for (const entry of openEntries(item.frame, opener)) {
      if (typeof entry === 'string') break;
      if (entry.hidden !== null && entry.kind !== KIND.sessionEnd) continue;
      yield* reader.take(entry, item.frame.time);
    }
  }
  if (!options.live) yield* reader.rest();
}

class OperationReader {
  readonly #sessions = new Map<number, OpenSession>();
  #open = 0;

  *take(entry: Entry, time: number): Generator<JournalledOperation, void> {
    const { payload } = entry;
    if (entry.kind === KIND.sessionStart) {
      const start = readStart(payload);
      if (start !== null && this.#sessions.size < OPEN_SESSIONS)
        this.#sessions.set(entry.session, { start, facts: new Map(), decisions: new Map(), classes: new Map(), operations: new Map() });
      return;
    }
    const session = this.#sessions.get(entry.session);
    if (session === undefined) return;
    switch (entry.kind) {
      case KIND.define:
        define(session, payload);
        return;
      case KIND.operation:
        yield* this.#begin(session, payload, time);
        return;
      case KIND.event:
        mask(session, payload);
        return;
      case KIND.outcome: {
        const ended = decodeOutcome(payload);
        const operation = ended === null ? undefined : session.operations.get(ended.sequence);
        if (ended === null || operation === undefined) return;
        operation.outcome = ended.outcome;
        if (ended.masked.length > 0) operation.masked = [...new Set(ended.masked.flatMap(({ definition }) => session.classes.get(definition) ?? []))];
        yield this.#finish(session, operation);
        return;
      }
      case KIND.sessionEnd:
        yield* this.#end(entry.session, session);
        return;
      default:
        return;
    }
  }

  *rest(): Generator<JournalledOperation, void> {
    for (const [number, session] of [...this.#sessions]) yield* this.#end(number, session);
  }

  *#begin(session: OpenSession, payload: Buffer, time: number): Generator<JournalledOperation, void> {
    const read = decodeOperation(payload);
    if (read === null) return;
    const operation: OpenOperation = {
      session: session.start,
      sequence: read.sequence,
      time,
      facts: session.facts.get(read.facts) ?? null,
      decision: session.decisions.get(read.decision) ?? null,
      text: read.exact.toString('utf8', 0, Math.min(read.exact.length, TEXT_BYTES)),
      outcome: null,
      masked: [],
    };
    // Nothing is sent, and nothing will come.
    if (operation.decision?.effect === 'deny' || this.#open >= OPEN_OPERATIONS) yield operation;
    else {
      session.operations.set(read.sequence, operation);
      this.#open++;
    }
  }

  #finish(session: OpenSession, operation: OpenOperation): JournalledOperation {
    if (session.operations.delete(operation.sequence)) this.#open--;
    return operation;
  }

  *#end(number: number, session: OpenSession): Generator<JournalledOperation, void> {
    for (const operation of [...session.operations.values()]) yield this.#finish(session, operation);
    this.#sessions.delete(number);
  }
}

function define(session: OpenSession, payload: Buffer): void {
  const definition = decodeDefinition(payload);
  if (definition === null || definition.number >= DEFINITIONS) return;
  if (definition.number === 0) {
    session.facts.clear();
    session.decisions.clear();
    session.classes.clear();
  }
  if (definition.type === DEFINE.facts) session.facts.set(definition.number, readFacts(definition.json));
  else if (definition.type === DEFINE.decision) session.decisions.set(definition.number, readDecision(definition.json));
  else if (definition.type === DEFINE.masked) {
    const way = readMaskedAs(definition.json);
    if (way !== null) session.classes.set(definition.number, way.class);
  }
}

function mask(session: OpenSession, payload: Buffer): void {
  const event = decodeEvent(payload);
  if (event?.kind !== 'masked') return;
  const { operation, values } = event.data;
  const open = typeof operation === 'number' ? session.operations.get(operation) : undefined;
  if (open !== undefined && Array.isArray(values)) open.masked = [...new Set(values.flatMap(classOf))];
}

const classOf = (value: unknown): readonly string[] =>
  typeof value === 'object' && value !== null && 'class' in value && typeof value.class === 'string' ? [value.class] : [];
