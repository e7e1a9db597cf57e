/**
 * The way up: walks the client's messages, turns statements into operations, asks the guard, and forwards what is allowed as it came. A
 * refused message is replaced by a stand-in that the server itself answers with an error: so the refusal stands at the right place of a
 * pipeline, the server skips to the right Sync, and the transaction is in the state that an error leaves (defects.md D27). The client is
 * untrusted: every length is checked before its message is waited for.
 */
import { GwError } from '../../contract/gw-error.js';
import type { Facts } from '../../contract/operation.js';
import type { Verdict } from '../../contract/verdict.js';
import { BIND_BUFFER_LIMIT, BIND_RECORD_LIMIT, MESSAGE_LIMIT, NAMES_LIMIT, PIPELINE_LIMIT, SMALL_MESSAGE_LIMIT } from './codec/limits.js';
import { Front, message, stringEnd } from './codec/message.js';
import type { Conversation } from './conversation.js';
import type { StatementCache } from './facts/index.js';
import { type FlightExtra, Wait } from './flight.js';
import { type Judged, judge } from './judge.js';
import type { NameChange, Portal, Statement } from './names.js';
import { refuseOperation } from './refusal.js';

/** Text that no server parses: the stand-in of a refused statement, and a sign in the server's own log. */
const STAND_IN = 'gw refused this statement';
const STAND_IN_NAME = 'gw refused';
const NO_VERDICT_YET = 'wait';
const CONTINUE = { refusal: null, changes: [] } as const;
/** Names beyond this are no names (NAMEDATALEN is 64); it bounds how much of a large Bind must be there to judge it. */
const HEAD_LIMIT = 8_192;
/** The server cuts longer names (NAMEDATALEN - 1), so two of them may be one. */
const NAME_BYTES = 63;
const BACKSLASH = 0x5c;
const QUOTE = 0x27;

export class Frontend {
  readonly #talk: Conversation;
  readonly #cache: StatementCache;
  readonly #statementLimit: number;
  #carry: Buffer | null = null;
  #held = false;
  /** A verdict that was awaited, for the message at the front of the carry. */
  #awaited: Verdict | null = null;
  /** Bytes of a message that go up without being looked at (COPY data, the rest of a large Bind). */
  #passing = 0;
  #passingVerdict: Verdict | null = null;
  #passingReceived = false;
  #dropping = 0;
  // Of the chunk in hand:
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;
  #verdict: Verdict | null = null;

  constructor(talk: Conversation, cache: StatementCache, statementLimit: number) {
    this.#talk = talk;
    this.#cache = cache;
    this.#statementLimit = statementLimit;
  }

