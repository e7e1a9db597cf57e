/**
 * Follows all sessions of a journal through its entries and says what does not add up: gaps in a session's counter, entries of a session
 * that never began, ends that declare another total. Also knows what recovery needs of a session that was not ended. Input is untrusted.
 * Memory: the open sessions and their open operations, both limited.
 */
import type { SessionEnd } from '../contract/recording.js';
import { parseHidden } from './encryption/hidden-layout.js';
import {
  decodeCut,
  decodeDefinition,
  decodeDigest,
  decodeEnd,
  decodeEvent,
  decodeObject,
  decodeOperation,
  decodeOutcome,
  decodePart,
  decodePiece,
  type Entry,
  type HiddenReason,
  operationBytes,
} from './entry-decoder.js';
import { DEFINE, DEFINITIONS, ENTRY_HEAD_BYTES, getU48, KIND, OPERATION_FIXED_BYTES } from './format.js';
import type { ProblemCode } from './walk-journal.js';

export interface OpenSession {
  readonly number: number;
  /** JSON of the SessionStart as it was written. */
  readonly start: Buffer | null;
  /** Counter of the last entry. */
  counter: number;
  /** Its key is gone for ever: only what is in the clear counts, so nobody knows which operations were denied. */
  readonly keyless: boolean;
  /** Sequence numbers of operations without an outcome. */
  readonly open: Set<number>;
  /** Numbers of definitions in force that are decisions to deny. */
  readonly denials: Set<number>;
  operations: number;
  refused: number;
  rows: number;
  bytesUp: number;
  bytesDown: number;
}

export type Finding = { readonly code: ProblemCode; readonly message: string };

/** What the end of such a session says of its totals. */
const KEYLESS =
  'The key of this session is gone, so its operations were counted by what is in the clear: which of those without an outcome were refused is not known.';

const OPEN_SESSIONS = 200_000;
const OPEN_OPERATIONS = 1_000_000;

export class SessionLedger {
  readonly #open = new Map<number, OpenSession>();
  #lastSession = 0;
  #firstSession = 0;
  #ownCounter = 0;
  #openOperations = 0;
  #ended = 0;
  /** The beginning of the journal is gone in order: sessions that began there are passed over until one begins here. */
  #headless: boolean;

  /** @param headless whether the first segments of the journal were pruned */
  constructor(headless = false) {
    this.#headless = headless;
  }

  /** Sessions begun so far. */
  get sessions(): number {
    return this.#ended + this.#open.size;
  }

  get open(): ReadonlyMap<number, OpenSession> {
    return this.#open;
  }

  /** Counter of the last entry of session 0, the gateway's own. */
  get ownCounter(): number {
    return this.#ownCounter;
  }

  /** Takes the next entry. @returns what is wrong with it, or null. */
  take(entry: Entry): Finding | null {
    if (entry.session === 0) return this.#takeOwn(entry);
    if (entry.kind === KIND.sessionStart) return this.#begin(entry);
    const session = this.#open.get(entry.session);
    if (session === undefined && this.#beganBefore(entry.session)) return null;
    if (session === undefined) return { code: 'session-unknown', message: `an entry of session ${entry.session}, which is not open` };
    const expected = session.counter + 1;
    session.counter = entry.counter;
    const readable = this.#follow(session, entry);
    if (entry.counter !== expected) return { code: 'counter-gap', message: `entry ${entry.counter} where ${expected} was due: entries are missing` };
    return readable;
  }

  /** The end of an open session as the journal shows it. */
  interrupted(session: OpenSession, endedAt: number): SessionEnd {
    const { operations, refused, rows, bytesUp, bytesDown } = session;
    return { endedAt, reason: 'interrupted', message: session.keyless ? KEYLESS : null, operations, refused, rows, bytesUp, bytesDown };
  }

  /** Number of the first session that begins in what is left; 0: none did yet. */
  get firstSession(): number {
    return this.#firstSession;
  }

  #beganBefore(session: number): boolean {
    return this.#headless && (this.#firstSession === 0 || session < this.#firstSession);
  }

