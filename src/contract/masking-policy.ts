/**
 * What policy says about sensitive data: which columns carry which class, and how one identity on one target is shown it. Data only; the
 * island finds out where a value comes from, `masking/` changes it, and these say what to do.
 */

import type { Treatment, ValueKind, ValueTransform } from './masking.js';

/** May a column decide which rows are shown, in what order or groups? `equality`: only by comparison with known values. */
export const CONDITION_USES = ['allow', 'equality', 'deny'] as const;
export type ConditionRight = (typeof CONDITION_USES)[number];

/** A class of data as one identity sees it. */
export interface ClassView {
  readonly class: string;
  readonly treatment: Treatment;
  /** What of it decided: `file-stem/id` of a mask rule; null: the default of the class. */
  readonly rule: string | null;
  /** `partial` keeps length and separators of the value. */
  readonly keepLength: boolean;
  readonly conditions: ConditionRight;
  /** Found by content in text without a tag as well. */
  readonly detect: boolean;
}

/** How one identity sees the data of one target. */
export interface MaskingView {
  /** Every class that is tagged or detected here. */
  readonly classes: readonly ClassView[];
  /** At least one class is not seen in clear. */
  readonly hides: boolean;
  /** A value of which nothing is known: it may be of any class that is not seen in clear. */
  readonly unknown: ClassView;
  /**
   * Classes with which a column is tagged, each as it is seen there. `name`: of its relation or what holds it, outermost part first, a part
   * that is not known null: then every tag that may be meant counts. Cached by the caller.
   */
  columnClasses(name: readonly (string | null)[], column: string): readonly ClassView[];
}

/** How many values were changed, or shown, and by which rule. */
export interface MaskCount {
  readonly class: string;
  readonly treatment: Treatment;
  readonly rule: string | null;
  readonly values: number;
}

/** What an island is given to mask the results of one session. */
export interface MaskingDoor {
  readonly view: MaskingView;
  /** A transform for the values of one column of one result. */
  transform(how: ClassView, kind: ValueKind, integerBits: 16 | 32 | 64): ValueTransform;
  /**
   * Masks what detectors find in text without a tag; gives the same bytes when they find nothing, and calls `found` for each finding. Null:
   * nothing is looked for.
   */
  readonly scan: ((text: Uint8Array, found: (how: ClassView) => void) => Uint8Array) | null;
  /** The value is one that stands in for another: writing it would overwrite the real one. */
  isMasked(text: string): boolean;
}
