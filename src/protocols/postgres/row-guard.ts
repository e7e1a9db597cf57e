/**
 * Holds a write to the rows that it may change, by what really happens: it runs in a savepoint of the client's transaction, or in a
 * transaction opened for it, and its answer is kept back until the server's command tag has said how many rows it changed. More than allowed:
 * people are asked where policy names some, with the real number, while it stays uncommitted; without their yes it is undone and refused.
 * Stops the attack "a WHERE that looks harmless and is true for every row", bound parameters included.
 *
 * It stands between the engine and `Backend`, and takes the server's messages only while a guarded write is under way. Everything that the
 * client sent before has been answered by then, and nothing behind it goes up before it is settled. What the gateway itself asks is asked
 * by the extended protocol under names of its own, so the client's unnamed statement and portal stay. Server input is untrusted.
 */
import { GwError } from '../../contract/gw-error.js';
import type { Facts } from '../../contract/operation.js';
import type { OverRows } from '../../contract/protocol.js';
import type { Verdict } from '../../contract/verdict.js';
import { MESSAGE_LIMIT, SERVER_MESSAGE_LIMIT } from './codec/limits.js';
import { Back, errorResponse, Front, message, readyForQuery } from './codec/message.js';
import type { Conversation } from './conversation.js';
import { Wait } from './flight.js';
import { refuse } from './refusal.js';
import { changedRelation, changesRows } from './row-changes.js';
import { violation } from './server-error.js';

const IDLE = 0x49; // 'I'
const FAILED = 0x45; // 'E'
/** Bytes of rows that are kept back. */
const KEPT_LIMIT = SERVER_MESSAGE_LIMIT * 4;
const NAME = 'gw guard';
const SYNC = message(Front.Sync);
const FLUSH = message(Front.Flush);

/**
 * `wanted`: a write waits for earlier answers. `opening`: for its savepoint. `open`: it may go up. `running`: for its answer. `asking`: for people.
 * `closing`: for the end of its savepoint. `ending`: for the end of the transaction that was opened for its segment.
 */
type Phase = 'idle' | 'wanted' | 'opening' | 'open' | 'running' | 'asking' | 'closing' | 'ending';

export interface RowGuardHooks {
  /** Messages of the server on their usual way. */
  feed(bytes: Buffer): void;
  /** The begun message that the usual way holds; it does no more. */
  takeCarry(): Buffer | null;
  /** What the client sent may go on. */
  settled(): void;
  /** People are asked. */
  asking(): void;
  /** Has the target cancel what it runs; `cancelled` is called when it has taken the request. */
  cancel(error: GwError): void;
}

function command(text: string): Buffer {
  return Buffer.concat([
    message(Front.Parse, `${NAME}\0${text}\0`, Uint8Array.of(0, 0)),
    message(Front.Bind, `${NAME}\0${NAME}\0`, Uint8Array.of(0, 0, 0, 0, 0, 0)),
    message(Front.Execute, `${NAME}\0`, Uint8Array.of(0, 0, 0, 0)),
    message(Front.Close, `P${NAME}\0`),
    message(Front.Close, `S${NAME}\0`),
  ]);
}

const BEGIN = command('BEGIN');
const COMMIT = command('COMMIT');
const ROLLBACK = command('ROLLBACK');
const MARK = command('SAVEPOINT "gw guard"');
const RELEASE = command('RELEASE SAVEPOINT "gw guard"');
const UNDO = Buffer.concat([command('ROLLBACK TO SAVEPOINT "gw guard"'), RELEASE]);

export class RowGuard {
  readonly #talk: Conversation;
  readonly #hooks: RowGuardHooks;
  #phase: Phase = 'idle';
  /** The segment runs in a transaction that the guard opened; it ends with the segment. */
  #own = false;
  /** That transaction must not be committed. */
  #spoiled = false;
  /** Verdict and facts of the write in hand. */
  #verdict: Verdict | null = null;
  #facts: Facts | null = null;
  #query = false;
  #flushed = false;
  #carry: Buffer | null = null;
  /** Messages kept back, and what was seen in them. */
  #kept: Buffer[] = [];
  /** Bytes of rows, kept or not, and of everything else. */
  #bytes = 0;
  #others = 0;
  #rows = 0;
  #tag = '';
  /** Why it is undone, for the record. */
  #refusal: string | null = null;
  /** Rows that it changed, when those are too many; 0: they are not. */
  #over = 0;
  /** What the client is told instead of the guard's own words. */
  #said: GwError | null = null;
  /** What waits until the target has taken a cancel request, which would hit it otherwise. */
  #later: (() => void) | null = null;
  /** CloseComplete messages of the guard's commands in hand. */
  #closes = 0;

