/**
 * What each message of the client asks for: statements become operations, the guard is asked, names and the queue of expected answers are
 * kept. A refused message gets a stand-in that the server itself answers with an error: so the refusal stands at the right place of a
 * pipeline, the server skips to the right Sync, and the transaction is in the state that an error leaves (defects.md D27).
 */

import type { BoundParameter } from '../../contract/approval.js';
import { GwError } from '../../contract/gw-error.js';
import type { Facts, Operation } from '../../contract/operation.js';
import type { Verdict } from '../../contract/verdict.js';
import { AwaitedVerdict } from './awaited-verdict.js';
import { readBoundParameters } from './bound-parameters.js';
import { NAMES_LIMIT } from './codec/limits.js';
import { Front, message, stringEnd } from './codec/message.js';
import type { Conversation } from './conversation.js';
import { type Analysis, mayBeBent, type StatementCache } from './facts/index.js';
import { type FlightExtra, Wait } from './flight.js';
import { foreignName } from './foreign-encoding.js';
import { type Judged, judge } from './judge.js';
import { isLate, judgedLate, lateRefusal } from './late-run.js';
import type { OperationMask } from './masking/session-masking.js';
import { withStreamedParameters } from './masking/streamed-parameters.js';
import type { NameChange, Statement } from './names.js';
import { BEHIND_END, beginsOrEnds, breaksReadOnly, endsTransaction, goesOnAfterEnd } from './read-only.js';
import { refuse, refuseOperation } from './refusal.js';
import { countsNow, isCounted, withChanges } from './row-changes.js';
import type { RowGuard } from './row-guard.js';
import { shiftsMeaning } from './shifted-meaning.js';
import { TokenWait } from './token-wait.js';

/** Text that no server parses: the stand-in of a refused statement, and a sign in the server's own log. */
const STAND_IN = 'gw refused this statement';
const STAND_IN_NAME = 'gw refused';
const NO_VERDICT_YET = 'wait';
const CONTINUE = { refusal: null, changes: [] } as const;
const SILENT = { refusal: null, changes: [], silent: true } as const;
const PORTAL = 0x50;
/** The server cuts longer names (NAMEDATALEN - 1), so two of them may be one. */
const NAME_BYTES = 63;
const BACKSLASH = 0x5c;
const QUOTE = 0x27;

/** true: send it as it came. false: it must wait, and is looked at again later. Bytes: send these in its place. */
export type Handled = boolean | Buffer;

export class Requests {
  /** Goes up in front of the message that was just let through. */
  before: Buffer | null = null;
  /** The verdict of the last message that was let through. */
  verdict: Verdict | null = null;
  readonly #talk: Conversation;
  readonly #rows: RowGuard;
  readonly #cache: StatementCache;
  readonly #statementLimit: number;
  readonly #awaited: AwaitedVerdict;
  readonly #tokens: TokenWait;
  #buffer: Buffer = Buffer.alloc(0);

  /** `awaitedCame` is called when a verdict came that a message waits for. */
  constructor(talk: Conversation, rows: RowGuard, cache: StatementCache, statementLimit: number, awaitedCame: () => void) {
    this.#talk = talk;
    this.#rows = rows;
    this.#cache = cache;
    this.#statementLimit = statementLimit;
    this.#awaited = new AwaitedVerdict(talk, awaitedCame);
    this.#tokens = new TokenWait(talk, this.#awaited);
  }

  /** A human is being asked: answers of the server change nothing about the wait. */
  get waitingForVerdict(): boolean {
    return this.#awaited.waiting;
  }