  #takeOwn(entry: Entry): Finding | null {
    const expected = this.#headless && this.#ownCounter === 0 ? entry.counter : this.#ownCounter + 1;
    this.#ownCounter = entry.counter;
    if (entry.counter !== expected) return { code: 'counter-gap', message: `entry ${entry.counter} of the gateway where ${expected} was due` };
    return entry.kind === KIND.event && decodeEvent(entry.payload) !== null ? null : unreadable('an entry of the gateway');
  }

  #begin(entry: Entry): Finding | null {
    const expected = this.#headless && this.#lastSession === 0 ? entry.session : this.#lastSession + 1;
    if (this.#firstSession === 0) this.#firstSession = entry.session;
    const known = this.#open.size < OPEN_SESSIONS;
    if (known && entry.session > this.#lastSession) {
      this.#open.set(entry.session, {
        number: entry.session,
        start: decodeObject(entry.payload) === null ? null : Buffer.from(entry.payload),
        counter: entry.counter,
        keyless: isLost(entry.hidden),
        open: new Set(),
        denials: new Set(),
        operations: 0,
        refused: 0,
        rows: 0,
        bytesUp: 0,
        bytesDown: 0,
      });
      this.#lastSession = entry.session;
    }
    if (entry.session !== expected) return { code: 'session-unknown', message: `session ${entry.session} begins where session ${expected} was due` };
    if (!known) return { code: 'too-large', message: `more than ${OPEN_SESSIONS} sessions are open at once` };
    if (entry.counter !== 1) return { code: 'counter-gap', message: `a session begins with entry ${entry.counter}` };
    return decodeObject(entry.payload) === null ? unreadable('the start of a session') : null;
  }

  #follow(session: OpenSession, entry: Entry): Finding | null {
    const { payload } = entry;
    // What is hidden counts, and says no more; an end says in the clear how many there are.
    if (entry.hidden === 'damaged') return unreadable('an encrypted entry');
    if (entry.hidden !== null && entry.kind !== KIND.sessionEnd) return isLost(entry.hidden) ? this.#followClear(session, entry) : null;
    switch (entry.kind) {
      case KIND.define: {
        const definition = decodeDefinition(payload);
        if (definition === null) return unreadable('a definition');
        if (definition.number === 0) session.denials.clear();
        if (definition.number >= DEFINITIONS) return { code: 'too-large', message: 'a session defines more than the format allows' };
        if (definition.type === DEFINE.decision && decodeObject(definition.json)?.['effect'] === 'deny') session.denials.add(definition.number);
        return null;
      }
      case KIND.operation: {
        const operation = decodeOperation(payload);
        if (operation === null) return unreadable('an operation');
        session.operations++;
        session.bytesUp += operation.exactBytes;
        if (!session.denials.has(operation.decision)) return this.#opened(session, operation.sequence);
        session.refused++;
        return null;
      }
      case KIND.outcome:
        return this.#answered(session, payload);
      case KIND.delivered:
      case KIND.received: {
        const piece = decodePiece(payload);
        if (piece === null) return unreadable('recorded bytes');
        if (entry.kind === KIND.delivered) session.bytesDown += piece.bytes.length;
        else session.bytesUp += piece.bytes.length;
        return null;
      }
      case KIND.sessionEnd: {
        const end = decodeEnd(payload);
        this.#open.delete(session.number);
        this.#openOperations -= session.open.size;
        this.#ended++;
        if (end === null || decodeObject(end.json) === null) return unreadable('the end of a session');
        return end.entries === entry.counter
          ? null
          : { code: 'end-wrong', message: `the session's end declares ${end.entries} entries, and it is number ${entry.counter}` };
      }
      case KIND.part:
        return decodePart(payload) === null ? unreadable('a part of an operation') : null;
      case KIND.cut:
        return decodeCut(payload) === null ? unreadable('a cut') : null;
      case KIND.digest:
        return decodeDigest(payload) === null ? unreadable('a digest') : null;
      case KIND.event:
        return decodeEvent(payload) === null ? unreadable('an event') : null;
      default:
        return unreadable('an entry');
    }
  }

  /** Of an entry that nobody can read any more: numbers, sizes and outcomes, which are in the clear. */
  #followClear(session: OpenSession, { kind, payload, raw }: Entry): Finding | null {
    switch (kind) {
      case KIND.operation:
        if (payload.length < OPERATION_FIXED_BYTES) return unreadable('an operation');
        session.operations++;
        session.bytesUp += operationBytes(payload);
        return this.#opened(session, getU48(payload, 0));
      case KIND.outcome:
        return this.#answered(session, payload);
      case KIND.delivered:
      case KIND.received: {
        const bytes = parseHidden(kind, raw.subarray(ENTRY_HEAD_BYTES - 4))?.ciphertext.length ?? 0;
        if (kind === KIND.delivered) session.bytesDown += bytes;
        else session.bytesUp += bytes;
        return null;
      }
      default:
        return null;
    }
  }

  #opened(session: OpenSession, sequence: number): Finding | null {
    if (this.#openOperations >= OPEN_OPERATIONS) return { code: 'too-large', message: `more than ${OPEN_OPERATIONS} operations are open at once` };
    session.open.add(sequence);
    this.#openOperations++;
    return null;
  }

  #answered(session: OpenSession, payload: Buffer): Finding | null {
    const outcome = decodeOutcome(payload);
    if (outcome === null) return unreadable('an outcome');
    session.rows += outcome.outcome.rows;
    if (session.open.delete(outcome.sequence)) this.#openOperations--;
    return null;
  }
}

/** No key that somebody puts back would open it: there never was one on disk, or it was destroyed. */
function isLost(reason: HiddenReason | null): boolean {
  return reason === 'no-key' || reason === 'destroyed';
}

function unreadable(what: string): Finding {
  return { code: 'entry-unreadable', message: `${what} cannot be read` };
}
