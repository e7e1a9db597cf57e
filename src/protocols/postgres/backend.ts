/**
 * The way down: walks the server's messages by their frame headers, hands each result to `guard.deliver`, and matches answers to requests.
 * Rows are never decoded here: a run of untouched frames leaves as one slice of the read buffer. The server is untrusted: an impossible
 * length, an answer that nothing asked for or an unknown message ends the session.
 */
import { GwError } from '../../contract/gw-error.js';
import type { Verdict } from '../../contract/verdict.js';
import { endOfBegun } from './codec/begun-message.js';
import { runOf } from './codec/frame-run.js';
import { MASKED_ROW_LIMIT, MESSAGE_LIMIT, SERVER_MESSAGE_LIMIT } from './codec/limits.js';
import { Back } from './codec/message.js';
import { blockAfter, tagRows } from './command-tag.js';
import type { Conversation } from './conversation.js';
import { Wait } from './flight.js';
import type { ResultMasker } from './masking/result-masker.js';
import { checkReadOnly, REFUSED_WRITE, WHY_READ_ONLY } from './read-only.js';
import { noticeResponse } from './refusal.js';
import { errorWords, violation, WORDS_LIMIT } from './server-error.js';
import type { StatementStop } from './statement-stop.js';
import { checkPinned } from './upstream.js';

const IDLE = 0x49; // 'I'
const IN_TRANSACTION = 0x54; // 'T'
const FAILED = 0x45; // 'E'

export class Backend {
  readonly #talk: Conversation;
  readonly #settled: () => void;
  readonly #stop: StatementStop;
  /** Start of a message that must be read whole and has not come whole. */
  #carry: Buffer | null = null;
  /** Bytes still to come of a row that was begun. */
  #remaining = 0;
  /** Why what is answered must end at the next place where it can. */
  #late: { readonly verdict: Verdict; readonly error: GwError } | null = null;
  /** The client has got a part of a message and not its end. */
  #partial = false;
  // Of the chunk in hand:
  #buffer: Buffer = Buffer.alloc(0);
  #sent = 0;
  #open = -1;
  /** Rows that began in the open stretch. */
  #rows = 0;
  /** Where the row ends that was begun in an earlier chunk; 0: there is none. */
  #begun = 0;
  // Of the result in hand:
  #resultRows = 0;
  #step = 0;
  #failure: string | null = null;
  #tags = '';

  /** `settled` is called when answers came that a paused client may have waited for. */
  constructor(talk: Conversation, stop: StatementStop, settled: () => void) {
    this.#talk = talk;
    this.#stop = stop;
    this.#settled = settled;
  }

  /** True when the client has got a part of a message: nothing else may be put on its wire now. */
  get midMessage(): boolean {
    return this.#partial;
  }

  /** The begun message that is kept, for whoever takes over. */
  takeCarry(): Buffer | null {
    const carry = this.#carry;
    this.#carry = null;
    return carry;
  }

