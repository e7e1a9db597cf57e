/**
 * The recorder of one session: turns the calls of the path into entries, written straight into the journal's batch. It numbers the
 * session's entries without gaps, keeps count of what each open operation delivered and received, and holds the session's last entry back
 * until the digests of its long results are written. The hot calls (operation, delivered, outcome) allocate nothing.
 */
import type { Decision } from '../contract/decision.js';
import { GwError } from '../contract/gw-error.js';
import type { MaskCount, MaskedAs } from '../contract/masking-policy.js';
import type { Facts } from '../contract/operation.js';
import type { Outcome, SessionEnd, SessionRecorder, StreamDigests } from '../contract/recording.js';
import { cutText } from './cut-text.js';
import type { SessionCipher } from './encryption/session-cipher.js';
import {
  DIGEST,
  DIRECTION,
  encodeJson,
  FLAG_ENCRYPTED,
  KIND,
  MASKED_BYTES,
  MASKED_WAYS,
  MESSAGE_BYTES,
  OPERATION_FIXED_BYTES,
  OPERATION_PARAMETERS,
  OPERATION_REDACTED,
  OUTCOME_CODE,
  OUTCOME_CUT,
  OUTCOME_FIXED_BYTES,
  OUTCOME_MASKED,
  OUTCOME_MESSAGE,
  OUTCOME_SILENT,
  PIECE_BYTES,
  setU48,
  toU48,
} from './format.js';
import { type OpenOperation, OpenOperations } from './open-operations.js';
import { SessionDictionary } from './session-dictionary.js';
import type { SessionHost } from './session-host.js';
import type { StreamDigest } from './stream-digest.js';

const NO_BYTES = new Uint8Array(0);
const spare: OpenOperation[] = [];
const SPARE_LIMIT = 256;
/** Even of what is kept whole there is an end, so that one session cannot fill the disk by itself. */
const WHOLE_BYTES = 256 << 20;

export class SessionWriter implements SessionRecorder {
  readonly session: number;
  readonly #host: SessionHost;
  /** Null: the journal is not encrypted. */
  readonly #cipher: SessionCipher | null;
  readonly #dictionary: SessionDictionary;
  readonly #open = new OpenOperations();
  #counter = 0;
  #last = 0;
  /** Digests still being computed. */
  #awaited = 0;
  #end: SessionEnd | null = null;
  #written = false;
  /** What `interrupted` says when nobody ended the session. */
  #operations = 0;
  #refused = 0;
  #rows = 0;
  #bytesUp = 0;
  #bytesDown = 0;

