/**
 * Whether what a gateway delivered to a terminal is in what was recorded of a terminal on the other side of it: the delivered bytes, in their order, in pieces.
 * Between the pieces there may be anything else (a prompt, other programs, words of the native client), so it is told apart by this: where the two
 * part, the next 32 delivered bytes must come later as they are. Line ends are taken as one, as terminals make two bytes of them. Values that a record hides
 * and a screen showed may differ, as many as the record counts. Streaming, linear, memory bounded. Both sides are untrusted.
 */

/** What was delivered, and when. */
export interface DeliveredPiece {
  readonly bytes: Buffer;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

export type Sameness =
  | { readonly kind: 'same' }
  /** All of it is there up to a line (from 1), and then there is nothing more. */
  | { readonly kind: 'short'; readonly line: number; readonly time: number }
  /** From that line on it is not there. `begun`: what comes before is. */
  | { readonly kind: 'different'; readonly line: number; readonly time: number; readonly begun: boolean }
  /** As before, and hidden values may be the reason for it. */
  | { readonly kind: 'hidden'; readonly line: number; readonly time: number };

/** Bytes by which a place is found again. */
const ANCHOR = 32;
/** The same beside a hidden value, which others may be close to. */
const NEAR_ANCHOR = 16;
/** Longest hidden value in the record, and on the screen. */
const HIDDEN_BYTES = 256;
const SHOWN_BYTES = 512;
/** What is looked at ahead for the end of a line that holds hidden values. */
const LINE_BYTES = 4_096;
/** What of the record a hidden value accounts for, where values are so close that no place between them can be told. */
const BYTES_OF_VALUE = 64;
/** Bytes looked through for places behind hidden values, in all: who makes both sides cannot make it endless. */
const LOOKED_THROUGH = 2 ** 33;

const [LF, CR] = [0x0a, 0x0d];
const NOTHING = Buffer.alloc(0);

/** Takes the carriage returns in front of line feeds away, and makes one of several elsewhere. A piece may end between them. */
class LineEnds {
  #returned = false;