  take(chunk: Buffer): void {
    const begun = this.takeCarry();
    const rest = begun === null ? 0 : endOfBegun(begun, chunk);
    this.#walk(begun === null ? chunk : Buffer.concat([begun, rest === 0 ? chunk : chunk.subarray(0, rest)]));
    if (rest === 0 || this.#talk.over) return;
    const more = chunk.subarray(rest);
    if (!this.#stop.take(more)) this.#walk(more);
  }

  #walk(buffer: Buffer): void {
    this.#buffer = buffer;
    [this.#sent, this.#open, this.#rows, this.#begun] = [0, -1, 0, 0];
    const end = buffer.length;
    let at = 0;
    try {
      if (this.#remaining > 0) {
        const part = Math.min(this.#remaining, end);
        this.#open = 0;
        at = part;
        this.#remaining -= part;
        this.#begun = part;
      }
      while (at < end) {
        if (end - at < 5) break;
        const type = buffer[at] ?? 0;
        const length = buffer.readUInt32BE(at + 1);
        if (length < 4 || length > MESSAGE_LIMIT) throw violation(`a message of impossible length (type ${type})`);
        const next = at + 1 + length;
        if (type === Back.DataRow || type === Back.CopyData) {
          const kind = this.#talk.flight.kind();
          if (kind !== Wait.Execute && kind !== Wait.Query) throw violation('a row that nothing asked for');
          if (next > end && this.#masker() !== null) {
            // A row that is masked is masked whole.
            if (length > MASKED_ROW_LIMIT) throw new GwError('policy.limit_exceeded', `A row of ${length} bytes is larger than what the gateway masks.`);
            break;
          }
          if (this.#open < 0) this.#open = at;
          // A server sends each row of a COPY in a message of its own; a header counts as one until the tag says better.
          this.#rows++;
          if (next > end) {
            this.#remaining = next - end;
            at = end;
            break;
          }
          const run = runOf(buffer, next, end, type);
          this.#rows += run.frames;
          at = run.end;
          continue;
        }
        if (next > end) {
          if (length > SERVER_MESSAGE_LIMIT) throw violation(`a message (type ${type}) of ${length} bytes`);
          break;
        }
        this.#message(type, at, next);
        if (this.#talk.over) return;
        at = next;
      }
      this.#flush(at);
    } catch (thrown) {
      if (this.#cut(thrown, at)) return;
      this.#salvage(thrown, at);
      throw thrown;
    }
    this.#partial = this.#remaining > 0;
    if (at < end) this.#carry = Buffer.from(buffer.subarray(at));
  }

  /**
   * What is answered went over a limit, and the door let nothing of the open stretch through: its statement is ended, and the session goes on.
   * The client has the rows before, whole: one that was begun is ended first.
   */
  #cut(thrown: unknown, at: number): boolean {
    if (!(thrown instanceof GwError) || thrown.code !== 'policy.limit_exceeded' || this.#open < 0) return false;
    const { context, flight } = this.#talk;
    const verdict = flight.verdict();
    if (verdict === null) return false;
    const buffer = this.#buffer;
    if (this.#open > this.#sent) context.sendDown(buffer.subarray(this.#sent, this.#open));
    if (this.#open === 0 && this.#begun > 0) context.sendDown(context.guard.deliver(verdict, buffer.subarray(0, this.#begun), 0));
    const skip = this.#remaining;
    [this.#open, this.#rows, this.#sent, this.#remaining, this.#partial, this.#late] = [-1, 0, buffer.length, 0, false, null];
    // Otherwise the session ends, and its last words do not stand inside a row.
    if (!this.#stop.possible(verdict)) return false;
    this.#stop.begin(thrown, skip, Buffer.from(buffer.subarray(at)));
    return true;
  }

  /** Ends what runs under `verdict`: at once, or when a row that was begun, or what is answered before it, has ended. False: it cannot be. */
  end(verdict: Verdict, error: GwError): boolean {
    if (this.#late?.verdict === verdict) return true;
    if (!this.#stop.possible(verdict)) return false;
    if (this.#remaining === 0 && this.#talk.flight.verdict() === verdict && this.#talk.flight.kind() !== Wait.Bind)
      this.#stop.begin(error, 0, this.takeCarry() ?? Buffer.alloc(0));
    else {
      this.#late = { verdict, error };
      this.#stop.expect(error);
    }
    return true;
  }

  /** What came before a lie was asked for: it still leaves, so that the last words of the session do not stand inside a row. */
  #salvage(thrown: unknown, at: number): void {
    if (!(thrown instanceof GwError) || thrown.entry.kind !== 'protocol') return;
    if (this.#open >= 0 && this.#talk.flight.verdict() === null) return;
    this.#flush(at);
    this.#partial = false;
  }

  /** Ends the open stretch of a result at `to`, through the door. */
  #close(to: number): void {
    if (this.#open < 0) return;
    const { flight, context } = this.#talk;
    const verdict = flight.verdict();
    if (verdict === null) throw violation('a result that nothing asked for');
    if (to > this.#open) {
      if (this.#late?.verdict === verdict && this.#remaining === 0) throw this.#late.error;
      const stretch = this.#buffer.subarray(this.#open, to);
      const out = context.guard.deliver(verdict, this.#masker()?.frames(stretch) ?? stretch, this.#rows, this.#remaining);
      if (out !== stretch) {
        if (this.#open > this.#sent) context.sendDown(this.#buffer.subarray(this.#sent, this.#open));
        context.sendDown(out);
        this.#sent = to;
      }
    }
    this.#resultRows += this.#rows;
    this.#rows = 0;
    this.#open = -1;
  }

  /** Masks the result in hand; null: nothing of it is hidden. */
  #masker(): ResultMasker | null {
    return this.#talk.flight.masker();
  }

  #flush(to: number): void {
    this.#close(to);
    const from = this.#sent;
    this.#sent = to;
    if (to <= from) return;
    const buffer = this.#buffer;
    // A new view costs more than everything else that is done here.
    this.#talk.context.sendDown(from === 0 && to === buffer.length ? buffer : buffer.subarray(from, to));
  }

  /** Puts `replacement` on the client's wire in place of `buffer[from..to)`. */
  #replace(from: number, to: number, replacement: Uint8Array): void {
    this.#flush(from);
    this.#talk.context.sendDown(replacement);
    this.#sent = to;
    this.#partial = false;
  }

  /** One whole message at `buffer[at..next)`, not a row. */
  #message(type: number, at: number, next: number): void {
    const { flight } = this.#talk;
    const waiting = flight.kind();
    const running = waiting === Wait.Query || waiting === Wait.Execute;
    switch (type) {
      case Back.RowDescription:
      case Back.NoData:
        if (waiting === Wait.Describe) this.#described(type, at, next);
        else if (running && type === Back.RowDescription) this.#inResult(at);
        else throw violation('a description that nothing asked for');
        return;
      case Back.CopyOutResponse:
      case Back.CopyDone:
        if (!running) throw violation('COPY data that nothing asked for');
        this.#inResult(at);
        return;
      case Back.CopyInResponse:
        if (!running) throw violation('a COPY that nothing asked for');
        this.#inResult(at);
        this.#copyInBegins();
        return;
      case Back.CommandComplete:
      case Back.EmptyQueryResponse:
        if (!running) throw violation('a completion that nothing asked for');
        this.#completed(type, at, next, waiting);
        return;
      case Back.PortalSuspended:
        if (waiting !== Wait.Execute) throw violation('a suspended portal that nothing asked for');
        this.#inResult(at);
        this.#close(next);
        this.#resultRows = 0;
        this.#suspend();
        flight.pop();
        return;
      case Back.ParameterDescription:
        if (waiting !== Wait.Describe) throw violation('a description that nothing asked for');
        return;
      case Back.ParseComplete:
        this.#answered(at, Wait.Parse);
        return;
      case Back.BindComplete:
        this.#answered(at, Wait.Bind);
        return;
      case Back.CloseComplete:
        this.#answered(at, Wait.Close);
        return;
      case Back.ReadyForQuery:
        this.#close(at);
        this.#ready(at, next, waiting);
        return;
      case Back.ErrorResponse:
        this.#error(at, next, waiting);
        return;
      case Back.NoticeResponse:
        // A stand-in for a refused statement has no result that a notice could belong to.
        if (running && flight.verdict() !== null) this.#inResult(at);
        else this.#aside(at, next);
        return;
      case Back.ParameterStatus:
        checkPinned(this.#buffer.subarray(at + 5, next));
        if (this.#talk.context.readOnly) checkReadOnly(this.#buffer.subarray(at + 5, next));
        this.#aside(at, next);
        return;
      case Back.NotificationResponse:
        this.#aside(at, next);
        return;
      default:
        throw violation(`an unexpected message (type ${type})`);
    }
  }

  #described(type: number, at: number, next: number): void {
    const { flight } = this.#talk;
    const portal = flight.portal();
    if (portal !== null && type === Back.RowDescription) portal.description = Buffer.from(this.#buffer.subarray(at + 5, next));
    const silent = flight.extra()?.silent === true;
    // Sent together with its Execute, as drivers do: then the record can name the columns of what follows.
    const runs = !silent && portal !== null && flight.kind(1) === Wait.Execute && flight.portal(1) === portal ? flight.verdict(1) : null;
    this.#answered(at, Wait.Describe);
    if (runs !== null && type === Back.RowDescription) this.#talk.context.guard.described(runs, this.#buffer.subarray(at, next));
    if (!silent) return;
    this.#flush(at);
    this.#sent = next;
  }

  /** The message at `at` belongs to the result in hand. */
  #inResult(at: number): void {
    if (this.#open < 0) this.#open = at;
  }

  #answered(at: number, expected: number): void {
    const { flight } = this.#talk;
    if (flight.kind() !== expected) throw violation('an answer that nothing asked for');
    this.#close(at);
    const extra = flight.extra();
    if (extra !== null) for (const { change } of extra.changes) change.confirm();
    flight.pop();
    if (extra !== null) this.#settled();
  }

  #completed(type: number, at: number, next: number, waiting: number): void {
    const { flight, context } = this.#talk;
    this.#inResult(at);
    const tag = type === Back.CommandComplete ? this.#buffer.toString('latin1', at + 5, Math.min(next - 1, at + 5 + 64)) : null;
    // A statement without rows says in its tag how many it changed, and a COPY how many there were.
    const shown = this.#resultRows + this.#rows;
    if (tag !== null && (shown === 0 || tag.startsWith('COPY '))) this.#rows += tagRows(tag) - shown;
    // First of all: what goes over a limit here has ended otherwise.
    this.#close(next);
    if (tag !== null) {
      if (this.#tags.length < WORDS_LIMIT) this.#tags = this.#tags === '' ? tag : `${this.#tags}; ${tag}`;
    }
    const extra = flight.extra();
    if (extra !== null) this.#settleStep(extra.changes, this.#step);
    this.#step++;
    if (waiting === Wait.Execute) {
      this.#talk.runs++;
      const verdict = flight.verdict();
      this.#talk.block = blockAfter(this.#tags, this.#talk.block, flight.portal());
      if (verdict !== null && !this.#runsAgain()) {
        context.guard.finish(verdict, 'ok', this.#tags);
        this.#runEnded();
      }
      this.#resetResult();
      flight.pop();
      if (extra !== null) this.#settled();
    } else {
      // Rows of the next statement of the same Query are counted anew for the tag's sake, in the same operation.
      this.#resultRows = 0;
    }
    this.#talk.copyIn = null;
    if (waiting === Wait.Execute && flight.length === 0) this.#copyAnswered();
  }

  #settleStep(changes: readonly { readonly step: number; readonly change: { confirm(): void; reject(): void } }[], step: number): void {
    for (const entry of changes) if (entry.step === step) entry.change.confirm();
  }

  #resetResult(): void {
    this.#resultRows = 0;
    this.#step = 0;
    this.#failure = null;
    this.#tags = '';
  }

  #ready(at: number, next: number, waiting: number): void {
    const { flight, context } = this.#talk;
    const state = this.#buffer[at + 5];
    if (next - at !== 6 || (state !== IDLE && state !== IN_TRANSACTION && state !== FAILED)) throw violation('a malformed ReadyForQuery');
    if (waiting !== Wait.Query && waiting !== Wait.Sync) throw violation('an answer that nothing asked for');
    const verdict = flight.verdict();
    const extra = flight.extra();
    if (waiting === Wait.Query) {
      if (extra !== null) for (const { step, change } of extra.changes) if (step >= this.#step) change.reject();
      if (verdict !== null) context.guard.finish(verdict, this.#failure === null ? 'ok' : 'error', this.#failure ?? (this.#tags === '' ? null : this.#tags));
      this.#talk.copyIn = null;
    }
    this.#resetResult();
    flight.pop();
    this.#talk.answered++;
    this.#talk.runs = 0;
    this.#talk.block = state;
    // Nothing was sent behind a COPY that is awaited: while something is in flight, this answer was for what came before it.
    if (flight.length === 0) this.#talk.awaitingCopy = false;
    if (state === IDLE && this.#talk.suspended.size > 0) this.#talk.closePortals();
    this.#settled();
  }

  #error(at: number, next: number, waiting: number): void {
    const { flight, context } = this.#talk;
    const extra = flight.extra();
    const refusal = extra?.refusal ?? null;
    if (refusal !== null) this.#failure = 'refused';
    else {
      // The record holds what was delivered.
      const said = this.#scrubbed(at, next, waiting === Wait.Parse);
      this.#failure = errorWords(said, 5, said.length);
    }
    if (refusal !== null) {
      // The server refused the stand-in: the client hears why the gateway did not let the real message through.
      this.#replace(at, next, refusal);
    } else if (flight.verdict() !== null) {
      this.#inResult(at);
      this.#close(next);
    } else this.#aside(at, next, waiting === Wait.Parse);
    if (context.readOnly && refusal === null && this.#failure.startsWith(REFUSED_WRITE)) {
      this.#flush(next);
      context.sendDown(noticeResponse(WHY_READ_ONLY));
    }
    this.#talk.copyIn = null;
    // For a Query, and for a commit that fails at Sync, ReadyForQuery follows and closes the entry. Nothing in flight: the server is leaving.
    if (waiting === 0 || waiting === Wait.Query || waiting === Wait.Sync) return;
    // Extended protocol: everything up to the next Sync is skipped by the server.
    let first = true;
    while (flight.length > 0 && flight.kind() !== Wait.Sync) {
      const verdict = flight.verdict();
      const changes = flight.extra()?.changes;
      if (changes !== undefined) {
        for (const { change } of changes) {
          // A stand-in that was reached has done what it changes: the unnamed statement is gone.
          if (first && refusal !== null) change.confirm();
          else change.reject();
        }
      }
      if (verdict !== null)
        context.guard.finish(verdict, first ? 'error' : 'cancelled', first ? this.#failure : 'skipped after an earlier error of the pipeline');
      if (verdict !== null && this.#late?.verdict === verdict && flight.kind() === Wait.Execute) {
        this.#late = null;
        this.#stop.forgo();
      }
      this.#runEnded();
      flight.pop();
      first = false;
    }
    if (flight.length === 0) {
      this.#talk.skipping = true;
      this.#talk.awaitingCopy = false;
    }
    this.#resetResult();
    this.#settled();
  }

  #suspend(): void {
    const portal = this.#talk.flight.portal();
    if (portal !== null) this.#talk.suspended.add(portal);
  }

  /** Another Execute of the portal at the head is on its way already: it belongs to the same run. */
  #runsAgain(): boolean {
    const { flight } = this.#talk;
    const portal = flight.portal();
    if (portal === null) return false;
    for (let i = 1; i < flight.length && flight.kind(i) !== Wait.Sync; i++) if (flight.kind(i) === Wait.Execute && flight.portal(i) === portal) return true;
    return false;
  }

  /** A further Execute of the portal at the head would be an operation of its own. */
  #runEnded(): void {
    const portal = this.#talk.flight.portal();
    if (portal === null) return;
    portal.verdict = null;
    if (this.#talk.suspended.size > 0) this.#talk.suspended.delete(portal);
  }

  #copyInBegins(): void {
    const { flight } = this.#talk;
    // The frontend sent nothing behind the COPY.
    if (flight.length !== 1) throw new GwError('protocol.violation', 'The client sent other messages where COPY data was expected.');
    this.#talk.copyIn = flight.verdict();
    this.#copyAnswered();
  }

  #copyAnswered(): void {
    if (!this.#talk.awaitingCopy) return;
    this.#talk.awaitingCopy = false;
    this.#settled();
  }

  /** What the server says, an error, notice, notification or setting, without what it may hold of tables. */
  #scrubbed(at: number, next: number, ofText = false): Buffer {
    const said = this.#talk.masking.scrub(this.#buffer, at, next, this.#talk.flight.masker(), ofText);
    if (said === null) throw violation('a malformed message');
    return said;
  }

  /** A message that belongs to no operation still goes through the door. */
  #aside(at: number, next: number, ofText = false): void {
    const { context } = this.#talk;
    this.#close(at);
    const frame = this.#buffer.subarray(at, next);
    const words = this.#scrubbed(at, next, ofText);
    const out = context.guard.deliver(context.guard.transport(), words, 0);
    if (out !== frame) this.#replace(at, next, out);
  }
}
