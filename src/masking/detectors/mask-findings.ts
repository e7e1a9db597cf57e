/** Puts transforms in the place of findings. Text without findings is given back as it is, not copied. */
import type { DetectedClass, ValueTransform } from '../../contract/masking.js';
import { MASK } from '../partial.js';
import type { Findings } from './findings.js';

/** What each class is replaced by. A class without a transform is masked whole: a finding never stays. */
export type TransformByClass = Readonly<Partial<Record<DetectedClass, ValueTransform>>>;

const MASK_BYTES: Uint8Array = Buffer.from(MASK);

/** Grows when it is full, and is overwritten by every call. */
let scratch = Buffer.allocUnsafe(4096);

/**
 * The bytes from `start` to `end` with every finding replaced, valid until the next call; a view of `bytes` where there is none. A transform that
 * gives null takes the value out.
 */
export function maskFindings(bytes: Uint8Array, findings: Findings, transforms: TransformByClass, start = 0, end: number = bytes.length): Uint8Array {
  if (findings.count === 0) return bytes.subarray(start, end);
  let length = 0;
  let at = start;
  for (let i = 0; i < findings.count && findings.start(i) < end; i++) {
    length = append(bytes, at, findings.start(i), length);
    length = appendShown(bytes, findings, i, transforms, length);
    at = findings.end(i);
  }
  length = append(bytes, Math.min(at, end), end, length);
  return scratch.subarray(0, length);
}

/** So few bytes are copied faster one by one than by a call. */
const SHORT = 48;

/** Gives how long it is by then. */
function append(source: Uint8Array, from: number, to: number, length: number): number {
  const whole = length + to - from;
  if (whole > scratch.length) {
    const larger = Buffer.allocUnsafe(whole * 2);
    larger.set(scratch.subarray(0, length));
    scratch = larger;
  }
  if (to - from < SHORT) for (let i = from, out = length; i < to; i++, out++) scratch[out] = source[i] as number;
  else scratch.set(source.subarray(from, to), length);
  return whole;
}

/** What stands in the place of a finding; gives how long it is by then. */
function appendShown(bytes: Uint8Array, findings: Findings, index: number, transforms: TransformByClass, length: number): number {
  const transform = transforms[findings.classOf(index)];
  if (transform === undefined) return append(MASK_BYTES, 0, MASK_BYTES.length, length);
  const [start, end] = [findings.start(index), findings.end(index)];
  if (transform.inPlace !== undefined) {
    // First, because it may move what was gathered.
    const stop = append(bytes, start, end, length);
    const shown = transform.inPlace(scratch, length, stop);
    if (shown >= 0) return length + shown;
  }
  const shown = transform(bytes.subarray(start, end));
  return shown === null ? length : append(shown, 0, shown.length, length);
}
