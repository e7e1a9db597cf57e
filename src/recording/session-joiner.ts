/**
 * Joins the entries of one session into operations: intent, decision, facts, outcome and bytes. Pure: entries in, items out. Input is
 * untrusted; what is held at once (open operations and their bytes, definitions) is limited, and what did not fit is marked, never silent.
 */
import type { RecordedDecision } from '../contract/decision.js';
import type { MaskCount, MaskedAs } from '../contract/masking-policy.js';
import type { Facts } from '../contract/operation.js';
import type { Outcome } from '../contract/recording.js';
import {
  decodeCut,
  decodeDefinition,
  decodeDigest,
  decodeEnd,
  decodeEvent,
  decodeJson,
  decodeOperation,
  decodeOutcome,
  decodePart,
  decodePiece,
  type Entry,
  type OperationPayload,
  type OutcomePayload,
} from './entry-decoder.js';
import { DEFINE, DEFINITION_BYTES, DEFINITIONS, DIRECTION, KIND } from './format.js';
import type { RecordedOperation, RecordedStream, SessionItem } from './recorded.js';
import { readDecision, readEnd, readFacts, readMaskedAs, readStart } from './recorded-shapes.js';

/** Bytes of open operations held at once. */
const HELD_BYTES = 64 << 20;
const HELD_OPERATIONS = 100_000;

interface HeldStream {
  pieces: Buffer[];
  bytes: number;
  cut: boolean;
  total: number | null;
  digest: string | null;
  plain: boolean;
  /** The digest entry came. */
  told: boolean;
}

interface Held {
  readonly payload: OperationPayload;
  readonly time: number;
  readonly form: string | null;
  readonly facts: Facts | null;
  readonly decision: RecordedDecision | null;
  readonly exact: Buffer[];
  readonly parameters: Buffer[];
  readonly delivered: HeldStream;
  readonly received: HeldStream;
  outcome: Outcome | null;
  endedAt: number | null;
  shortened: boolean;
  held: number;
  terminal: boolean;
}

const stream = (): HeldStream => ({ pieces: [], bytes: 0, cut: false, total: null, digest: null, plain: false, told: false });

export class SessionJoiner {
  readonly #facts = new Map<number, Facts | null>();
  readonly #decisions = new Map<number, RecordedDecision | null>();
  readonly #forms = new Map<number, string>();
  readonly #ways = new Map<number, MaskedAs>();
  #definitionBytes = 0;
  readonly #operations = new Map<number, Held>();
  #held = 0;

  /** Takes the session's next entry. Entries that cannot be decoded give nothing: the ledger reports them. */
  *take(entry: Entry, time: number): Generator<SessionItem, void> {
    const { payload } = entry;
    switch (entry.kind) {
      case KIND.sessionStart: {
        const start = readStart(payload);
        if (start !== null) yield { kind: 'start', time, start };
        return;
      }
      case KIND.define:
        this.#define(payload);
        return;
      case KIND.operation:
        yield* this.#begin(payload, time);
        return;
      case KIND.part: {
        const part = decodePart(payload);
        const operation = part === null ? undefined : this.#operations.get(part.sequence);
        if (part !== null && operation !== undefined) this.#hold(operation, part.part === 0 ? operation.exact : operation.parameters, part.bytes);
        return;
      }
      case KIND.delivered:
      case KIND.received: {
        const piece = decodePiece(payload);
        if (piece === null) return;
        if (piece.sequence === 0) {
          yield { kind: 'unsolicited', time, bytes: Buffer.from(piece.bytes) };
          return;
        }
        const operation = this.#operations.get(piece.sequence);
        if (operation === undefined) return;
        const direction = entry.kind === KIND.delivered ? operation.delivered : operation.received;
        direction.bytes += piece.bytes.length;
        // A terminal may go on for hours: it is told as it goes, and nothing of it is held.
        if (operation.terminal && entry.kind === KIND.delivered) yield { kind: 'output', time, sequence: piece.sequence, bytes: Buffer.from(piece.bytes) };
        else this.#hold(operation, direction.pieces, piece.bytes);
        return;
      }
      case KIND.cut: {
        const cut = decodeCut(payload);
        const operation = cut === null ? undefined : this.#operations.get(cut.sequence);
        if (cut !== null && operation !== undefined) (cut.direction === DIRECTION.delivered ? operation.delivered : operation.received).cut = true;
        return;
      }
      case KIND.digest: {
        const digest = decodeDigest(payload);
        const operation = digest === null ? undefined : this.#operations.get(digest.sequence);
        if (digest === null || operation === undefined) return;
        const direction = digest.direction === DIRECTION.delivered ? operation.delivered : operation.received;
        direction.told = true;
        direction.total = digest.total;
        direction.digest = digest.digest?.toString('hex') ?? null;
        direction.plain = digest.plain;
        yield* this.#release(operation);
        return;
      }
      case KIND.outcome: {
        const outcome = decodeOutcome(payload);
        const operation = outcome === null ? undefined : this.#operations.get(outcome.sequence);
        if (outcome === null || operation === undefined) return;
        if (outcome.masked.length > 0) yield this.#masked(outcome, time);
        operation.outcome = outcome.outcome;
        operation.endedAt = time;
        yield* this.#release(operation);
        return;
      }
      case KIND.event: {
        const event = decodeEvent(payload);
        if (event !== null) yield this.#terminal(event.kind, event.data, time) ?? { kind: 'event', time, event: event.kind, data: event.data };
        return;
      }
      case KIND.sessionEnd: {
        yield* this.rest();
        const end = decodeEnd(payload);
        const value = end === null ? null : readEnd(end.json);
        if (value !== null) yield { kind: 'end', time, end: value };
        return;
      }
      default:
        return;
    }
  }

