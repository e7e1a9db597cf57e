/**
 * What must never leave: texts, numbers and a date that occur nowhere else, and the numbers that arithmetic makes of the numbers. Each derivation
 * is written twice, as SQL for the generator and as a function for the search, so that what the one makes the other looks for.
 */
export interface Canary {
  readonly name: string;
  /** Made so that no run of four characters of it occurs anywhere else. */
  readonly text: string;
}

/** Text of a canary, cut into pieces that occur nowhere else. */
export const CANARIES: readonly Canary[] = [
  { name: 'ssn of the first', text: 'Kq7X-Wz3v-9bTn-R4mJ' },
  { name: 'ssn of the second', text: 'Yd8P-Hg2c-6sLf-V5xQ' },
  { name: 'secret note', text: 'Zu1G-Nk8w-3tBj-C7yF' },
];

/** Numbers that are hidden. */
export const NUMBERS: readonly string[] = ['7391846205', '8264097153'];

/** They in words, as `cash_words` has it: a part that is said of nothing else. */
export const NUMBERS_IN_WORDS: readonly string[] = ['three hundred ninety one million eight hundred forty six', 'two hundred sixty four million ninety seven'];

/** A date that is hidden. */
export const DATE = '1971-03-19';

export interface Derivation {
  readonly name: string;
  /** `@`: the number, an int8. */
  readonly sql: string;
  readonly of: (value: bigint) => bigint;
}

/** What stays a whole number; what is smaller than seven digits is looked for as a value by itself. */
export const DERIVATIONS: readonly Derivation[] = [
  { name: 'one more', sql: '@ + 1', of: (value) => value + 1n },
  { name: 'one less', sql: '@ - 1', of: (value) => value - 1n },
  { name: 'doubled', sql: '@ * 2', of: (value) => value * 2n },
  { name: 'tripled', sql: '@ * 3', of: (value) => value * 3n },
  { name: 'halved', sql: '@ / 2', of: (value) => value / 2n },
  { name: 'negated', sql: '-@', of: (value) => -value },
  { name: 'complement', sql: '~@', of: (value) => ~value },
  { name: 'difference', sql: '10000000000 - @', of: (value) => 10_000_000_000n - value },
  { name: 'exclusive or', sql: '@ # 1234567890', of: (value) => value ^ 1_234_567_890n },
  { name: 'shifted left', sql: '@ << 3', of: (value) => value << 3n },
  { name: 'shifted right', sql: '@ >> 2', of: (value) => value >> 2n },
  { name: 'remainder', sql: '@ % 1000000007', of: (value) => value % 1_000_000_007n },
  { name: 'times a prime', sql: '@ * 7919', of: (value) => value * 7919n },
  { name: 'square', sql: '@::numeric * @', of: (value) => value * value },
  { name: 'cents', sql: '@ * 100', of: (value) => value * 100n },
];

/** Numbers that all rows together make: sum, and mean without what is behind the point. */
export const TOGETHER: readonly Derivation[] = [
  { name: 'sum', sql: 'sum(@)', of: () => BigInt(NUMBERS[0] ?? '') + BigInt(NUMBERS[1] ?? '') },
  { name: 'mean', sql: 'avg(@)::int8', of: () => (BigInt(NUMBERS[0] ?? '') + BigInt(NUMBERS[1] ?? '')) / 2n },
  { name: 'spread', sql: 'max(@) - min(@)', of: () => BigInt(NUMBERS[1] ?? '') - BigInt(NUMBERS[0] ?? '') },
];

/** Into narrow types, that hold a part only. */
export const NARROW = {
  int4: { sql: '(@ / 10)::int4', of: (value: bigint): bigint => value / 10n },
  int2: { sql: '(@ % 10000)::int2', of: (value: bigint): bigint => value % 10_000n },
} as const;

/** Irrational ones: as many digits as any notation has. */
export const ROOTS: readonly { readonly name: string; readonly sql: string; readonly of: (value: number) => number }[] = [
  { name: 'root', sql: 'sqrt(@::float8)', of: Math.sqrt },
  { name: 'logarithm', sql: 'ln(@::float8)', of: Math.log },
];