  push(bytes: Buffer): Buffer {
    if (!this.#returned && !bytes.includes(CR)) return bytes;
    const out = Buffer.allocUnsafe(bytes.length + 1);
    let at = 0;
    for (const byte of bytes) {
      if (this.#returned && byte !== LF && byte !== CR) out[at++] = CR;
      this.#returned = byte === CR;
      if (!this.#returned) out[at++] = byte;
    }
    return out.subarray(0, at);
  }

  /** The one that no line feed follows any more. */
  end(): Buffer {
    const rest = this.#returned ? Buffer.of(CR) : NOTHING;
    this.#returned = false;
    return rest;
  }
}

export class SameOutput {
  readonly #source: AsyncIterator<DeliveredPiece, void>;
  readonly #deliveredEnds = new LineEnds();
  readonly #shownEnds = new LineEnds();
  /** Delivered, and not found yet. */
  #want: Buffer = NOTHING;
  #sourceOver = false;
  /** Shown, and not looked at yet. */
  #shown: Buffer = NOTHING;
  #mode: 'follow' | 'parted' | 'seek' = 'seek';
  #begun = false;
  #line = 1;
  #time = 0;
  /** Values that the record hides and the screen showed. */
  #hidden: number;
  #looked = 0;

  constructor(delivered: AsyncIterable<DeliveredPiece, void>, hidden: number) {
    this.#source = delivered[Symbol.asyncIterator]();
    this.#hidden = hidden;
  }

  /** What was shown next. */
  async push(bytes: Buffer): Promise<void> {
    await this.#take(this.#shownEnds.push(bytes), false);
  }

  /** Nothing more was shown. Reads the rest of what was delivered. */
  async end(): Promise<Sameness> {
    await this.#take(this.#shownEnds.end(), true);
    await this.#ahead(1);
    if (this.#want.length === 0) return { kind: 'same' };
    const at = { line: this.#line, time: this.#time };
    if (this.#mode === 'follow') {
      await this.close();
      return { kind: 'short', ...at };
    }
    const most = this.#hidden * BYTES_OF_VALUE;
    await this.#ahead(most + 1);
    const explained = this.#want.length <= most;
    await this.close();
    return explained ? { kind: 'hidden', ...at } : { kind: 'different', ...at, begun: this.#begun };
  }

  /** What was delivered is not asked for any more. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #take(bytes: Buffer, last: boolean): Promise<void> {
    this.#shown = this.#shown.length === 0 ? bytes : Buffer.concat([this.#shown, bytes]);
    for (;;) {
      await this.#ahead(1);
      if (this.#want.length === 0) {
        // All is found: what comes then is not of it.
        this.#shown = NOTHING;
        return;
      }
      const goesOn = this.#mode === 'follow' ? this.#follow() : this.#mode === 'parted' ? await this.#resume(last) : await this.#seek();
      if (!goesOn) break;
    }
    // What is left is small, and a piece of something large.
    this.#shown = Buffer.from(this.#shown);
  }

  /** False: more has to be shown first. */
  #follow(): boolean {
    if (this.#shown.length === 0) return false;
    const same = commonBytes(this.#want, this.#shown);
    this.#found(same);
    this.#shown = this.#shown.subarray(same);
    if (this.#want.length > 0 && this.#shown.length > 0) this.#mode = this.#hidden > 0 ? 'parted' : 'seek';
    return true;
  }

  /** What differs may be a value that the record hides. */
  async #resume(last: boolean): Promise<boolean> {
    if (this.#shown.length < LINE_BYTES && !last) return false;
    await this.#ahead(LINE_BYTES);
    if (this.#jump(this.#shown.subarray(0, SHOWN_BYTES + NEAR_ANCHOR), 0)) return true;
    const [wanted, shown] = [this.#want.subarray(0, LINE_BYTES).indexOf(LF), this.#shown.subarray(0, LINE_BYTES).indexOf(LF)];
    if (wanted >= 0 && shown >= 0) {
      this.#hidden--;
      this.#found(wanted);
      this.#shown = this.#shown.subarray(shown);
      this.#mode = 'follow';
    } else this.#mode = 'seek';
    return true;
  }

  /** Goes on behind a hidden value, at the first place that is in `shown` too, and of which there are so many bytes. */
  #jump(shown: Buffer, least: number): boolean {
    for (let past = 0; past <= Math.min(HIDDEN_BYTES, this.#want.length) && this.#looked < LOOKED_THROUGH; past++) {
      this.#looked += shown.length;
      const anchor = this.#want.subarray(past, past + NEAR_ANCHOR);
      const at = shown.indexOf(anchor);
      if (anchor.length < least) return false;
      if (at < 0) continue;
      if (past > 0) this.#hidden--;
      this.#found(past);
      this.#shown = this.#shown.subarray(at);
      this.#mode = 'follow';
      return true;
    }
    return false;
  }

  async #seek(): Promise<boolean> {
    await this.#ahead(this.#hidden > 0 ? HIDDEN_BYTES + NEAR_ANCHOR : ANCHOR);
    const anchor = this.#want.subarray(0, ANCHOR);
    const at = this.#shown.indexOf(anchor);
    if (at >= 0) {
      this.#shown = this.#shown.subarray(at);
      this.#mode = 'follow';
      return true;
    }
    // Near the end every place would do.
    if (this.#hidden > 0 && this.#jump(this.#shown, NEAR_ANCHOR)) return true;
    this.#shown = this.#shown.subarray(Math.max(0, this.#shown.length - anchor.length + 1));
    return false;
  }

  #found(bytes: number): void {
    if (bytes === 0) return;
    this.#begun = true;
    for (let at = this.#want.indexOf(LF); at >= 0 && at < bytes; at = this.#want.indexOf(LF, at + 1)) this.#line++;
    this.#want = this.#want.subarray(bytes);
  }

  /** So many delivered bytes are at hand, or all that there are. */
  async #ahead(bytes: number): Promise<void> {
    const pieces = [this.#want];
    for (let there = this.#want.length; there < bytes && !this.#sourceOver; ) {
      const next = await this.#source.next();
      const piece = next.done === true ? this.#deliveredEnds.end() : this.#deliveredEnds.push(next.value.bytes);
      if (next.done === true) this.#sourceOver = true;
      else if (there === 0) this.#time = next.value.time;
      if (piece.length > 0) pieces.push(piece);
      there += piece.length;
    }
    if (pieces.length > 1) this.#want = Buffer.concat(pieces);
  }
}

const BLOCK = 1_024;

/** In how many bytes both begin alike. */
function commonBytes(one: Buffer, other: Buffer): number {
  const most = Math.min(one.length, other.length);
  let at = 0;
  for (let to = Math.min(BLOCK, most); at < to && one.compare(other, at, to, at, to) === 0; to = Math.min(at + BLOCK, most)) at = to;
  while (at < most && one[at] === other[at]) at++;
  return at;
}