  /** What an outcome counts, as the event by which a record says it elsewhere. */
  #masked({ sequence, masked }: OutcomePayload, time: number): SessionItem {
    const values = masked.flatMap(({ definition, values: count }): MaskCount[] => {
      const way = this.#ways.get(definition);
      return way === undefined ? [] : [{ ...way, values: count }];
    });
    return { kind: 'event', time, event: 'masked', data: { operation: sequence, values } };
  }

  /** What an event says of the terminal of an operation that runs; null: it says nothing of one. */
  #terminal(event: string, data: Readonly<Record<string, unknown>>, time: number): SessionItem | null {
    if (event !== 'terminal' && event !== 'terminal.resize') return null;
    const { operation: sequence, columns, rows } = data;
    const held = typeof sequence === 'number' ? this.#operations.get(sequence) : undefined;
    if (held === undefined || typeof sequence !== 'number' || !isSize(columns) || !isSize(rows)) return null;
    if (event === 'terminal.resize') return { kind: 'resize', time, sequence, columns, rows };
    held.terminal = true;
    return { kind: 'terminal', time, sequence, exact: Buffer.concat(held.exact), columns, rows };
  }

  /** Operations that are not complete, in their order. */
  *rest(): Generator<SessionItem, void> {
    for (const operation of [...this.#operations.values()]) yield this.#finish(operation);
  }

  #define(payload: Buffer): void {
    const definition = decodeDefinition(payload);
    if (definition === null || definition.number >= DEFINITIONS) return;
    if (definition.number === 0) {
      this.#facts.clear();
      this.#decisions.clear();
      this.#forms.clear();
      this.#ways.clear();
      this.#definitionBytes = 0;
    }
    this.#definitionBytes += definition.json.length;
    // A writer begins anew before this; a reader does not rely on it.
    if (this.#definitionBytes > 2 * DEFINITION_BYTES) return;
    if (definition.type === DEFINE.facts) this.#facts.set(definition.number, readFacts(definition.json));
    else if (definition.type === DEFINE.decision) this.#decisions.set(definition.number, readDecision(definition.json));
    else if (definition.type === DEFINE.form) {
      const form = decodeJson(definition.json);
      if (typeof form === 'string') this.#forms.set(definition.number, form);
    } else if (definition.type === DEFINE.masked) {
      const way = readMaskedAs(definition.json);
      if (way !== null) this.#ways.set(definition.number, way);
    }
  }

  *#begin(payload: Buffer, time: number): Generator<SessionItem, void> {
    const operation = decodeOperation(payload);
    if (operation === null) return;
    if (this.#operations.size >= HELD_OPERATIONS) yield* this.rest();
    const before = this.#operations.get(operation.sequence);
    if (before !== undefined) yield this.#finish(before);
    const held: Held = {
      payload: operation,
      time,
      form: this.#forms.get(operation.form) ?? null,
      facts: this.#facts.get(operation.facts) ?? null,
      decision: this.#decisions.get(operation.decision) ?? null,
      exact: [],
      parameters: [],
      delivered: stream(),
      received: stream(),
      outcome: null,
      endedAt: null,
      shortened: false,
      held: 0,
      terminal: false,
    };
    this.#hold(held, held.exact, operation.exact);
    this.#hold(held, held.parameters, operation.parameters);
    this.#operations.set(operation.sequence, held);
    const whole = operation.exact.length === operation.exactBytes && operation.parameters.length === operation.parameterBytes;
    // Nothing is sent and nothing will come: what is refused is complete at once.
    if (held.decision?.effect === 'deny' && whole) yield this.#finish(held);
  }

  #hold(operation: Held, pieces: Buffer[], bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#held + bytes.length > HELD_BYTES) {
      operation.shortened = true;
      return;
    }
    this.#held += bytes.length;
    operation.held += bytes.length;
    pieces.push(Buffer.from(bytes));
  }

  /** Gives the operation when outcome and all digests due are there. */
  *#release(operation: Held): Generator<SessionItem, void> {
    const { delivered, received } = operation;
    const due = (delivered.cut && !delivered.told) || (received.cut && !received.told);
    if (operation.outcome !== null && !due) yield this.#finish(operation);
  }

  #finish(operation: Held): SessionItem {
    const { payload } = operation;
    this.#operations.delete(payload.sequence);
    this.#held -= operation.held;
    const recorded: RecordedOperation = {
      sequence: payload.sequence,
      time: operation.time,
      form: operation.form,
      facts: operation.facts,
      decision: operation.decision,
      exact: Buffer.concat(operation.exact),
      exactBytes: payload.exactBytes,
      parameters: payload.hasParameters ? Buffer.concat(operation.parameters) : null,
      redacted: payload.redacted,
      delivered: recordedStream(operation.delivered),
      received: recordedStream(operation.received),
      outcome: operation.outcome,
      endedAt: operation.endedAt,
      shortened: operation.shortened,
      ...(operation.terminal ? { terminal: true } : {}),
    };
    return { kind: 'operation', operation: recorded };
  }
}

/** Characters of a terminal: what nobody has is not believed. */
const isSize = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 10_000;

function recordedStream(held: HeldStream): RecordedStream {
  return {
    bytes: Buffer.concat(held.pieces),
    cut: held.cut,
    total: held.cut ? held.total : held.bytes,
    digest: held.digest,
    ...(held.plain ? { plain: true } : {}),
  };
}