  /** One whole message at `buffer[at..next)` (of a large Bind, its head). */
  handle(buffer: Buffer, type: number, at: number, next: number): Handled {
    this.#buffer = buffer;
    const { flight } = this.#talk;
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
        const name = this.#name(at + 6, end);
        if (name === null) return this.#refuseName(Wait.Describe);
        const portal = buffer[at + 5] === PORTAL ? this.#talk.portals.lookup(name, this.#talk.segment) : null;
        if (portal === 'unsettled') return false;
        if (portal !== null) portal.described = true;
        flight.push(Wait.Describe, null, null, portal);
        return true;
      }
      case Front.Close:
        return this.#closeName(at, next);
      case Front.Sync:
        this.#awaited.forget();
        this.#talk.parkLastBound();
        flight.push(Wait.Sync, null, null);
        this.#nextSegment();
        this.#talk.skipping = false;
        return this.#rows.sync() ?? true;
      case Front.Flush:
        return true;
      case Front.CopyDone:
      case Front.CopyFail:
        this.#talk.copyIn = null;
        // Within a Query another COPY may follow; in the extended protocol a Sync from here on is a Sync, however the COPY went.
        this.#talk.awaitingCopy = flight.kind() === Wait.Query;
        return true;
      case Front.FunctionCall:
        return this.#functionCall(at, next);
      default:
        throw new GwError('protocol.violation', `invalid frontend message type ${type}`);
    }
  }

  /** The verdict on one operation; `wait`: a human is being asked. */
  #decide(asked: Judged, preparing: boolean): Verdict | typeof NO_VERDICT_YET {
    const told = this.#talk.context.readOnly ? this.#inReadOnly(asked, preparing) : asked;
    const judged: Judged = (this.#talk.shifted || mayBeBent(told.facts)) && told.reach === 'whole' ? { ...told, reach: 'contextual' } : told;
    // What is forbidden by now was not what people approved.
    if (judged.forbidden !== null) this.#awaited.forget();
    const verdict = this.#awaited.take(judged) ?? this.#ask(judged, preparing);
    if (verdict !== NO_VERDICT_YET && verdict.allowed && !preparing && shiftsMeaning(judged.facts)) this.#talk.shift();
    if (verdict !== NO_VERDICT_YET && verdict.allowed && !preparing) this.#talk.catalog.sent(judged.facts);
    return verdict;
  }

  #ask(judged: Judged, preparing: boolean): Verdict | typeof NO_VERDICT_YET {
    const { guard } = this.#talk.context;
    const verdict = preparing ? guard.consider(judged) : guard.check(judged);
    if (!(verdict instanceof Promise)) return verdict;
    this.#awaited.expect(judged, verdict);
    return NO_VERDICT_YET;
  }

  #inReadOnly(asked: Judged, preparing: boolean): Judged {
    if (asked.forbidden !== null) return asked;
    const forbidden = !preparing && this.#talk.endedInSegment ? BEHIND_END : breaksReadOnly(asked.facts);
    return forbidden === null ? asked : { ...asked, forbidden };
  }

  /** `unnamed`: a Parse of the unnamed statement, which the server drops before it reads the text; so it must be gone here, too (D27). */
  #standIn(refusal: Buffer, kind: number, unnamed = false): Buffer {
    const query = kind === Wait.Query;
    const changes = unnamed ? [{ step: 0, change: this.#talk.statements.change('', null, this.#talk.segment) }] : [];
    this.#talk.flight.push(query ? Wait.Query : Wait.Parse, null, { refusal, changes });
    if (query) this.#nextSegment();
    else this.#talk.skipping = true;
    return query ? message(Front.Query, `${STAND_IN}\0`) : message(Front.Parse, `${unnamed ? '' : STAND_IN_NAME}\0${STAND_IN}\0`, Uint8Array.of(0, 0));
  }

  /** The stand-in for a statement that is longer than the gateway reads; its body has not come and will not be looked at. */
  tooLong(buffer: Buffer, at: number, type: number, length: number): Buffer {
    const judged = judge.tooLong(length, this.#statementLimit);
    const verdict = this.#decide(judged, type === Front.Parse);
    if (verdict === NO_VERDICT_YET) throw new GwError('internal.error', 'A statement that is too long to judge cannot be held.');
    const query = type === Front.Query;
    return this.#standIn(refuseOperation(verdict.decision, judged.facts), query ? Wait.Query : Wait.Parse, !query && buffer[at + 5] === 0);
  }

  #functionCall(at: number, next: number): Handled {
    const judged = judge.functionCall(this.#buffer.subarray(at + 5, next));
    const verdict = this.#decide(judged, false);
    if (verdict === NO_VERDICT_YET) return false;
    return this.#standIn(refuseOperation(verdict.decision, judged.facts), Wait.Query);
  }

  #query(at: number, next: number): Handled {
    const { flight } = this.#talk;
    const end = this.#textEnd(at + 5, next, 'Query');
    const analysis = this.#cache.analyse(this.#buffer, at + 5, end);
    const named = this.#talk.resolve(analysis);
    if (named === 'unsettled') return false;
    // A verdict that came for it is not thrown away by what the statement itself may change.
    const facts = this.#rows.waiting === null ? this.#talk.explain(named, analysis.statements.length > 1) : named;
    if (facts === 'unsettled') return false;
    const text = this.#buffer.subarray(at + 5, end);
    const unclear = this.#talk.context.readOnly && goesOnAfterEnd(analysis, this.#talk.ranInSegment) ? BEHIND_END : this.#unclear(text);
    if (unclear === 'wait') return false;
    if (this.#rows.own && this.#rows.waiting === null)
      throw new GwError('protocol.violation', 'A Query may not follow a write with a row limit in the same pipeline; send Sync before it.');
    const judged = unclear === null ? this.#followed(judge.statement(facts, text, 'query', reachOf(analysis)), analysis) : judge.unclear(facts, text, unclear);
    if (this.#masksLater()) return false;
    const mask = this.#keptMask(this.#talk.masking.ofText(analysis, text, facts, false));
    if (mask === 'wait') return false;
    const changing = withMask(withChanges(judged, isCounted(analysis, this.#talk), analysis.statements.length === 1), mask);
    const asked = continuing(changing, this.#talk.origins(analysis));
    const verdict = this.#rows.waiting ?? this.#decide(asked, false);
    if (verdict === NO_VERDICT_YET) return false;
    if (!verdict.allowed) {
      return this.#standIn(refuseOperation(verdict.decision, facts), Wait.Query);
    }
    const answer = this.#talk.masking.tokensOfText(analysis, text, mask, () => this.#settled());
    const tokens = this.#tokens.edit(asked, verdict, answer, this.#rows.waiting !== null);
    if (tokens === 'wait') return false;
    if (tokens instanceof GwError) return this.#standIn(refuse(tokens, 'ERROR'), Wait.Query);
    if (!this.#rows.admit(verdict, facts, true)) return false;
    const masker = mask === null ? null : this.#talk.masking.attach(verdict, mask, null);
    let extra: FlightExtra | null = null;
    if (this.#talk.changesNames(analysis)) {
      const changes: { step: number; change: NameChange }[] = [];
      for (const [step, list] of this.#talk.effectsOf(analysis, Buffer.from(text)).entries()) this.#talk.applyEffects(list, step, verdict, changes);
      extra = { refusal: null, changes };
      this.#checkNames();
    }
    this.verdict = verdict;
    this.#talk.parkLastBound();
    flight.push(Wait.Query, verdict, extra, null, masker);
    this.#nextSegment();
    this.#talk.awaitingCopy = takesInput(facts);
    if (tokens === null) return true;
    this.#talk.context.guard.resolved(verdict, tokens.resolved);
    return message(Front.Query, tokens.bytes, Uint8Array.of(0));
  }

  /** Ends what waits for its tokens and takes too long; nothing of it went up. False: that is not what runs under `verdict`. */
  stop(verdict: Verdict, error: GwError): boolean {
    const stopped = this.#tokens.stop(verdict, error);
    if (stopped) this.#settled();
    return stopped;
  }

  #parse(at: number, next: number): Handled {
    const nameEnd = this.#textEnd(at + 5, next, 'Parse');
    const textEnd = this.#textEnd(nameEnd + 1, next, 'Parse');
    const analysis = this.#cache.analyse(this.#buffer, nameEnd + 1, textEnd);
    const named = this.#talk.resolve(analysis);
    if (named === 'unsettled') return false;
    const facts = this.#talk.explain(named, false);
    if (facts === 'unsettled') return false;
    const name = this.#name(at + 5, nameEnd);
    if (name === null) return this.#refuseName(Wait.Parse);
    const text = this.#buffer.subarray(nameEnd + 1, textEnd);
    const unclear = this.#unclear(text);
    if (unclear === 'wait') return false;
    const judged = unclear === null ? judge.statement(facts, text, 'prepare', 'whole') : judge.unclear(facts, text, unclear);
    const counted = isCounted(analysis, this.#talk);
    if (this.#masksLater()) return false;
    const mask = this.#talk.masking.ofText(analysis, text, facts, true);
    const verdict = this.#decide(withMask(withChanges(judged, counted, true), mask), true);
    if (verdict === NO_VERDICT_YET) return false;
    if (!verdict.allowed) {
      return this.#standIn(refuseOperation(verdict.decision, facts), Wait.Parse, nameEnd === at + 5);
    }
    const kept = Buffer.from(text);
    const types = Buffer.from(this.#buffer.subarray(textEnd + 1, next));
    const effects = this.#talk.changesNames(analysis) ? this.#talk.effectsOf(analysis, kept).flat() : [];
    const contextual = reachOf(analysis) === 'contextual';
    const source = { analysis, text: kept, index: null, inner: false };
    const statement: Statement = {
      facts: named,
      source,
      text: kept,
      types,
      effects,
      resolve: contextual ? () => this.#talk.resolve(analysis) : null,
      origins: contextual ? () => this.#talk.origins(analysis) : null,
      counted,
    };
    const change = this.#talk.statements.change(name, statement, this.#talk.segment);
    this.#checkNames();
    this.#talk.flight.push(Wait.Parse, null, { refusal: null, changes: [{ step: 0, change }] });
    this.verdict = verdict;
    return true;
  }

  #bind(at: number, next: number): Handled {
    const limit = Math.min(next, this.#buffer.length);
    const portalEnd = this.#textEnd(at + 5, limit, 'Bind');
    const nameEnd = this.#textEnd(portalEnd + 1, limit, 'Bind');
    const name = this.#name(portalEnd + 1, nameEnd);
    const portalName = this.#name(at + 5, portalEnd);
    if (name === null || portalName === null) return this.#refuseName(Wait.Bind);
    const statement = this.#talk.statements.lookup(name, this.#talk.segment);
    if (statement === 'unsettled') return false;
    if (statement === null) {
      const judged = judge.unknownStatement(name);
      const verdict = this.#decide(judged, false);
      if (verdict === NO_VERDICT_YET) return false;
      return this.#standIn(refuseOperation(verdict.decision, judged.facts), Wait.Bind);
    }
    const named = statement.resolve === null ? statement.facts : statement.resolve();
    if (named === 'unsettled') return false;
    const facts = this.#talk.explain(named, false);
    if (facts === 'unsettled') return false;
    const parameters = this.#buffer.subarray(nameEnd + 1, limit);
    const bound = (): readonly BoundParameter[] => readBoundParameters(parameters, statement.types) ?? [];
    const reach = next > limit ? 'partial' : statement.resolve === null ? 'whole' : 'contextual';
    const judged = this.#followed(judge.bound(facts, statement, parameters, reach), statement.source.analysis);
    if (this.#masksLater()) return false;
    const whole = this.#talk.masking.ofStatement(statement, bound);
    const mask = this.#keptMask(next > limit ? withStreamedParameters(whole) : whole);
    if (mask === 'wait') return false;
    const asked = continuing(withMask(withChanges(judged, countsNow(statement, this.#talk), true), mask), statement.origins?.() ?? []);
    const verdict = this.#decide(asked, false);
    if (verdict === NO_VERDICT_YET) return false;
    if (!verdict.allowed) {
      return this.#standIn(refuseOperation(verdict.decision, facts), Wait.Bind);
    }
    const answer = next > limit ? null : this.#talk.masking.tokensOfBind(statement, parameters, bound, mask, () => this.#settled());
    const tokens = this.#tokens.edit(asked, verdict, answer, false);
    if (tokens === 'wait') return false;
    if (tokens instanceof GwError) return this.#standIn(refuse(tokens, 'ERROR'), Wait.Bind);
    this.#talk.parkLastBound();
    const portal = this.#talk.openedPortal(statement, verdict, named, verdict, next > limit ? null : parameters);
    if (mask !== null) portal.masker = this.#talk.masking.attach(verdict, mask, portal);
    const change = this.#talk.portals.change(portalName, portal, this.#talk.segment);
    this.#talk.lastBound = portal;
    this.#talk.ranInSegment = true;
    // A Bind is where the server plans, and what planning works out may fail with a value in its words.
    this.#talk.flight.push(Wait.Bind, verdict, { refusal: null, changes: [{ step: 0, change }] }, null, portal.masker ?? null);
    this.verdict = verdict;
    if (tokens === null) return true;
    this.#talk.context.guard.resolved(verdict, tokens.resolved);
    return message(Front.Bind, this.#buffer.subarray(at + 5, nameEnd + 1), tokens.bytes);
  }

  #execute(at: number, next: number): Handled {
    const nameEnd = this.#textEnd(at + 5, next, 'Execute');
    const name = this.#name(at + 5, nameEnd);
    if (name === null) return this.#refuseName(Wait.Execute);
    const portal = this.#talk.portals.lookup(name, this.#talk.segment);
    if (portal === 'unsettled') return false;
    if (portal === null) {
      const judged = judge.unknownPortal(name);
      const verdict = this.#decide(judged, false);
      if (verdict === NO_VERDICT_YET) return false;
      return this.#standIn(refuseOperation(verdict.decision, judged.facts), Wait.Execute);
    }
    const named = portal.statement.resolve === null ? portal.statement.facts : portal.statement.resolve();
    if (named === 'unsettled') return false;
    // How its run of an earlier segment ends says whether this is the same one.
    if (portal.ranIn !== undefined && portal.ranIn !== this.#talk.segment && this.#talk.flight.runs(portal)) return false;
    const late = lateRefusal(portal, named, this.#talk);
    if (portal.verdict !== null && this.#rows.waiting === null && isLate(portal, named, this.#talk)) {
      this.#talk.context.guard.finish(portal.verdict, 'cancelled', 'it was not run when it was bound, and is decided when it runs');
      portal.verdict = null;
    }
    let verdict = late === null ? portal.verdict : null;
    if (verdict === null) {
      // Run to its end before, declared in SQL, or later than it was bound: this Execute is an operation of its own.
      const facts = this.#talk.explain(named, false);
      if (facts === 'unsettled') return false;
      const run = judgedLate(portal, facts, late);
      const judged = this.#followed(run.judged, portal.statement.source.analysis);
      if (this.#masksLater()) return false;
      const mask = this.#keptMask(this.#talk.masking.ofStatement(portal.statement, run.bound));
      if (mask === 'wait') return false;
      const origins = [portal.origin, ...(portal.statement.origins?.() ?? [])];
      const decided = this.#decide(continuing(withMask(withChanges(judged, countsNow(portal.statement, this.#talk), true), mask), origins), false);
      if (decided === NO_VERDICT_YET) return false;
      if (!decided.allowed) {
        return this.#standIn(refuseOperation(decided.decision, facts), Wait.Execute);
      }
      portal.masker = mask === null ? null : this.#talk.masking.attach(decided, mask, portal);
      verdict = portal.verdict = decided;
      portal.facts = named;
    }
    if (!this.#rows.admit(verdict, named, false)) return false;
    const masker = portal.masker ?? null;
    if (portal.described !== true && masker !== null) {
      // Rows are masked by their description; a client that knows it already does not ask.
      portal.described = true;
      this.before = message(Front.Describe, `P${name}\0`);
      this.#talk.flight.push(Wait.Describe, null, SILENT, portal);
    }
    if (this.#rows.own && beginsOrEnds(named)) this.#rows.handOver();
    if (this.#talk.lastBound === portal) this.#talk.lastBound = null;
    else this.#talk.parkLastBound();
    portal.unrun = undefined;
    portal.ranIn = this.#talk.segment;
    let extra: FlightExtra | null = null;
    if (portal.statement.effects.length > 0) {
      const changes: { step: number; change: NameChange }[] = [];
      this.#talk.applyEffects(portal.statement.effects, 0, verdict, changes);
      extra = { refusal: null, changes };
    }
    this.#talk.flight.push(Wait.Execute, verdict, extra, portal, masker);
    this.#talk.ranInSegment = true;
    if (this.#talk.context.readOnly && endsTransaction(named)) this.#talk.endedInSegment = true;
    this.#talk.awaitingCopy = takesInput(named);
    this.verdict = verdict;
    return true;
  }

  /** `wait`: tags that it needs are being kept. */
  #keptMask(mask: OperationMask | null): OperationMask | null | 'wait' {
    return this.#talk.masking.kept(mask, () => this.#settled());
  }

  #settled(): void {
    if (!this.#talk.over) this.#talk.catalog.settled();
  }

  /** What names mean is being looked up; the message waits for it. */
  #masksLater(): boolean {
    return this.#talk.masking.door !== null && this.#talk.catalog.forCode() === 'wait';
  }

  #closeName(at: number, next: number): Handled {
    const name = this.#name(at + 6, this.#textEnd(at + 6, next, 'Close'));
    if (name === null) return this.#refuseName(Wait.Close);
    const kind = this.#buffer[at + 5];
    let change: NameChange | null = null;
    if (kind === 0x53) change = this.#talk.statements.change(name, null, this.#talk.segment);
    else if (kind === 0x50) change = this.#talk.portals.change(name, null, this.#talk.segment);
    this.#talk.flight.push(Wait.Close, null, change === null ? CONTINUE : { refusal: null, changes: [{ step: 0, change }] });
    return true;
  }

  #nextSegment(): void {
    this.#talk.segment++;
    this.#talk.endedInSegment = false;
    this.#talk.ranInSegment = false;
  }

  /** A name at `from`..`end`, as SQL would say it; null when the server could take it for another one. */
  #name(from: number, end: number): string | null {
    if (end === from) return '';
    if (end - from > NAME_BYTES) return null;
    const name = this.#buffer.toString('utf8', from, end);
    return name.includes('\ufffd') ? null : name;
  }

  #refuseName(kind: number): Handled {
    const judged = judge.badName();
    const verdict = this.#decide(judged, false);
    if (verdict === NO_VERDICT_YET) return false;
    return this.#standIn(refuseOperation(verdict.decision, judged.facts), kind);
  }

  /**
   * A backslash before a quote is where a server that left standard_conforming_strings (or the encoding) unseen would read another
   * statement than we do; it reports such a change only with ReadyForQuery. So a text with that pair is not judged while an answer is
   * outstanding (`wait`), nor behind something that may have run in the same segment (the reason to refuse it).
   */
  #unclear(text: Uint8Array): string | 'wait' | null {
    const foreign = this.#talk.foreignEncoding ? foreignName(text) : null;
    if (foreign !== null || !holdsEscapedQuote(text)) return foreign;
    if (this.#talk.ranInSegment) return 'a backslash before a quote may not follow another statement of the same pipeline; send Sync before it';
    return this.#talk.flight.running ? 'wait' : null;
  }

  #followed(judged: Judged, analysis: Analysis): Judged {
    const reason = judged.forbidden === null ? this.#talk.unfollowed(analysis) : null;
    return reason === null ? judged : { ...judged, forbidden: reason };
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

/** What policy says of sensitive data counts like a limit of the wire. */
function withMask(judged: Judged, mask: OperationMask | null): Judged {
  if (mask === null || judged.forbidden !== null) return judged;
  const { refusal, clears } = mask;
  if (refusal !== null) return { ...judged, forbidden: refusal, forbiddenBy: 'masking' };
  return clears === null ? judged : { ...judged, clears };
}

function holdsEscapedQuote(text: Uint8Array): boolean {
  for (let at = text.indexOf(BACKSLASH); at >= 0; at = text.indexOf(BACKSLASH, at + 1)) if (text[at + 1] === QUOTE) return true;
  return false;
}

/** The operation with what its rows count together with. */
function continuing(operation: Judged, origins: readonly Verdict[]): Judged {
  return origins.length === 0 ? operation : { ...operation, continues: origins };
}

/** A text that runs what the session prepared or declared does not say what it does. */
function reachOf(analysis: Analysis): Operation['reach'] {
  for (const { kind } of analysis.statements) if (kind === 'execute' || kind === 'fetch') return 'contextual';
  return 'whole';
}

/** COPY FROM STDIN: the server will ask for data. */
function takesInput(facts: Facts): boolean {
  for (const effect of facts.effects) if (effect.action === 'copy_from') return true;
  return false;
}
