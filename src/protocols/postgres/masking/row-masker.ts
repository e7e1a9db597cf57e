/**
 * Masks the rows of one result: walks the frames of a stretch and puts what may not be shown away, in place where it fits. Works on whole
 * frames; memory is that of one stretch. The server is untrusted: a row that does not fit its description ends the session.
 */
import type { GwError } from '../../../contract/gw-error.js';
import type { ClassView } from '../../../contract/masking-policy.js';
import { violation } from '../server-error.js';
import { type ColumnPlans, ValueCounts } from './column-plans.js';
import { type FrameSplicer, readInt32, writeInt32 } from './frame-splicer.js';
import { showAbsent, showValue, type ValuePlan } from './value-plan.js';

const NULL_LENGTH = -1;

/** Who is told what was hidden. */
export interface MaskSink {
  found(how: ClassView): void;
  changed(how: ClassView, values: number): void;
}

export class RowMasker {
  readonly #plans: readonly ValuePlan[];
  readonly #passing: Uint8Array;
  readonly #sink: MaskSink;
  readonly #counts: ValueCounts;
  /** Nothing of a row is ever changed. */
  readonly passes: boolean;

  constructor({ values, passing, passes }: ColumnPlans, sink: MaskSink) {
    this.#plans = values;
    this.#passing = passing;
    this.#sink = sink;
    this.#counts = new ValueCounts(values);
    this.passes = passes;
  }

  /** Tells how many values were changed since this was last called. */
  takeCounts(): void {
    this.#counts.take(this.#sink);
  }

  /** One DataRow at `bytes[at..next)`; that it is a row and nothing else is checked even where all of it passes. */
  frame(frames: FrameSplicer, at: number, next: number): void {
    const { bytes } = frames;
    const passing = this.#passing;
    const count = passing.length;
    if (next - at < 7 || (((bytes[at + 5] as number) << 8) | (bytes[at + 6] as number)) !== count) throw misfit();
    const head = frames.place(at + 1);
    let field = at + 7;
    for (let index = 0; index < count; index++) {
      if (field + 4 > next) throw misfit();
      const length = readInt32(bytes, field);
      if (length < 0) {
        if (length !== NULL_LENGTH) throw misfit();
        if (passing[index] === 0) this.#absent(frames, index, field);
        field += 4;
        continue;
      }
      const end = field + 4 + length;
      if (end > next) throw misfit();
      if (passing[index] === 0) this.#value(frames, index, field, end);
      field = end;
    }
    if (field !== next) throw misfit();
    const length = frames.place(next) - head;
    if (length !== next - at - 1) frames.int32At(head, length);
  }

  /** One value with its length in front, `bytes[field..end)`. */
  #value(frames: FrameSplicer, index: number, field: number, end: number): void {
    const plan = this.#plans[index] as ValuePlan;
    const { bytes } = frames;
    const start = field + 4;
    if (plan.action === 'scan') {
      const shown = plan.scan.mask(bytes, start, end, this.#sink);
      if (shown !== null) this.#put(frames, field, end, shown);
      return;
    }
    if (plan.action === 'search') {
      const value = bytes.subarray(start, end);
      const shown = plan.search(value, this.#sink);
      if (shown !== value) this.#put(frames, field, end, shown);
      return;
    }
    this.#counts.add(index);
    if (plan.action === 'constant') {
      this.#put(frames, field, end, plan.shown);
      return;
    }
    const length = plan.action === 'transform' && plan.inPlace !== null ? plan.inPlace(bytes, start, end) : -1;
    if (length >= 0) {
      if (start + length === end) return;
      writeInt32(bytes, field, length);
      frames.cut(start + length, end);
    } else this.#put(frames, field, end, showValue(plan, bytes.subarray(start, end), this.#sink));
  }

  /** NULL, its length at `field`. */
  #absent(frames: FrameSplicer, index: number, field: number): void {
    const shown = showAbsent(this.#plans[index] as ValuePlan);
    if (shown === null) return;
    this.#counts.add(index);
    this.#put(frames, field, field + 4, shown);
  }

  #put(frames: FrameSplicer, field: number, end: number, shown: Uint8Array | null): void {
    writeInt32(frames.bytes, field, shown === null ? NULL_LENGTH : shown.length);
    if (shown === null) frames.cut(field + 4, end);
    else frames.replace(field + 4, end, shown);
  }
}

const misfit = (): GwError => violation('a row that does not fit its description');
