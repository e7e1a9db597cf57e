/**
 * Ends a statement that went over a limit of policy, and not its session: the target is asked to cancel it, the rest of its result is
 * dropped, and in its place the client gets an error, with the transaction in the state that an error leaves. Takes the server's messages
 * from the moment of the limit until the statement's answer has ended; until then, and until the target has taken the cancel request (a
 * late one would hit the client's next statement), nothing of the client goes up.
 *
 * The invariant: the client is never told of an error while what the statement did stays. A target that had finished before the cancel came
 * has its transaction failed; where that cannot be had, the session ends and says so. Server input is untrusted.
 */
import { GwError } from '../../contract/gw-error.js';
import type { Verdict } from '../../contract/verdict.js';
import { MESSAGE_LIMIT, SERVER_MESSAGE_LIMIT } from './codec/limits.js';
import { Back, Front, message } from './codec/message.js';
import type { Conversation } from './conversation.js';
import { Wait } from './flight.js';
import { endsOrBegins, onlyReads } from './read-effects.js';
import { refuse } from './refusal.js';
import { violation } from './server-error.js';

const IN_TRANSACTION = 0x54; // 'T'
const FAILED = 0x45; // 'E'
/** How long the target may take to stop, and to take the request. */
const STOP_MS = 5_000;
/** No SQL: what fails a transaction that must not be committed, and a sign in the server's own log. */
const FAILING = 'gw ended this transaction';
const FLUSH = message(Front.Flush);
/** What the server answers before the first statement that runs. */
const PREPARING: ReadonlySet<number> = new Set([Wait.Parse, Wait.Bind, Wait.Describe, Wait.Close]);

export interface StatementStopHooks {
  /** Messages of the server on their usual way. */
  feed(bytes: Buffer): void;
  /** What the client sent may go on. */
  settled(): void;
  /** A cancel request went out and was taken. */
  cancelled(): void;
}

export class StatementStop {
  readonly #talk: Conversation;
  readonly #hooks: StatementStopHooks;
  /** Of the statement in hand: what its client is told; null: there is none. */
  #error: GwError | null = null;
  #verdict: Verdict | null = null;
  #query = false;
  /** Nothing but reads has run in its segment. */
  #reads = false;
  /** The error of the server that ended it. */
  #failure: Buffer | null = null;
  /** What fails the transaction went up. */
  #failing = false;
  #cancelling = false;
  #expected = false;
  #timer: NodeJS.Timeout | null = null;
  /** Bytes still to come of a row that is dropped. */
  #skip = 0;
  #carry: Buffer | null = null;

  constructor(talk: Conversation, hooks: StatementStopHooks) {
    this.#talk = talk;
    this.#hooks = hooks;
  }

  /** The server's messages are taken here. */
  get active(): boolean {
    return this.#error !== null;
  }

  stops(verdict: Verdict): boolean {
    return this.#error !== null && this.#verdict === verdict;
  }

  /** Whether what runs under `verdict` can be ended by itself: it is the next that runs, and nothing that would run is on its way behind it. */
  possible(verdict: Verdict): boolean {
    const { flight, copyIn, awaitingCopy } = this.#talk;
    if (this.active || copyIn !== null || awaitingCopy) return false;
    let at = 0;
    while (PREPARING.has(flight.kind(at))) at++;
    const kind = flight.kind(at);
    if ((kind !== Wait.Query && kind !== Wait.Execute) || flight.verdict(at) !== verdict) return false;
    let segments = 0;
    for (let i = at + 1; i < flight.length; i++) {
      const behind = flight.kind(i);
      if (behind === Wait.Sync) segments++;
      else if (behind !== Wait.Close && behind !== Wait.Describe) return false;
    }
    return segments <= 1;
  }

