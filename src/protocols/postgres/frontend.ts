/**
 * The way up: walks the client's messages by their frame headers, has each looked at (`requests`), and forwards what is allowed as it came,
 * in runs as long as possible. The client is untrusted: every length is checked before its message is waited for.
 */
import { GwError } from '../../contract/gw-error.js';
import type { Verdict } from '../../contract/verdict.js';
import { BIND_BUFFER_LIMIT, BIND_RECORD_LIMIT, MASKED_ROW_LIMIT, MESSAGE_LIMIT, PIPELINE_LIMIT, SMALL_MESSAGE_LIMIT } from './codec/limits.js';
import { Front, message } from './codec/message.js';
import type { Conversation } from './conversation.js';
import type { StatementCache } from './facts/index.js';
import { Wait } from './flight.js';
import { keepParameters } from './names.js';
import { Requests } from './requests.js';
import type { RowGuard } from './row-guard.js';

/** Names beyond this are no names (NAMEDATALEN is 64); it bounds how much of a large Bind must be there to judge it. */
const HEAD_LIMIT = 8_192;

const EMPTY = Buffer.alloc(0);

const OVERWRITES = 'gw: a value that is copied in is one that gw put in the place of another; writing it would overwrite the real one';

/** Bytes kept of a client that goes on sending while its statement is held. */
const HELD_LIMIT = 1 << 20;

export class Frontend {
  readonly #talk: Conversation;
  readonly #requests: Requests;
  readonly #rows: RowGuard;
  readonly #statementLimit: number;
  #carry: Buffer | null = null;
  /** Memory that `#carry` is the beginning of, once it grows chunk by chunk. */
  #room: Buffer = EMPTY;
  #held = false;
  /** Bytes of a message that go up without being looked at (COPY data, the rest of a large Bind). */
  #passing = 0;
  #passingVerdict: Verdict | null = null;
  #passingReceived = false;
  #dropping = 0;
  // Of the chunk in hand:
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(talk: Conversation, rows: RowGuard, cache: StatementCache, statementLimit: number) {
    this.#talk = talk;
    this.#rows = rows;
    this.#statementLimit = statementLimit;
    this.#requests = new Requests(talk, rows, cache, statementLimit, () => this.#release());
  }