  take(chunk: Buffer): void {
    if (this.#held) {
      this.#carry = this.#carry === null ? Buffer.from(chunk) : Buffer.concat([this.#carry, chunk]);
      return;
    }
    let buffer = chunk;
    if (this.#carry !== null) {
      buffer = Buffer.concat([this.#carry, chunk]);
      this.#carry = null;
    }
    this.#buffer = buffer;
    this.#start = 0;
    const at = this.#walk(buffer);
    if (this.#talk.over) return;
    this.#flush(at);
    if (at < buffer.length) this.#carry = Buffer.from(buffer.subarray(at));
  }

  /** Answers came: what was held because of an unsettled name or a full pipeline is tried again. */
  retry(): void {
    if (!this.#held || this.#awaited !== null || this.#waitingForVerdict) return;
    this.#release();
  }

  #waitingForVerdict = false;

  #release(): void {
    this.#held = false;
    this.take(Buffer.alloc(0));
    if (!this.#held) this.#talk.context.resumeClient();
  }

  #hold(): void {
    this.#held = true;
    this.#talk.context.pauseClient();
  }

  /** Walks whole messages; gives the offset up to which everything is dealt with. */
  #walk(buffer: Buffer): number {
    const end = buffer.length;
    let at = 0;
    while (at < end) {
      if (this.#passing > 0 || this.#dropping > 0) {
        at = this.#stream(at, end);
        continue;
      }
      if (end - at < 5) return at;
      const type = buffer[at] ?? 0;
      const length = buffer.readUInt32BE(at + 1);
      if (length < 4 || length > MESSAGE_LIMIT) throw new GwError('protocol.violation', `invalid message length ${length}`);
      const next = at + 1 + length;
      if (this.#talk.flight.length >= PIPELINE_LIMIT) {
        this.#hold();
        return at;
      }
      if (this.#talk.awaitingCopy && type !== Front.Terminate) {
        this.#hold();
        return at;
      }
      if (this.#ignoredByServer(type, length)) {
        this.#flush(at);
        this.#dropping = next - at;
        continue;
      }
      if (type === Front.CopyData) {
        this.#copyData(at, next, end);
        at = Math.min(next, end);
        continue;
      }
      const statement = type === Front.Query || type === Front.Parse;
      if (statement && length > this.#statementLimit + HEAD_LIMIT) {
        if (end - at < 6) return at;
        this.#flush(at);
        this.#tooLong(at, type, length);
        this.#start = at;
        this.#dropping = next - at;
        continue;
      }
      const large = type === Front.Bind && length > BIND_BUFFER_LIMIT;
      if (!statement && type !== Front.Bind && length > SMALL_MESSAGE_LIMIT) throw new GwError('protocol.violation', `invalid message length ${length}`);
      if ((large ? at + HEAD_LIMIT + BIND_RECORD_LIMIT : next) > end) return at;
      if (!this.#message(type, at, next)) {
        this.#hold();
        return at;
      }
      if (this.#talk.over) return at;
      if (next > end) {
        // The head of a large Bind was judged; the rest follows it, recorded as input of the operation, or is dropped with it.
        if (this.#start > at) this.#dropping = next - end;
        else {
          this.#passing = next - end;
          this.#passingVerdict = this.#verdict;
          this.#passingReceived = true;
        }
        return end;
      }
      at = next;
    }
    return at;
  }

  /**
   * What the server would read and ignore is not sent at all, so that nothing hangs on whether it ignores it: everything up to Sync after an
   * error, Sync and Flush inside COPY data, COPY messages outside of a COPY. Anything else inside COPY data ends the session.
   */
  #ignoredByServer(type: number, length: number): boolean {
    const { skipping, copyIn } = this.#talk;
    if ((type === Front.Sync || type === Front.Flush || type === Front.CopyDone || type === Front.Terminate) && length !== 4) {
      throw new GwError('protocol.violation', `invalid message length ${length}`);
    }
    if (type === Front.Terminate) return false;
    if (skipping) return type !== Front.Sync;
    const copy = type === Front.CopyData || type === Front.CopyDone || type === Front.CopyFail;
    if (copyIn === null) return copy;
    if (copy) return false;
    if (type === Front.Sync || type === Front.Flush) return true;
    throw new GwError('protocol.violation', `unexpected message type 0x${type.toString(16)} during COPY from stdin`);
  }

  /** Moves through a message whose bytes need no look. */
  #stream(at: number, end: number): number {
    if (this.#dropping > 0) {
      const to = Math.min(end, at + this.#dropping);
      this.#dropping -= to - at;
      this.#start = to;
      return to;
    }
    const to = Math.min(end, at + this.#passing);
    this.#passing -= to - at;
    if (this.#passingReceived && this.#passingVerdict !== null) this.#talk.context.guard.receive(this.#passingVerdict, this.#buffer.subarray(at, to));
    this.#verdict = this.#passingVerdict ?? this.#verdict;
    return to;
  }

  /** Sends everything allowed since the last flush, as it came. */
  #flush(to: number): void {
    if (to > this.#start) this.#talk.context.sendUp(this.#verdict ?? this.#talk.context.guard.transport(), this.#buffer.subarray(this.#start, to));
    this.#start = to;
  }

  #copyData(at: number, next: number, end: number): void {
    const verdict = this.#talk.copyIn;
    if (verdict !== null) {
      this.#talk.context.guard.receive(verdict, this.#buffer.subarray(at, Math.min(next, end)));
      this.#verdict = verdict;
    }
    if (next > end) {
      this.#passing = next - end;
      this.#passingVerdict = verdict;
      this.#passingReceived = true;
    }
  }

  /** One whole message. False: it must wait, and is looked at again later. */
  #message(type: number, at: number, next: number): boolean {
    const { flight, context } = this.#talk;
    switch (type) {
      case Front.Query:
        return this.#query(at, next);
      case Front.Parse:
        return this.#parse(at, next);
      case Front.Bind:
        return this.#bind(at, next);
      case Front.Execute:
        return this.#execute(at, next);
      case Front.Describe: {
        const end = this.#textEnd(at + 6, next, 'Describe');
        if (this.#name(at + 6, end) === null) return this.#refuseName(at, next, Wait.Describe);
        flight.push(Wait.Describe, null, null);
        return true;
      }
      case Front.Close:
        return this.#closeName(at, next);
      case Front.Sync:
        this.#talk.parkLastBound();
        flight.push(Wait.Sync, null, null);
        this.#nextSegment();
        this.#talk.skipping = false;
        return true;
      case Front.Flush:
        return true;
      case Front.CopyDone:
      case Front.CopyFail:
        this.#talk.copyIn = null;
        // Within a Query another COPY may follow; in the extended protocol a Sync from here on is a Sync, however the COPY went.
        this.#talk.awaitingCopy = flight.kind() === Wait.Query;
        return true;
      case Front.Terminate:
        this.#flush(next);
        context.end('client', null);
        return true;
      case Front.FunctionCall:
        return this.#functionCall(at, next);
      default:
        throw new GwError('protocol.violation', `invalid frontend message type ${type}`);
    }
  }

  /** The verdict on one operation; `wait`: a human is being asked. */
  #decide(judged: Judged, preparing: boolean): Verdict | typeof NO_VERDICT_YET {
    const ready = this.#awaited;
    if (ready !== null) {
      this.#awaited = null;
      return ready;
    }
    const { guard } = this.#talk.context;
    const verdict = preparing ? guard.consider(judged) : guard.check(judged);
    if (!(verdict instanceof Promise)) return verdict;
    this.#waitingForVerdict = true;
    verdict.then(
      (value) => {
        this.#waitingForVerdict = false;
        this.#awaited = value;
        if (!this.#talk.over) this.#release();
      },
      (error: unknown) => {
        this.#waitingForVerdict = false;
        if (!this.#talk.over) this.#talk.context.end('protocol', GwError.from(error));
      },
    );
    return NO_VERDICT_YET;
  }

  /** Puts a stand-in in the place of the message at `at..next` and books its refusal. */
  #refuse(at: number, next: number, refusal: Buffer, kind: number, unnamed = false): void {
    this.#flush(at);
    this.#standIn(refusal, kind, unnamed);
    this.#start = next;
  }

  /** `unnamed`: a Parse of the unnamed statement, which the server drops before it reads the text; so it must be gone here, too (D27). */
  #standIn(refusal: Buffer, kind: number, unnamed: boolean): void {
    const { flight, context } = this.#talk;
    const query = kind === Wait.Query;
    const changes = unnamed ? [{ step: 0, change: this.#talk.statements.change('', null, this.#talk.segment) }] : [];
    flight.push(query ? Wait.Query : Wait.Parse, null, { refusal, changes });
    context.sendUp(
      context.guard.transport(),
      query ? message(Front.Query, `${STAND_IN}\0`) : message(Front.Parse, `${unnamed ? '' : STAND_IN_NAME}\0${STAND_IN}\0`, Uint8Array.of(0, 0)),
    );
    if (query) this.#nextSegment();
    else this.#talk.skipping = true;
  }

  #tooLong(at: number, type: number, length: number): void {
    const judged = judge.tooLong(length, this.#statementLimit);
    const verdict = this.#decide(judged, type === Front.Parse);
    if (verdict === NO_VERDICT_YET) throw new GwError('internal.error', 'A statement that is too long to judge cannot be held.');
    const query = type === Front.Query;
    this.#standIn(refuseOperation(verdict.decision, judged.facts), query ? Wait.Query : Wait.Parse, !query && this.#buffer[at + 5] === 0);
  }

  #functionCall(at: number, next: number): boolean {
    const judged = judge.functionCall(this.#buffer.subarray(at + 5, next));
    const verdict = this.#decide(judged, false);
    if (verdict === NO_VERDICT_YET) return false;
    this.#refuse(at, next, refuseOperation(verdict.decision, judged.facts), Wait.Query);
    return true;
  }

  #query(at: number, next: number): boolean {
    const { flight } = this.#talk;
    const end = this.#textEnd(at + 5, next, 'Query');
    const analysis = this.#cache.analyse(this.#buffer, at + 5, end);
    const facts = this.#talk.resolve(analysis);
    if (facts === 'unsettled') return false;
    const text = this.#buffer.subarray(at + 5, end);
    const unclear = this.#unclear(text);
    if (unclear === 'wait') return false;
    const judged = unclear === null ? judge.statement(facts, text, null, 'query') : judge.unclear(facts, text, unclear);
    const verdict = this.#decide(judged, false);
    if (verdict === NO_VERDICT_YET) return false;
    if (!verdict.allowed) {
      this.#refuse(at, next, refuseOperation(verdict.decision, facts), Wait.Query);
      return true;
    }
    let extra: FlightExtra | null = null;
    if (this.#talk.changesNames(analysis)) {
      const changes: { step: number; change: NameChange }[] = [];
      for (const [step, list] of this.#talk.effectsOf(analysis, Buffer.from(text)).entries()) this.#talk.applyEffects(list, step, changes);
      extra = { refusal: null, changes };
      this.#checkNames();
    }
    this.#verdict = verdict;
    this.#talk.parkLastBound();
    flight.push(Wait.Query, verdict, extra);
    this.#nextSegment();
    this.#talk.awaitingCopy = takesInput(facts);
    return true;
  }

  #parse(at: number, next: number): boolean {
    const nameEnd = this.#textEnd(at + 5, next, 'Parse');
    const textEnd = this.#textEnd(nameEnd + 1, next, 'Parse');
    const analysis = this.#cache.analyse(this.#buffer, nameEnd + 1, textEnd);
    const facts = this.#talk.resolve(analysis);
    if (facts === 'unsettled') return false;
    const name = this.#name(at + 5, nameEnd);
    if (name === null) return this.#refuseName(at, next, Wait.Parse);
    const text = this.#buffer.subarray(nameEnd + 1, textEnd);
    const unclear = this.#unclear(text);
    if (unclear === 'wait') return false;
    const judged = unclear === null ? judge.statement(facts, text, null, 'prepare') : judge.unclear(facts, text, unclear);
    const verdict = this.#decide(judged, true);
    if (verdict === NO_VERDICT_YET) return false;
    if (!verdict.allowed) {
      this.#refuse(at, next, refuseOperation(verdict.decision, facts), Wait.Parse, nameEnd === at + 5);
      return true;
    }
    const kept = Buffer.from(text);
    const effects = this.#talk.changesNames(analysis) ? this.#talk.effectsOf(analysis, kept).flat() : [];
    const contextual = analysis.statements.some((info) => info.kind === 'execute' || info.kind === 'fetch');
    const statement: Statement = { facts, text: kept, effects, resolve: contextual ? () => this.#talk.resolve(analysis) : null };
    const change = this.#talk.statements.change(name, statement, this.#talk.segment);
    this.#checkNames();
    this.#talk.flight.push(Wait.Parse, null, { refusal: null, changes: [{ step: 0, change }] });
    this.#verdict = verdict;
    return true;
  }

  #bind(at: number, next: number): boolean {
    const limit = Math.min(next, this.#buffer.length);
    const portalEnd = this.#textEnd(at + 5, limit, 'Bind');
    const nameEnd = this.#textEnd(portalEnd + 1, limit, 'Bind');
    const name = this.#name(portalEnd + 1, nameEnd);
    const portalName = this.#name(at + 5, portalEnd);
    if (name === null || portalName === null) return this.#refuseName(at, next, Wait.Bind);
    const statement = this.#talk.statements.lookup(name, this.#talk.segment);
    if (statement === 'unsettled') return false;
    if (statement === null) {
      const judged = judge.unknownStatement(name);
      const verdict = this.#decide(judged, false);
      if (verdict === NO_VERDICT_YET) return false;
      this.#refuse(at, next, refuseOperation(verdict.decision, judged.facts), Wait.Bind);
      return true;
    }
    const facts = statement.resolve === null ? statement.facts : statement.resolve();
    if (facts === 'unsettled') return false;
    const parameters = this.#buffer.subarray(nameEnd + 1, limit);
    const verdict = this.#decide(judge.statement(facts, statement.text, parameters, 'execute'), false);
    if (verdict === NO_VERDICT_YET) return false;
    if (!verdict.allowed) {
      this.#refuse(at, next, refuseOperation(verdict.decision, facts), Wait.Bind);
      return true;
    }
    this.#talk.parkLastBound();
    const portal: Portal = { statement, verdict, facts, segment: this.#talk.segment };
    const change = this.#talk.portals.change(portalName, portal, this.#talk.segment);
    this.#talk.lastBound = portal;
    this.#talk.ranInSegment = true;
    this.#talk.flight.push(Wait.Bind, verdict, { refusal: null, changes: [{ step: 0, change }] });
    this.#verdict = verdict;
    return true;
  }

  #execute(at: number, next: number): boolean {
    const nameEnd = this.#textEnd(at + 5, next, 'Execute');
    const name = this.#name(at + 5, nameEnd);
    if (name === null) return this.#refuseName(at, next, Wait.Execute);
    const portal = this.#talk.portals.lookup(name, this.#talk.segment);
    if (portal === 'unsettled') return false;
    if (portal === null) {
      const judged = judge.unknownPortal(name);
      const verdict = this.#decide(judged, false);
      if (verdict === NO_VERDICT_YET) return false;
      this.#refuse(at, next, refuseOperation(verdict.decision, judged.facts), Wait.Execute);
      return true;
    }
    const facts = portal.statement.resolve === null ? portal.statement.facts : portal.statement.resolve();
    if (facts === 'unsettled') return false;
    let verdict = portal.verdict;
    if (verdict !== null && facts !== portal.facts) {
      // An EXECUTE or FETCH is resolved by the server when it runs, not when it is bound, and the name means something else by now.
      this.#talk.context.guard.finish(verdict, 'cancelled', 'what it names changed before it ran');
      verdict = portal.verdict = null;
    }
    if (verdict === null) {
      // Run to its end before, or declared in SQL: this Execute is an operation of its own.
      const decided = this.#decide(judge.statement(facts, portal.statement.text, null, 'fetch'), false);
      if (decided === NO_VERDICT_YET) return false;
      if (!decided.allowed) {
        this.#refuse(at, next, refuseOperation(decided.decision, facts), Wait.Execute);
        return true;
      }
      verdict = portal.verdict = decided;
      portal.facts = facts;
    }
    if (this.#talk.lastBound === portal) this.#talk.lastBound = null;
    let extra: FlightExtra | null = null;
    if (portal.statement.effects.length > 0) {
      const changes: { step: number; change: NameChange }[] = [];
      this.#talk.applyEffects(portal.statement.effects, 0, changes);
      extra = { refusal: null, changes };
    }
    this.#talk.flight.push(Wait.Execute, verdict, extra, portal);
    this.#talk.ranInSegment = true;
    this.#talk.awaitingCopy = takesInput(facts);
    this.#verdict = verdict;
    return true;
  }

  #closeName(at: number, next: number): boolean {
    const name = this.#name(at + 6, this.#textEnd(at + 6, next, 'Close'));
    if (name === null) return this.#refuseName(at, next, Wait.Close);
    const kind = this.#buffer[at + 5];
    let change: NameChange | null = null;
    if (kind === 0x53) change = this.#talk.statements.change(name, null, this.#talk.segment);
    else if (kind === 0x50) change = this.#talk.portals.change(name, null, this.#talk.segment);
    this.#talk.flight.push(Wait.Close, null, change === null ? CONTINUE : { refusal: null, changes: [{ step: 0, change }] });
    return true;
  }

  #nextSegment(): void {
    this.#talk.segment++;
    this.#talk.ranInSegment = false;
  }

  /** A name at `from`..`end`, as SQL would say it; null when the server could take it for another one. */
  #name(from: number, end: number): string | null {
    if (end === from) return '';
    if (end - from > NAME_BYTES) return null;
    const name = this.#buffer.toString('utf8', from, end);
    return name.includes('\ufffd') ? null : name;
  }

  #refuseName(at: number, next: number, kind: number): boolean {
    const judged = judge.badName();
    const verdict = this.#decide(judged, false);
    if (verdict === NO_VERDICT_YET) return false;
    this.#refuse(at, next, refuseOperation(verdict.decision, judged.facts), kind);
    return true;
  }

  /**
   * A backslash before a quote is where a server that left standard_conforming_strings (or the encoding) unseen would read another
   * statement than we do; it reports such a change only with ReadyForQuery. So a text with that pair is not judged while an answer is
   * outstanding (`wait`), nor behind something that may have run in the same segment (the reason to refuse it).
   */
  #unclear(text: Uint8Array): string | 'wait' | null {
    if (!holdsEscapedQuote(text)) return null;
    if (this.#talk.ranInSegment) return 'a backslash before a quote may not follow another statement of the same pipeline; send Sync before it';
    return this.#talk.flight.running ? 'wait' : null;
  }

  #checkNames(): void {
    if (this.#talk.statements.size > NAMES_LIMIT || this.#talk.portals.size > NAMES_LIMIT) {
      throw new GwError('session.limit', `A session may keep ${NAMES_LIMIT} prepared statements and cursors.`, {
        hint: 'Close those that are no longer needed (DEALLOCATE, CLOSE).',
      });
    }
  }

  #textEnd(from: number, next: number, what: string): number {
    const end = stringEnd(this.#buffer, from, next);
    if (end < 0) throw new GwError('protocol.violation', `invalid string in message ${what}`);
    return end;
  }
}

function holdsEscapedQuote(text: Uint8Array): boolean {
  for (let at = text.indexOf(BACKSLASH); at >= 0; at = text.indexOf(BACKSLASH, at + 1)) if (text[at + 1] === QUOTE) return true;
  return false;
}

/** COPY FROM STDIN: the server will ask for data. */
function takesInput(facts: Facts): boolean {
  for (const effect of facts.effects) if (effect.action === 'copy_from') return true;
  return false;
}
