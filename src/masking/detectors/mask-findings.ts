/** Puts transforms in the place of findings. Text without findings is given back as it is, not copied. */
import type { DetectedClass, ValueTransform } from '../../contract/masking.js';
import { MASK } from '../partial.js';
import type { Findings } from './findings.js';

/** What each class is replaced by. A class without a transform is masked whole: a finding never stays. */
export type TransformByClass = Readonly<Partial<Record<DetectedClass, ValueTransform>>>;

const MASK_BYTES: Uint8Array = Buffer.from(MASK);
const NOTHING: Uint8Array = new Uint8Array(0);

/** The bytes from `start` to `end` with every finding replaced. A transform that gives null takes the value out. */
export function maskFindings(bytes: Uint8Array, findings: Findings, transforms: TransformByClass, start = 0, end: number = bytes.length): Uint8Array {
  if (findings.count === 0) return bytes.subarray(start, end);
  const pieces: Uint8Array[] = [];
  let at = start;
  for (let i = 0; i < findings.count && findings.start(i) < end; i++) {
    pieces.push(bytes.subarray(at, findings.start(i)), shownAs(bytes, findings, i, transforms));
    at = findings.end(i);
  }
  pieces.push(bytes.subarray(Math.min(at, end), end));
  return Buffer.concat(pieces);
}

function shownAs(bytes: Uint8Array, findings: Findings, index: number, transforms: TransformByClass): Uint8Array {
  const transform = transforms[findings.classOf(index)];
  if (transform === undefined) return MASK_BYTES;
  return transform(bytes.subarray(findings.start(index), findings.end(index))) ?? NOTHING;
}