  take(chunk: Buffer): void {
    if (this.#held) {
      const kept = this.#grow(chunk);
      this.#carry = kept;
      // While people are asked the client is read on, or nobody would see it leave; up to a limit.
      if (kept.length > HELD_LIMIT) this.#talk.context.pauseClient();
      return;
    }
    let buffer = chunk;
    if (this.#carry !== null) {
      buffer = this.#grow(chunk);
      this.#carry = null;
    }
    this.#buffer = buffer;
    this.#start = 0;
    const at = this.#walk(buffer);
    if (this.#talk.over) return;
    this.#flush(at);
    // Of memory from which something was sent nothing is written again.
    if (at > 0) this.#room = EMPTY;
    if (this.#talk.lastBound !== null) keepParameters(this.#talk.lastBound);
    if (at < buffer.length) this.#carry = at === 0 && buffer !== chunk ? buffer : Buffer.from(buffer.subarray(at));
    if (!this.#talk.stopping) this.#rows.advance();
  }

  /** What is kept and `chunk` behind it. Room is doubled: a client that sends byte by byte costs no more than one that does not. */
  #grow(chunk: Buffer): Buffer {
    const kept = this.#carry ?? EMPTY;
    const length = kept.length + chunk.length;
    if (kept.buffer !== this.#room.buffer || length > this.#room.length) {
      this.#room = Buffer.allocUnsafeSlow(Math.max(2 * length, 1024));
      kept.copy(this.#room);
    }
    chunk.copy(this.#room, kept.length);
    return this.#room.subarray(0, length);
  }

  /** Answers came: what was held because of an unsettled name or a full pipeline is tried again. */
  retry(): void {
    if (this.#held && !this.#requests.waitingForVerdict) this.#release();
  }

  /** Ends what was let through and waits for something before it goes up. False: that is not what runs under `verdict`. */
  stop(verdict: Verdict, error: GwError): boolean {
    return this.#requests.stop(verdict, error);
  }

  /** People are asked about what has run: the client is read on, as it is while they are asked about what has not. */
  watch(): void {
    if ((this.#carry?.length ?? 0) <= HELD_LIMIT) this.#talk.context.resumeClient();
  }

  #release(): void {
    this.#held = false;
    this.take(Buffer.alloc(0));
    if (!this.#held) this.#talk.context.resumeClient();
  }

  #hold(): void {
    this.#held = true;
    if (!this.#requests.waitingForVerdict && !this.#rows.asking) this.#talk.context.pauseClient();
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
      if ((this.#rows.busy || this.#talk.stopping) && type !== Front.Terminate) {
        this.#hold();
        return at;
      }
      if (this.#talk.awaitingCopy && type !== Front.Terminate) {
        this.#hold();
        return at;
      }
      // A setting that changed is reported with ReadyForQuery: until then nothing of the next transaction goes up.
      if (this.#talk.context.readOnly && type !== Front.Terminate && this.#talk.copyIn === null && this.#talk.flight.unready) {
        this.#hold();
        return at;
      }
      if (this.#ignoredByServer(type, length)) {
        this.#flush(at);
        this.#dropping = next - at;
        continue;
      }
      if (type === Front.CopyData) {
        const watch = this.#talk.copyIn === null ? null : this.#talk.masking.watch(this.#talk.copyIn);
        if (watch !== null) {
          // What must not go up must not have gone in part.
          if (length > MASKED_ROW_LIMIT)
            throw new GwError('policy.limit_exceeded', `COPY data of ${length} bytes is larger than what the gateway looks through.`);
          if (next > end) return at;
          if (watch.finds(buffer.subarray(at + 5, next))) {
            this.#failCopy(at, next);
            at = next;
            continue;
          }
        }
        this.#copyData(at, next, end);
        at = Math.min(next, end);
        continue;
      }
      const statement = type === Front.Query || type === Front.Parse;
      if (statement && length > this.#statementLimit + HEAD_LIMIT) {
        if (end - at < 6) return at;
        this.#flush(at);
        this.#replace(at, at, this.#requests.tooLong(buffer, at, type, length));
        this.#dropping = next - at;
        continue;
      }
      const large = type === Front.Bind && length > BIND_BUFFER_LIMIT;
      if (!statement && type !== Front.Bind && length > SMALL_MESSAGE_LIMIT) throw new GwError('protocol.violation', `invalid message length ${length}`);
      if ((large ? at + HEAD_LIMIT + BIND_RECORD_LIMIT : next) > end) return at;
      if (type === Front.Terminate) {
        this.#flush(next);
        this.#talk.context.end('client', null);
        return at;
      }
      const handled = this.#requests.handle(buffer, type, at, next);
      if (handled === false) {
        this.#hold();
        return at;
      }
      if (handled !== true) this.#replace(at, next, handled);
      else if (this.#requests.before !== null) {
        this.#replace(at, at, this.#requests.before);
        this.#requests.before = null;
      }
      if (this.#talk.over) return at;
      if (next > end) {
        // The head of a large Bind was judged; the rest follows it, recorded as input of the operation, or is dropped with it.
        if (this.#start > at) this.#dropping = next - end;
        else {
          this.#passing = next - end;
          this.#passingVerdict = this.#requests.verdict;
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
    this.#requests.verdict = this.#passingVerdict ?? this.#requests.verdict;
    return to;
  }

  /** Sends everything allowed since the last flush, as it came. */
  #flush(to: number): void {
    const from = this.#start;
    this.#start = to;
    if (to <= from) return;
    const buffer = this.#buffer;
    // A new view costs more than everything else that is done here.
    const bytes = from === 0 && to === buffer.length ? buffer : buffer.subarray(from, to);
    this.#talk.context.sendUp(this.#requests.verdict ?? this.#talk.context.guard.transport(), bytes);
  }

  /** Sends `bytes` in the place of the message at `at..next`. */
  #replace(at: number, next: number, bytes: Buffer): void {
    const { context } = this.#talk;
    this.#flush(at);
    context.sendUp(context.guard.transport(), bytes);
    this.#start = next;
  }

  /** Ends the COPY on the server with an error; the rest of what the client streams is dropped. */
  #failCopy(at: number, next: number): void {
    this.#replace(at, next, message(Front.CopyFail, `${OVERWRITES}\0`));
    this.#talk.copyIn = null;
    this.#talk.awaitingCopy = this.#talk.flight.kind() === Wait.Query;
  }

  #copyData(at: number, next: number, end: number): void {
    const verdict = this.#talk.copyIn;
    if (verdict !== null) {
      this.#talk.context.guard.receive(verdict, this.#buffer.subarray(at, Math.min(next, end)));
      this.#requests.verdict = verdict;
    }
    if (next > end) {
      this.#passing = next - end;
      this.#passingVerdict = verdict;
      this.#passingReceived = true;
    }
  }
}