  constructor(talk: Conversation, hooks: RowGuardHooks) {
    this.#talk = talk;
    this.#hooks = hooks;
  }

  /** Nothing more of the client goes up now. */
  get busy(): boolean {
    return this.#phase !== 'idle' && this.#phase !== 'wanted' && this.#phase !== 'open';
  }

  /** A human is being asked. */
  get asking(): boolean {
    return this.#phase === 'asking';
  }

  get wanted(): boolean {
    return this.#phase === 'wanted';
  }

  /** The verdict of a simple query that waits here and is looked at again. */
  get waiting(): Verdict | null {
    return this.#phase === 'idle' ? null : this.#verdict;
  }

  /** A transaction of the guard's is open until the client's Sync. */
  get own(): boolean {
    return this.#own;
  }

  /** Lets the allowed write at hand go up; false: it has to wait and be brought again. */
  admit(verdict: Verdict, facts: Facts, query: boolean): boolean {
    if ((verdict.decision.limits?.rows ?? null) === null || !changesRows(facts)) return true;
    if (this.#phase === 'open') {
      this.#phase = 'running';
      this.#flushed = false;
      this.#closes = 0;
      return true;
    }
    if (this.#phase === 'idle') {
      [this.#phase, this.#verdict, this.#facts, this.#query, this.#flushed] = ['wanted', verdict, facts, query, false];
      this.#others = 0;
      [this.#kept, this.#bytes, this.#rows, this.#tag, this.#refusal, this.#over, this.#said] = [[], 0, 0, '', null, 0, null];
    }
    return false;
  }

  /** The client itself begins or ends a transaction: what was opened for the segment is its own from here on. */
  handOver(): void {
    this.#own = false;
  }

  /** The write in hand has run too long: it is cancelled, or undone where it had ended. False: it does not run. */
  stop(verdict: Verdict, error: GwError): boolean {
    if (this.#phase !== 'running' || this.#verdict !== verdict) return false;
    if (this.#said !== null) return true;
    [this.#said, this.#refusal, this.#over] = [error, error.message, 0];
    this.#hooks.cancel(error);
    return true;
  }

  cancelled(): void {
    const later = this.#later;
    this.#later = null;
    later?.();
  }

  /** Everything before the write in hand has been queued for the server, and, when it runs, the write as well. */
  advance(): void {
    if (this.#phase === 'wanted') {
      if (this.#talk.flight.length > 0) this.#flushOnce();
      else this.#open();
    } else if (this.#phase === 'running' && !this.#query) this.#flushOnce();
  }

  /** What goes up in the place of the client's Sync; null: the Sync itself. */
  sync(): Buffer | null {
    // What waited here was skipped: something before it failed.
    if (this.#phase === 'wanted') this.#forget();
    if (!this.#own) return null;
    this.#phase = 'ending';
    return Buffer.concat([this.#spoiled ? ROLLBACK : COMMIT, SYNC]);
  }

  #flushOnce(): void {
    if (!this.#flushed) this.#send(FLUSH);
    this.#flushed = true;
  }

  #send(bytes: Buffer): void {
    const { context } = this.#talk;
    context.sendUp(context.guard.transport(), bytes);
  }

  #open(): void {
    // In a failed transaction it can only fail; in one of the guard's the whole segment is undone.
    if (this.#own || this.#talk.block === FAILED) {
      this.#phase = 'open';
      this.#hooks.settled();
      return;
    }
    this.#phase = 'opening';
    this.#closes = 0;
    this.#own = this.#talk.block === IDLE;
    this.#spoiled = false;
    this.#send(Buffer.concat([this.#own ? BEGIN : MARK, FLUSH]));
  }

  #forget(): void {
    if (this.#query && this.#verdict !== null) this.#talk.context.guard.finish(this.#verdict, 'cancelled', 'skipped after an earlier error of the pipeline');
    [this.#phase, this.#verdict, this.#facts] = ['idle', null, null];
  }

  /** False: not the guard's, take it the usual way. */
  take(chunk: Buffer): boolean {
    if (!this.busy) return false;
    const begun = this.#carry ?? this.#hooks.takeCarry();
    let buffer = begun === null ? chunk : Buffer.concat([begun, chunk]);
    this.#carry = null;
    let at = 0;
    while (buffer.length - at >= 5) {
      const type = buffer[at] ?? 0;
      const length = buffer.readUInt32BE(at + 1);
      if (length < 4 || length > MESSAGE_LIMIT) throw violation(`a message of impossible length (type ${type})`);
      if (length > KEPT_LIMIT) throw tooLarge();
      const next = at + 1 + length;
      if (next > buffer.length) break;
      this.#message(type, Buffer.from(buffer.subarray(at, next)));
      at = next;
      if (this.#talk.over) return true;
      if (!this.busy) {
        if (at < buffer.length) this.#hooks.feed(Buffer.from(buffer.subarray(at)));
        return true;
      }
    }
    buffer = buffer.subarray(at);
    if (buffer.length > 0) this.#carry = Buffer.from(buffer);
    return true;
  }

  #message(type: number, frame: Buffer): void {
    // What the server says on its own is no part of any answer.
    if (type === Back.ParameterStatus || type === Back.NotificationResponse) this.#hooks.feed(frame);
    else if (this.#phase === 'running') this.#result(type, frame);
    else if (this.#phase === 'asking') this.#meanwhile(type);
    // What the client sent between the write and its Sync.
    else if (this.#phase === 'ending' && this.#talk.flight.kind() !== Wait.Sync) this.#hooks.feed(frame);
    else this.#answer(type, frame);
  }

  /** The answer to a command of the guard's. */
  #answer(type: number, frame: Buffer): void {
    switch (type) {
      case Back.ParseComplete:
      case Back.BindComplete:
        return;
      case Back.NoticeResponse:
        // A deferred trigger may have something to say; that a savepoint or transaction begins is nobody's business.
        if (this.#phase === 'ending') this.#hooks.feed(frame);
        else if (this.#phase === 'closing') this.#kept.push(frame);
        return;
      case Back.CommandComplete:
        this.#tag = frame.toString('latin1', 5, frame.length - 1);
        return;
      case Back.CloseComplete:
        // Two for each command: the portal's and the statement's.
        this.#closes++;
        if (this.#phase === 'opening' && this.#closes === 2) this.#opened();
        else if (this.#phase === 'closing' && !this.#query && this.#closes === (this.#refusal === null ? 2 : 4)) this.#settle(null);
        return;
      case Back.ErrorResponse:
        if (this.#phase === 'ending') this.#hooks.feed(frame);
        else if (this.#phase === 'closing' && this.#query && this.#own && this.#refusal === null) this.#kept = [frame];
        else throw new GwError('target.protocol', 'The target did not carry out what the row guard asked of it; what it guarded is undone with the session.');
        return;
      case Back.ReadyForQuery:
        if (this.#phase === 'ending') this.#ended(frame);
        else if (this.#phase === 'closing' && this.#query) this.#settle(frame);
        else throw violation('an answer that nothing asked for');
        return;
      default:
        throw violation(`an unexpected message (type ${type})`);
    }
  }

  #opened(): void {
    this.#phase = 'open';
    this.#hooks.settled();
  }

  /** A message of the guarded write's own answer. */
  #result(type: number, frame: Buffer): void {
    const { rows = null, bytes = null, overRows = null } = this.#verdict?.decision.limits ?? {};
    const limit = rows ?? 0;
    if (type === Back.DataRow) {
      this.#bytes += frame.length;
      // Those that will not be delivered are not kept.
      if ((++this.#rows > limit && overRows === null) || this.#bytes > KEPT_LIMIT) return;
    }
    if (type === Back.CommandComplete) {
      this.#tag = frame.toString('latin1', 5, frame.length - 1);
      const changed = Number(/(\d+)$/.exec(this.#tag)?.[1] ?? '0');
      // What ran too long is undone, whatever it changed.
      if (this.#said === null && (changed > limit || this.#rows > limit)) {
        this.#over = Math.max(changed, this.#rows);
        this.#refusal = this.#tooMany(this.#over, limit);
      }
      if (bytes !== null && this.#bytes + this.#others + frame.length > bytes)
        [this.#refusal, this.#over] = [`the result of this ${this.#verb()} is larger than ${bytes} bytes`, 0];
      else if (this.#bytes > KEPT_LIMIT)
        [this.#refusal, this.#over] = [`the result of this ${this.#verb()} is larger than the gateway keeps back before it is committed`, 0];
    }
    if (type === Back.PortalSuspended)
      this.#refusal = 'the rows that this changes cannot be counted when its result is fetched in parts; execute it without a row limit';
    if (type === Back.CopyInResponse || type === Back.CopyOutResponse) throw violation('a COPY that nothing asked for');
    if (type === Back.ReadyForQuery) {
      if (!this.#query) throw violation('an answer that nothing asked for');
      this.#answered(frame[5] ?? 0, frame);
      return;
    }
    this.#kept.push(frame);
    if (type !== Back.DataRow) this.#others += frame.length;
    if (this.#others > KEPT_LIMIT) throw tooLarge();
    if (this.#query) return;
    if (type === Back.ErrorResponse) this.#settle(null);
    else if (type === Back.CommandComplete || type === Back.PortalSuspended || type === Back.EmptyQueryResponse) this.#answered(0, frame);
  }

  /** The write has run. `state` is that of its ReadyForQuery, 0 in the extended protocol. */
  #answered(state: number, frame: Buffer): void {
    this.#closes = 0;
    if (this.#talk.stopping) {
      this.#later = () => this.#answered(state, frame);
      return;
    }
    if (this.#over === 0 || this.#verdict === null || this.#refusal === null || state === FAILED || this.#talk.block === FAILED) {
      this.#conclude(state, frame);
      return;
    }
    const answer = this.#talk.context.guard.overRows(this.#verdict, { rows: this.#over, words: this.#refusal });
    if (!(answer instanceof Promise)) {
      this.#heard(answer);
      this.#conclude(state, frame);
      return;
    }
    this.#phase = 'asking';
    this.#hooks.asking();
    answer
      .then((said) => {
        if (this.#talk.over) return;
        this.#heard(said);
        this.#conclude(state, frame);
      })
      .catch((error: unknown) => {
        // Nothing was committed: what is open is undone with the connection.
        if (!this.#talk.over) this.#talk.context.end('protocol', GwError.from(error));
      });
  }

  #heard(answer: OverRows): void {
    if (answer.kind === 'keep') this.#refusal = null;
    else this.#said = answer.refusal;
  }

  /** While people are asked the server has nothing to say but what belongs to no answer. */
  #meanwhile(type: number): void {
    if (type === Back.NoticeResponse) return;
    if (type !== Back.ErrorResponse) throw violation('an answer that nothing asked for');
    throw new GwError('target.unreachable', 'The target ended the session while a write waited for approval; the write is undone.', {
      hint: 'An idle_in_transaction_session_timeout of the target may be shorter than people take. Run it again.',
    });
  }

  /** It is kept, or undone. */
  #conclude(state: number, frame: Buffer): void {
    const over = this.#refusal !== null;
    if (this.#own && !this.#query) {
      if (over) this.#spoiled = true;
      this.#settle(null);
    } else if (this.#own) {
      this.#phase = 'closing';
      this.#send(Buffer.concat([over || state === FAILED ? ROLLBACK : COMMIT, SYNC]));
    } else if (state === FAILED || this.#talk.block === FAILED) this.#settle(frame);
    else {
      this.#phase = 'closing';
      this.#send(Buffer.concat([over ? UNDO : RELEASE, this.#query ? SYNC : FLUSH]));
    }
  }

  /** The client gets its answer: the server's, or the refusal. `ready`: the last ReadyForQuery of a simple query. */
  #settle(ready: Buffer | null): void {
    const [kept, refusal, verdict, facts, said] = [this.#kept, this.#refusal, this.#verdict, this.#facts, this.#said];
    if (this.#query) this.#own = false;
    [this.#phase, this.#verdict, this.#facts, this.#kept, this.#bytes, this.#closes] = ['idle', null, null, [], 0, 0];
    if (refusal !== null && verdict !== null && facts !== null) {
      const { flight, context } = this.#talk;
      const { decision } = verdict;
      context.guard.finish(verdict, 'refused', said === null || said.message === refusal ? refusal : `${refusal}; ${said.message}`);
      const own = {
        severity: 'ERROR',
        sqlstate: '42501',
        message: refusal,
        detail: `It was undone. Policy ${decision.policy.slice(0, 19)}, rule ${decision.rule ?? '(default)'}.`,
        hint: 'Change fewer rows at once, or ask the owner of the policy. (policy.limit_exceeded)',
      } as const;
      const words = said === null ? errorResponse(own) : refuse(said, 'ERROR');
      flight.refuse(words);
      kept.splice(0, kept.length, words);
    }
    if (ready !== null) kept.push(ready);
    this.#hooks.feed(Buffer.concat(kept));
    this.#hooks.settled();
  }

  /** The transaction of the segment is over, or has failed and has to be ended. */
  #ended(frame: Buffer): void {
    if (frame[5] === FAILED) {
      this.#send(Buffer.concat([ROLLBACK, SYNC]));
      return;
    }
    this.#own = false;
    this.#closes = 0;
    this.#phase = 'idle';
    this.#hooks.feed(readyForQuery(frame[5] ?? IDLE));
    this.#hooks.settled();
  }

  #tooMany(changed: number, limit: number): string {
    const relation = this.#facts === null ? '' : changedRelation(this.#facts);
    const number = (value: number): string => value.toLocaleString('en-US');
    return `this ${this.#verb()} changed ${number(changed)} rows${relation === '' ? '' : ` in ${relation}`}; limit ${number(limit)}`;
  }

  #verb(): string {
    return /^[A-Z]+/.exec(this.#tag)?.[0] ?? 'statement';
  }
}

function tooLarge(): GwError {
  return new GwError('policy.limit_exceeded', 'The result of a write with a row limit is larger than the gateway keeps back; it is undone with the session.');
}
