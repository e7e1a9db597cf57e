/**
 * Masks the rows of one result: walks the frames of a stretch, copies what may pass in runs and puts what may not be shown away. Works on
 * whole frames; memory is that of one stretch. The server is untrusted: a row that does not fit its description ends the session.
 */
import { GwError } from '../../../contract/gw-error.js';
import type { ClassView, MaskingDoor } from '../../../contract/masking-policy.js';
import { showValue, type ValuePlan } from './value-plan.js';

/** So few bytes are copied faster one by one than by making a view of them. */
const SHORT = 24;

/** Bytes gathered for the client; grows, and is given away when a stretch is done. */
export class Output {
  #buffer: Buffer;
  length = 0;

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(Math.max(64, size));
  }

  copy(source: Uint8Array, from: number, to: number): void {
    const length = to - from;
    this.#room(length);
    if (length < SHORT) for (let i = 0; i < length; i++) this.#buffer[this.length + i] = source[from + i] ?? 0;
    else this.#buffer.set(from === 0 && to === source.length ? source : source.subarray(from, to), this.length);
    this.length += length;
  }

  int32(value: number): void {
    this.#room(4);
    this.#buffer.writeInt32BE(value, this.length);
    this.length += 4;
  }

  int32At(at: number, value: number): void {
    this.#buffer.writeInt32BE(value, at);
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  #room(more: number): void {
    if (this.length + more <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.length + more));
    larger.set(this.#buffer.subarray(0, this.length));
    this.#buffer = larger;
  }
}

const NULL_LENGTH = -1;

/** Who is told what was hidden. */
export interface MaskSink {
  found(how: ClassView): void;
  changed(how: ClassView, values: number): void;
}

export class RowMasker {
  readonly plans: readonly ValuePlan[];
  readonly #door: MaskingDoor;
  readonly #sink: MaskSink;
  /** Values changed, by column; null: none was. */
  #counts: number[] | null = null;
  /** Nothing of a row is ever changed. */
  readonly passes: boolean;

  /** `passes`: every plan does. */
  constructor(plans: readonly ValuePlan[], passes: boolean, door: MaskingDoor, sink: MaskSink) {
    this.plans = plans;
    this.#door = door;
    this.#sink = sink;
    this.passes = passes;
  }

  /** Tells how many values were changed since this was last called. */
  takeCounts(): void {
    const counts = this.#counts;
    if (counts === null) return;
    this.#counts = null;
    for (const [index, plan] of this.plans.entries()) {
      const count = counts[index] ?? 0;
      if (count > 0 && (plan.action === 'constant' || plan.action === 'transform')) this.#sink.changed(plan.how, count);
    }
  }

  /** A DataRow that passes: it is a row and nothing else. */
  check(buffer: Buffer, at: number, next: number): void {
    const { plans } = this;
    if (next - at < 7 || buffer.readUInt16BE(at + 5) !== plans.length) throw violation();
    let field = at + 7;
    for (let left = plans.length; left > 0; left--) {
      if (field + 4 > next) throw violation();
      const length = buffer.readInt32BE(field);
      if (length < NULL_LENGTH) throw violation();
      field += 4 + Math.max(0, length);
    }
    if (field !== next) throw violation();
  }

  /** One DataRow, its frame at `buffer[at..next)`. */
  row(buffer: Buffer, at: number, next: number, out: Output): void {
    const { plans } = this;
    if (next - at < 7 || buffer.readUInt16BE(at + 5) !== plans.length) throw violation();
    const start = out.length;
    // Everything up to `copied` is in `out`.
    let copied = at;
    let field = at + 7;
    for (let index = 0; index < plans.length; index++) {
      const plan = plans[index] as ValuePlan;
      if (field + 4 > next) throw violation();
      const length = buffer.readInt32BE(field);
      if (length < 0) {
        if (length !== NULL_LENGTH) throw violation();
        field += 4;
        continue;
      }
      const end = field + 4 + length;
      if (end > next) throw violation();
      if (plan.action !== 'pass') {
        let shown: Uint8Array | null;
        if (plan.action === 'constant') shown = plan.shown;
        else {
          const value = buffer.subarray(field + 4, end);
          shown = showValue(plan, value, this.#door, this.#sink);
          if (shown === value) {
            field = end;
            continue;
          }
        }
        if (plan.action !== 'scan') {
          this.#counts ??= new Array<number>(plans.length).fill(0);
          this.#counts[index] = (this.#counts[index] ?? 0) + 1;
        }
        out.copy(buffer, copied, field);
        out.int32(shown === null ? NULL_LENGTH : shown.length);
        if (shown !== null) out.copy(shown, 0, shown.length);
        copied = end;
      }
      field = end;
    }
    if (field !== next) throw violation();
    out.copy(buffer, copied, next);
    out.int32At(start + 1, out.length - start - 1);
  }
}

function violation(): GwError {
  return new GwError('target.protocol', 'The target sent a row that does not fit its description.');
}
