/**
 * The way up: walks the client's messages, turns statements into operations, asks the guard, and forwards what is allowed as it came. A
 * refused message is replaced by a stand-in that the server itself answers with an error: so the refusal stands at the right place of a
 * pipeline, the server skips to the right Sync, and the transaction is in the state that an error leaves (defects.md D27). The client is
 * untrusted: every length is checked before its message is waited for.
 */
import { GwError } from '../../contract/gw-error.js';
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
      if (this.#talk.skipping && type !== Front.Sync && type !== Front.Terminate) {
        this.#flush(at);
        this.#dropping = next - at;
        continue;
      }
      if (type === Front.CopyData) {
        this.#copyData(at, next, end);
        at = Math.min(next, end);
        continue;
      }
      const head = type === Front.Bind && length > BIND_BUFFER_LIMIT ? at + HEAD_LIMIT + BIND_RECORD_LIMIT : next;
      const statement = type === Front.Query || type === Front.Parse;
      if (statement && length > this.#statementLimit + HEAD_LIMIT) {
        this.#flush(at);
        this.#tooLong(type, length);
        this.#start = at;
        this.#dropping = next - at;
        continue;
      }
      if (!statement && type !== Front.Bind && length > SMALL_MESSAGE_LIMIT) throw new GwError('protocol.violation', `invalid message length ${length}`);
      if (head > end) return at;
      if (
        this.#talk.copyIn !== null &&
        !(type === Front.CopyDone || type === Front.CopyFail || type === Front.Flush || type === Front.Sync || type === Front.Terminate)
      ) {
        throw new GwError('protocol.violation', `unexpected message type 0x${type.toString(16)} during COPY from stdin`);
      }
      if (!this.#message(type, at, next)) {
        this.#hold();
        return at;
      }
      if (this.#talk.over) return at;
      if (next > end) {
        // The head of a large Bind was judged; the rest follows it, or is dropped with it.
        if (this.#start > at) this.#dropping = next - end;
        else {
          this.#passing = next - end;
          this.#passingVerdict = this.#verdict;
          this.#passingReceived = false;
        }
        return end;
      }
      at = next;
    }
    return at;
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
    const verdict = this.#talk.copyIn ?? this.#talk.flight.lastVerdict();
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
      case Front.Describe:
        flight.push(Wait.Describe, null, null);
        return true;
      case Front.Close:
        this.#closeName(at, next);
        return true;
      case Front.Sync:
        this.#talk.parkLastBound();
        if (this.#talk.copyIn === null) {
          flight.push(Wait.Sync, null, null);
          this.#talk.segment++;
          this.#talk.skipping = false;
        }
        return true;
      case Front.Flush:
        return true;
      case Front.CopyDone:
      case Front.CopyFail:
        if (this.#talk.copyIn === null) flight.push(Wait.CopyEnd, null, null);
        this.#talk.copyIn = null;
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
  #refuse(at: number, next: number, refusal: Buffer, kind: number): void {
    this.#flush(at);
    this.#standIn(refusal, kind);
    this.#start = next;
  }

  #standIn(refusal: Buffer, kind: number): void {
    const { flight, context } = this.#talk;
    const query = kind === Wait.Query;
    flight.push(query ? Wait.Query : Wait.Parse, null, { refusal, changes: [] });
    context.sendUp(
      context.guard.transport(),
      query ? message(Front.Query, `${STAND_IN}\0`) : message(Front.Parse, `${STAND_IN_NAME}\0${STAND_IN}\0`, Uint8Array.of(0, 0)),
    );
    if (query) this.#talk.segment++;
    else this.#talk.skipping = true;
  }

  #tooLong(type: number, length: number): void {
    const judged = judge.tooLong(length, this.#statementLimit);
    const verdict = this.#decide(judged, type === Front.Parse);
    if (verdict === NO_VERDICT_YET) throw new GwError('internal.error', 'A statement that is too long to judge cannot be held.');
    this.#standIn(refuseOperation(verdict.decision, judged.facts), type === Front.Query ? Wait.Query : Wait.Parse);
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
    const verdict = this.#decide(judge.statement(facts, text, null, 'query'), false);
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
    this.#talk.segment++;
    return true;
  }

  #parse(at: number, next: number): boolean {
    const nameEnd = this.#textEnd(at + 5, next, 'Parse');
    const textEnd = this.#textEnd(nameEnd + 1, next, 'Parse');
    const analysis = this.#cache.analyse(this.#buffer, nameEnd + 1, textEnd);
    const facts = this.#talk.resolve(analysis);
    if (facts === 'unsettled') return false;
    const text = this.#buffer.subarray(nameEnd + 1, textEnd);
    const verdict = this.#decide(judge.statement(facts, text, null, 'prepare'), true);
    if (verdict === NO_VERDICT_YET) return false;
    if (!verdict.allowed) {
      this.#refuse(at, next, refuseOperation(verdict.decision, facts), Wait.Parse);
      return true;
    }
    const kept = Buffer.from(text);
    const effects = this.#talk.changesNames(analysis) ? this.#talk.effectsOf(analysis, kept).flat() : [];
    const contextual = analysis.statements.some((info) => info.kind === 'execute' || info.kind === 'fetch');
    const statement: Statement = { facts, text: kept, effects, resolve: contextual ? () => this.#talk.resolve(analysis) : null };
    const change = this.#talk.statements.change(this.#buffer.toString('latin1', at + 5, nameEnd), statement, this.#talk.segment);
    this.#checkNames();
    this.#talk.flight.push(Wait.Parse, null, { refusal: null, changes: [{ step: 0, change }] });
    this.#verdict = verdict;
    return true;
  }

  #bind(at: number, next: number): boolean {
    const limit = Math.min(next, this.#buffer.length);
    const portalEnd = this.#textEnd(at + 5, limit, 'Bind');
    const nameEnd = this.#textEnd(portalEnd + 1, limit, 'Bind');
    const name = this.#buffer.toString('latin1', portalEnd + 1, nameEnd);
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
    const parameters = this.#buffer.subarray(nameEnd + 1, Math.min(limit, nameEnd + 1 + BIND_RECORD_LIMIT));
    const verdict = this.#decide(judge.statement(facts, statement.text, parameters, 'execute'), false);
    if (verdict === NO_VERDICT_YET) return false;
    if (!verdict.allowed) {
      this.#refuse(at, next, refuseOperation(verdict.decision, facts), Wait.Bind);
      return true;
    }
    this.#talk.parkLastBound();
    const portal: Portal = { statement, verdict };
    const change = this.#talk.portals.change(this.#buffer.toString('latin1', at + 5, portalEnd), portal, this.#talk.segment);
    this.#talk.lastBound = portal;
    this.#talk.flight.push(Wait.Bind, verdict, { refusal: null, changes: [{ step: 0, change }] });
    this.#verdict = verdict;
    return true;
  }

  #execute(at: number, next: number): boolean {
    const nameEnd = this.#textEnd(at + 5, next, 'Execute');
    const name = this.#buffer.toString('latin1', at + 5, nameEnd);
    const portal = this.#talk.portals.lookup(name, this.#talk.segment);
    if (portal === 'unsettled') return false;
    if (portal === null) {
      const judged = judge.unknownPortal(name);
      const verdict = this.#decide(judged, false);
      if (verdict === NO_VERDICT_YET) return false;
      this.#refuse(at, next, refuseOperation(verdict.decision, judged.facts), Wait.Execute);
      return true;
    }
    let verdict = portal.verdict;
    if (verdict === null) {
      // Run to its end before, or declared in SQL: this Execute is an operation of its own.
      const decided = this.#decide(judge.statement(portal.statement.facts, portal.statement.text, null, 'fetch'), false);
      if (decided === NO_VERDICT_YET) return false;
      if (!decided.allowed) {
        this.#refuse(at, next, refuseOperation(decided.decision, portal.statement.facts), Wait.Execute);
        return true;
      }
      verdict = portal.verdict = decided;
    }
    if (this.#talk.lastBound === portal) this.#talk.lastBound = null;
    let extra: FlightExtra | null = null;
    if (portal.statement.effects.length > 0) {
      const changes: { step: number; change: NameChange }[] = [];
      this.#talk.applyEffects(portal.statement.effects, 0, changes);
      extra = { refusal: null, changes };
    }
    this.#talk.flight.push(Wait.Execute, verdict, extra, portal);
    this.#verdict = verdict;
    return true;
  }

  #closeName(at: number, next: number): void {
    const nameEnd = this.#textEnd(at + 6, next, 'Close');
    const name = this.#buffer.toString('latin1', at + 6, nameEnd);
    const kind = this.#buffer[at + 5];
    let change: NameChange | null = null;
    if (kind === 0x53) change = this.#talk.statements.change(name, null, this.#talk.segment);
    else if (kind === 0x50) change = this.#talk.portals.change(name, null, this.#talk.segment);
    this.#talk.flight.push(Wait.Close, null, change === null ? CONTINUE : { refusal: null, changes: [{ step: 0, change }] });
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
