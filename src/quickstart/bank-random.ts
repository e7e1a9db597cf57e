/**
 * Chance that is the same on every machine and in every run: each row draws from a generator of its own, seeded by its table and its
 * number, so a row does not depend on how many rows there are. Not for secrets.
 */

/** A source of pseudo-random integers for one row. */
export interface Dice {
  /** 0 ≤ result < `sides`. */
  below(sides: number): number;
  /** One of the values, all equally likely. */
  pick<T>(values: readonly [T, ...T[]]): T;
  /** True in `percent` of the cases. */
  chance(percent: number): boolean;
}

/** The dice of row `row` (from 1) of the table with this salt. mulberry32: 32 bits of state are plenty for some dozen draws. */
export function diceFor(salt: number, row: number): Dice {
  let state = (Math.imul(salt, 0x9e3779b1) ^ Math.imul(row, 0x85ebca6b)) | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (sides: number): number => next() % sides;
  return {
    below,
    pick: (values) => values[below(values.length)] ?? values[0],
    chance: (percent) => below(100) < percent,
  };
}

/**
 * A number below `size` that is different for every `index` below `size` and looks unordered: index × stride mod size.
 * `stride` must have no factor in common with `size`; the product must stay below 2^53.
 */
export function scattered(index: number, stride: number, size: number): number {
  return (index * stride + 7_654_321) % size;
}