  /** Ends what is answered now. `skip`: bytes of a row that is dropped and still comes; `rest`: what the server sent behind that. */
  begin(error: GwError, skip: number, rest: Buffer): void {
    const { flight, runs } = this.#talk;
    this.#error = error;
    this.#expected = false;
    this.#verdict = flight.verdict();
    this.#query = flight.kind() === Wait.Query;
    this.#reads = runs === 0 && this.#verdict !== null && onlyReads(this.#verdict.facts);
    [this.#failure, this.#failing, this.#skip, this.#carry] = [null, false, skip, null];
    this.#talk.stopping = true;
    if (rest.length > 0) this.take(rest);
    if (!this.active || this.#talk.over) return;
    // An answer that has ended meanwhile would stay in the server's buffer.
    if (!this.#query && !this.#synced()) this.#send(FLUSH);
    this.cancel(error);
  }

  /** `begin` will follow, with the first that the target says of it. Until then nothing of the client goes up. */
  expect(error: GwError): void {
    this.#expected = true;
    this.cancel(error);
  }

  /** It will not: the statement did not come to run. */
  forgo(): void {
    this.#expected = false;
    this.#rest();
  }

  /** Has the target cancel what it runs. Until it has taken the request nothing of the client goes up. */
  cancel(error: GwError): void {
    if (this.#cancelling) return;
    this.#cancelling = true;
    this.#talk.stopping = true;
    this.#watch(error);
    this.#talk.context
      .cancelTarget()
      .then(() => {
        this.#cancelling = false;
        if (this.#talk.over) return;
        this.#rest();
        this.#hooks.cancelled();
      })
      .catch((cause: unknown) => this.#end(new GwError(error.code, error.message, { detail: error.detail, hint: error.hint, cause })));
  }

  #watch(error: GwError): void {
    this.#timer ??= setTimeout(() => this.#end(error), STOP_MS).unref();
  }

  /** It could not be ended by itself, so its session is. */
  #end(error: GwError): void {
    if (!this.#talk.over) this.#talk.context.end('protocol', error);
  }

  /** Lets the client go on once all is over. */
  #rest(): void {
    if (this.#cancelling || this.#expected || this.active) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#talk.stopping = false;
    this.#hooks.settled();
  }

  /** False: nothing is being stopped, take it the usual way. */
  take(chunk: Buffer): boolean {
    if (!this.active) return false;
    const buffer = this.#carry === null ? chunk : Buffer.concat([this.#carry, chunk]);
    this.#carry = null;
    let at = Math.min(this.#skip, buffer.length);
    this.#skip -= at;
    while (buffer.length - at >= 5) {
      const type = buffer[at] ?? 0;
      const length = buffer.readUInt32BE(at + 1);
      if (length < 4 || length > MESSAGE_LIMIT) throw violation(`a message of impossible length (type ${type})`);
      const next = at + 1 + length;
      if (type === Back.DataRow || type === Back.CopyData) {
        this.#skip = Math.max(0, next - buffer.length);
        at = Math.min(next, buffer.length);
        continue;
      }
      if (next > buffer.length) {
        if (length > SERVER_MESSAGE_LIMIT) throw violation(`a message (type ${type}) of ${length} bytes`);
        break;
      }
      this.#message(type, Buffer.from(buffer.subarray(at, next)));
      at = next;
      if (this.#talk.over) return true;
      if (!this.active) {
        if (at < buffer.length) this.#hooks.feed(Buffer.from(buffer.subarray(at)));
        return true;
      }
    }
    if (at < buffer.length) this.#carry = Buffer.from(buffer.subarray(at));
    return true;
  }

  #message(type: number, frame: Buffer): void {
    switch (type) {
      case Back.ParameterStatus:
      case Back.NotificationResponse:
        this.#hooks.feed(frame);
        return;
      case Back.CommandComplete:
      case Back.EmptyQueryResponse:
      case Back.PortalSuspended:
        // Behind a Query, or with the Sync on its way, ReadyForQuery says where that leaves the transaction.
        if (!this.#query && !this.#failing && !this.#synced()) this.#fail();
        return;
      case Back.ErrorResponse:
        this.#failure = frame;
        if (!this.#query && !this.#failing) this.#conclude(frame);
        else if (this.#failing && !this.#synced() && !this.#query) this.#conclude(frame);
        return;
      case Back.ReadyForQuery:
        this.#ready(frame);
        return;
      case Back.RowDescription:
      case Back.NoData:
      case Back.ParameterDescription:
      case Back.CloseComplete:
      case Back.CopyOutResponse:
      case Back.CopyDone:
      case Back.NoticeResponse:
        return;
      default:
        throw violation(`an unexpected message (type ${type})`);
    }
  }

  #ready(frame: Buffer): void {
    const state = frame[5];
    if (!this.#query && !this.#synced()) throw violation('an answer that nothing asked for');
    if (this.#failure !== null) this.#conclude(this.#failure, frame);
    else if (state === FAILED) this.#conclude(this.#words(), frame);
    else if (this.#failing) throw violation('no error where one was due');
    else if (state === IN_TRANSACTION && this.#verdict !== null && !endsOrBegins(this.#verdict.facts)) this.#fail();
    else if (this.#reads) this.#conclude(this.#words(), frame);
    else throw this.#carriedOut();
  }

  /** It has ended well, and its client will be told otherwise: the transaction must not be committed. */
  #fail(): void {
    this.#failing = true;
    if (this.#query || this.#synced()) this.#send(message(Front.Query, `${FAILING}\0`));
    else this.#send(Buffer.concat([message(Front.Parse, `${FAILING}\0${FAILING}\0`, Uint8Array.of(0, 0)), FLUSH]));
  }

  #synced(): boolean {
    const { flight } = this.#talk;
    for (let i = 0; i < flight.length; i++) if (flight.kind(i) === Wait.Sync) return true;
    return false;
  }

  #send(bytes: Buffer): void {
    const { context } = this.#talk;
    context.sendUp(context.guard.transport(), bytes);
  }

  #words(): Buffer {
    return refuse(this.#error ?? new GwError('internal.error', 'Nothing is being stopped.'), 'ERROR');
  }

  /** The answer has ended: these messages take its place, an error the first of them. */
  #conclude(...frames: readonly Buffer[]): void {
    const { flight, context } = this.#talk;
    const words = this.#words();
    if (this.#verdict !== null && this.#error !== null) context.guard.finish(this.#verdict, 'refused', this.#error.message);
    flight.refuse(words);
    [this.#error, this.#verdict] = [null, null];
    this.#hooks.feed(Buffer.concat(frames));
    if (!this.#talk.over) this.#rest();
  }

  #carriedOut(): GwError {
    const { message: words = '', detail = {} } = this.#error ?? {};
    return new GwError('policy.limit_exceeded', `${words} It had been carried out before it could be stopped, so the session ends here.`, { detail });
  }
}
