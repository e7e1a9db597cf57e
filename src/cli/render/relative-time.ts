/** Times for people: how long ago, or how long from now. */
const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
];

/** The largest unit that gives at least two, so that 100 min is not "1 h". Milliseconds in. */
export function duration(milliseconds: number): string {
  const length = Math.abs(milliseconds);
  for (const [unit, size] of UNITS) if (length >= 2 * size) return `${Math.floor(length / size)} ${unit}`;
  return `${Math.floor(length / 1000)} s`;
}

/** `at` as RFC 3339, or null for none. */
export function relativeTime(at: string | null, now: number): string {
  if (at === null) return '';
  const time = Date.parse(at);
  if (Number.isNaN(time)) return at;
  return time <= now ? `${duration(now - time)} ago` : `in ${duration(time - now)}`;
}
