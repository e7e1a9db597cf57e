/**
 * What the masking domain and its users share: how a value is shown (treatment), what the wire carries (kind), what a value is (class),
 * and the function that stands between a stored value and a person or a program that may not see it. Types and closed lists only.
 */
import type { Secret } from '../base/secret.js';

/** How a value is shown. */
export const TREATMENTS = ['clear', 'mask', 'partial', 'token', 'null', 'generalise'] as const;
export type Treatment = (typeof TREATMENTS)[number];

/** What kind of value the wire carries, given by the island. `other` is all that is not named, arrays and composites included. */
export type ValueKind = 'text' | 'integer' | 'decimal' | 'date' | 'timestamp' | 'boolean' | 'uuid' | 'json' | 'bytes' | 'other';

/**
 * A transform for one column: canonical text bytes of one value in, bytes out; null = SQL NULL. Pure, never throws, never returns the
 * input for anything but `clear`. The result may be shared between calls: copy it, never write into it. (`generalise` of a value that
 * is already general, such as 1 January, gives equal text: it is what everyone of that year gets.)
 */
export interface ValueTransform {
  (value: Uint8Array): Uint8Array | null;
  /**
   * The same for most values of a class without making anything: writes the form of the value `bytes[start..end)` over its beginning and
   * gives its length, never more than the value's; −1: it is no such value and nothing is written.
   */
  readonly inPlace?: (bytes: Uint8Array, start: number, end: number) => number;
}

/**
 * Classes that content detectors find in untagged text. A finding carries the index in this list, so the order is for ever and new
 * classes are added at the end.
 */
export const DETECTED_CLASSES = ['ssn', 'itin', 'pan', 'iban', 'email', 'phone', 'aba', 'ein', 'dob', 'secret', 'track', 'cvv'] as const;
export type DetectedClass = (typeof DETECTED_CLASSES)[number];

/**
 * Classes that gw treats in a way of their own. A column may carry any other class name (`[a-z][a-z0-9_]*`): such a value is masked whole
 * where a known class would show a part.
 */
export type DataClass = DetectedClass | 'account' | 'name' | 'ip' | 'zip';

/** One deployment key for tokens. The id travels in every token; the secret has 32 bytes or more. */
export interface TokenKey {
  /** 0–255, never used for two secrets. */
  readonly id: number;
  readonly secret: Secret<Uint8Array>;
}