  constructor(host: SessionHost, session: number, cipher: SessionCipher | null) {
    this.#host = host;
    this.session = session;
    this.#cipher = cipher;
    this.#dictionary = new SessionDictionary((number, type, json) => {
      const at = this.#entry(KIND.define, 5 + json.length);
      const { batch } = this.#host;
      batch.view.setUint32(at, number);
      batch.view.setUint8(at + 4, type);
      batch.put(json, this.#content(KIND.define, at, 5));
      this.#hide(KIND.define, at, 5);
    });
  }

  /** Writes the first entry. */
  start(id: string, json: Buffer): void {
    const { batch } = this.#host;
    if (this.#cipher === null) {
      batch.put(json, this.#entry(KIND.sessionStart, json.length));
      return;
    }
    const clear = Buffer.from(id, 'utf8');
    const at = this.#entry(KIND.sessionStart, 1 + clear.length + json.length);
    batch.view.setUint8(at, clear.length);
    batch.put(clear, at + 1);
    batch.put(json, this.#content(KIND.sessionStart, at, 1 + clear.length));
    this.#hide(KIND.sessionStart, at, 1 + clear.length);
  }

  operation(sequence: number, form: string, facts: Facts, decision: Decision, exact: Uint8Array, parameters: Uint8Array | null, whole = false): void {
    this.#ready();
    if (sequence <= this.#last) throw new GwError('internal.error', `Operation ${sequence} was recorded after operation ${this.#last}.`);
    const numbers = this.#dictionary.numbers(facts, decision, form);
    const redacted = facts.redacted;
    // Parameters belong to a text that holds a secret: they may be the secret, so they stay out with it.
    const text = redacted === null ? exact : Buffer.from(redacted, 'utf8');
    const bound = redacted === null ? parameters : null;
    const head = text.length <= PIECE_BYTES ? text : text.subarray(0, PIECE_BYTES);
    const tail = bound === null ? NO_BYTES : bound.length <= PIECE_BYTES ? bound : bound.subarray(0, PIECE_BYTES);
    const at = this.#entry(KIND.operation, OPERATION_FIXED_BYTES + head.length + tail.length);
    const batch = this.#host.batch;
    const view = batch.view;
    setU48(view, at, sequence);
    view.setUint32(at + 6, numbers.facts);
    view.setUint32(at + 10, numbers.decision);
    view.setUint32(at + 14, numbers.form);
    view.setUint8(at + 18, (redacted === null ? 0 : OPERATION_REDACTED) | (bound === null ? 0 : OPERATION_PARAMETERS));
    setU48(view, at + 19, text.length);
    setU48(view, at + 25, bound === null ? 0 : bound.length);
    view.setUint32(at + 31, head.length);
    const content = this.#content(KIND.operation, at, OPERATION_FIXED_BYTES);
    batch.put(head, content);
    batch.put(tail, content + head.length);
    this.#hide(KIND.operation, at, OPERATION_FIXED_BYTES);
    if (text.length > PIECE_BYTES) this.#parts(sequence, 0, text);
    if (bound !== null && bound.length > PIECE_BYTES) this.#parts(sequence, 1, bound);
    this.#last = sequence;
    this.#operations++;
    this.#bytesUp += exact.length;
    if (decision.effect === 'deny') this.#refused++;
    else {
      const open = spare.pop() ?? { down: null, up: null, whole };
      open.whole = whole;
      this.#open.add(sequence, open);
    }
  }

  delivered(sequence: number, chunk: Uint8Array): void {
    this.#ready();
    const operation = this.#operation(sequence);
    this.#bytesDown += chunk.length;
    this.#stream(
      (operation.down ??= this.#host.takeStream()),
      sequence,
      KIND.delivered,
      chunk,
      operation.whole ? Math.max(WHOLE_BYTES, this.#host.resultCap) : this.#host.resultCap,
    );
  }

  received(sequence: number, chunk: Uint8Array): void {
    this.#ready();
    const operation = this.#operation(sequence);
    this.#bytesUp += chunk.length;
    this.#stream((operation.up ??= this.#host.takeStream()), sequence, KIND.received, chunk, this.#host.resultCap);
  }

  digests(sequence: number): StreamDigests {
    this.#ready();
    const operation = this.#operation(sequence);
    const plain = (stream: StreamDigest | null): StreamDigest => {
      if (stream !== null) throw new GwError('internal.error', 'The digests of an operation were asked for after its first bytes.');
      const taken = this.#host.takeStream();
      taken.hashPlain();
      return taken;
    };
    const [down, up] = [plain(operation.down), plain(operation.up)];
    operation.down = down;
    operation.up = up;
    return { delivered: () => down.plainDigest(), received: () => up.plainDigest() };
  }

  outcome(sequence: number, outcome: Outcome, masked: ReadonlyMap<MaskedAs, number> | null = null): void {
    this.#ready();
    const counts = masked === null ? null : this.#ways(sequence, masked);
    const { message } = outcome;
    const whole = message === null ? 0 : Buffer.byteLength(message);
    const cut = message !== null && whole > MESSAGE_BYTES ? cutText(message, MESSAGE_BYTES) : null;
    // Without a message there is nothing to hide.
    const clear = OUTCOME_FIXED_BYTES + (counts === null ? 0 : 1 + MASKED_BYTES * counts.size);
    const at = message === null ? this.#openEntry(KIND.outcome, clear) : this.#entry(KIND.outcome, clear + (cut?.length ?? whole));
    const batch = this.#host.batch;
    const view = batch.view;
    setU48(view, at, sequence);
    view.setUint8(at + 6, OUTCOME_CODE[outcome.status]);
    setU48(view, at + 7, toU48(outcome.rows));
    setU48(view, at + 13, toU48(outcome.bytes));
    setU48(view, at + 19, toU48(outcome.durationUs));
    view.setUint8(at + 25, (message === null ? OUTCOME_SILENT : cut === null ? OUTCOME_MESSAGE : OUTCOME_CUT) | (counts === null ? 0 : OUTCOME_MASKED));
    if (counts !== null) this.#putCounts(counts, at + OUTCOME_FIXED_BYTES);
    if (message !== null) {
      const content = this.#content(KIND.outcome, at, clear);
      if (cut === null) batch.bytes.write(message, content, whole, 'utf8');
      else batch.put(cut, content);
      this.#hide(KIND.outcome, at, clear);
    }
    this.#rows += outcome.rows;
    const operation = this.#open.get(sequence);
    if (operation === undefined) return;
    this.#open.delete(sequence);
    this.#close(sequence, operation);
  }

  event(kind: string, data: Readonly<Record<string, unknown>>): void {
    this.#ready();
    const name = Buffer.from(kind, 'utf8');
    const json = encodeJson(data, 'The event');
    const at = this.#entry(KIND.event, 2 + name.length + json.length);
    const { batch } = this.#host;
    batch.view.setUint16(at, name.length);
    batch.put(name, at + 2);
    batch.put(json, this.#content(KIND.event, at, 2 + name.length));
    this.#hide(KIND.event, at, 2 + name.length);
  }

  /** Accepted while the journal cannot be written, too: it is kept in the batch and goes out first of all when writing works again. */
  end(end: SessionEnd): void {
    if (this.#end !== null) throw new GwError('internal.error', 'The session was ended twice in the journal.');
    const { message } = end;
    this.#end = message === null ? end : { ...end, message: cutText(message, MESSAGE_BYTES).toString('utf8') };
    this.#open.drain((sequence, operation) => this.#close(sequence, operation));
    this.#finish();
  }

  /** The end as far as the journal itself knows it, for a session that nobody ended. */
  interrupted(endedAt: number): SessionEnd {
    return {
      endedAt,
      reason: 'interrupted',
      message: null,
      operations: this.#operations,
      refused: this.#refused,
      rows: this.#rows,
      bytesUp: this.#bytesUp,
      bytesDown: this.#bytesDown,
    };
  }

  /** Whether `end` was called; the last entry may still wait for digests. */
  get ending(): boolean {
    return this.#end !== null;
  }

  #ready(): void {
    if (this.#end !== null) throw new GwError('internal.error', 'Something was recorded after the end of its session.');
    if (this.#cipher?.full === true)
      throw new GwError('session.limit', 'The record of this session is as long as one can be.', { hint: 'Open a new session.' });
    this.#host.ready();
  }

  /** What an outcome can count, with every way defined; more ways than it can are an event of their own. */
  #ways(operation: number, masked: ReadonlyMap<MaskedAs, number>): ReadonlyMap<MaskedAs, number> | null {
    if (masked.size > MASKED_WAYS) {
      this.event('masked', { operation, values: countsOf(masked) });
      return null;
    }
    for (const way of masked.keys()) {
      if (this.#dictionary.find(way) >= 0) continue;
      this.#dictionary.defineMasked(masked.keys());
      break;
    }
    return masked;
  }

  #putCounts(counts: ReadonlyMap<MaskedAs, number>, start: number): void {
    const { view } = this.#host.batch;
    view.setUint8(start, counts.size);
    let at = start + 1;
    for (const [way, values] of counts) {
      view.setUint32(at, this.#dictionary.find(way));
      setU48(view, at + 4, values);
      at += MASKED_BYTES;
    }
  }

  /** An entry whose content is to be hidden; gives where its clear part begins. */
  #entry(kind: number, length: number): number {
    const cipher = this.#cipher;
    if (cipher === null) return this.#openEntry(kind, length);
    return this.#host.batch.entry(kind, this.session, ++this.#counter, length + cipher.added(kind), FLAG_ENCRYPTED);
  }

  #openEntry(kind: number, length: number): number {
    return this.#host.batch.entry(kind, this.session, ++this.#counter, length);
  }

  /** Where the content of an entry goes that begins at `at` and has `clear` bytes before it. */
  #content(kind: number, at: number, clear: number): number {
    return at + clear + (this.#cipher?.added(kind) ?? 0);
  }

  /** To be called when the entry is complete, before the next one. */
  #hide(kind: number, at: number, clear: number): void {
    this.#cipher?.hide(this.#host.batch, kind, at + clear);
  }

  #operation(sequence: number): OpenOperation {
    const operation = this.#open.get(sequence);
    if (operation !== undefined) return operation;
    if (sequence !== 0) throw new GwError('internal.error', `Bytes were recorded for operation ${sequence}, which is not open.`);
    // Number 0 stands for what the target sends on its own; it is open as long as the session.
    const unsolicited: OpenOperation = { down: null, up: null, whole: false };
    this.#open.add(0, unsolicited);
    return unsolicited;
  }

  #parts(sequence: number, part: number, bytes: Uint8Array): void {
    for (let from = PIECE_BYTES; from < bytes.length; from += PIECE_BYTES) {
      const piece = bytes.subarray(from, from + PIECE_BYTES);
      this.#host.ready();
      const at = this.#entry(KIND.part, 7 + piece.length);
      const { batch } = this.#host;
      setU48(batch.view, at, sequence);
      batch.view.setUint8(at + 6, part);
      batch.put(piece, this.#content(KIND.part, at, 7));
      this.#hide(KIND.part, at, 7);
    }
  }

  #stream(stream: StreamDigest, sequence: number, kind: number, chunk: Uint8Array, cap: number): void {
    stream.add(chunk);
    if (stream.cut || chunk.length === 0) return;
    const room = Math.min(chunk.length, cap - stream.recorded);
    for (let from = 0; from < room; from += PIECE_BYTES) {
      const piece = from === 0 && room === chunk.length && room <= PIECE_BYTES ? chunk : chunk.subarray(from, Math.min(room, from + PIECE_BYTES));
      this.#host.ready();
      const at = this.#entry(kind, 6 + piece.length);
      const batch = this.#host.batch;
      setU48(batch.view, at, sequence);
      batch.put(piece, this.#content(kind, at, 6));
      this.#hide(kind, at, 6);
      stream.recorded += piece.length;
    }
    if (room === chunk.length) return;
    stream.cut = true;
    const at = this.#openEntry(KIND.cut, 13);
    const { view } = this.#host.batch;
    setU48(view, at, sequence);
    view.setUint8(at + 6, kind === KIND.delivered ? DIRECTION.delivered : DIRECTION.received);
    setU48(view, at + 7, stream.recorded);
  }

  /** The operation is over: digests of what was cut, and its objects go back for reuse. */
  #close(sequence: number, operation: OpenOperation): void {
    if (operation.down !== null) this.#closeStream(sequence, operation.down, DIRECTION.delivered);
    if (operation.up !== null) this.#closeStream(sequence, operation.up, DIRECTION.received);
    operation.down = null;
    operation.up = null;
    if (spare.length < SPARE_LIMIT) spare.push(operation);
  }

  #closeStream(sequence: number, stream: StreamDigest, direction: number): void {
    if (!stream.cut) {
      this.#host.giveStream(stream);
      return;
    }
    this.#awaited++;
    stream.finish((digest) => {
      const at = this.#entry(KIND.digest, 46);
      const { batch } = this.#host;
      setU48(batch.view, at, sequence);
      batch.view.setUint8(at + 6, direction);
      batch.view.setUint8(at + 7, digest === null ? DIGEST.lost : stream.plain ? DIGEST.plain : DIGEST.chunks);
      setU48(batch.view, at + 8, stream.total);
      const content = this.#content(KIND.digest, at, 14);
      batch.bytes.fill(0, content, content + 32);
      if (digest !== null) batch.put(digest, content);
      this.#hide(KIND.digest, at, 14);
      this.#host.giveStream(stream);
      this.#awaited--;
      this.#host.commitSoon();
      if (this.#end !== null) this.#finish();
    });
  }

  #finish(): void {
    if (this.#awaited > 0 || this.#written || this.#end === null) return;
    this.#written = true;
    const json = encodeJson(this.#end, 'The end of the session');
    const at = this.#entry(KIND.sessionEnd, 6 + json.length);
    const { batch } = this.#host;
    setU48(batch.view, at, this.#counter);
    batch.put(json, this.#content(KIND.sessionEnd, at, 6));
    this.#hide(KIND.sessionEnd, at, 6);
    this.#host.ended(this.session);
  }
}

function countsOf(masked: ReadonlyMap<MaskedAs, number>): readonly MaskCount[] {
  return [...masked].map(([{ class: name, treatment, rule }, values]) => ({ class: name, treatment, rule, values }));
}
