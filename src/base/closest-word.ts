/** "Did you mean": the word of a vocabulary nearest to one that is not in it. */

/** Longer words get no suggestion. */
const LONGEST = 64;
const SHORT = 3;

/** Edits (optimal string alignment: insert, delete, replace, swap of neighbours) between two words, or `limit + 1` when there are more. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      let cost = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? limit + 1;
}

const normal = (word: string): string => word.toLowerCase().replaceAll('-', '').replaceAll('_', '');

/**
 * The nearest of `words`, or null when none is near enough to be meant: within a third of the word's length, and `edits` at least. Case, `-` and `_` do
 * not count. A word of one or two characters has one edit less.
 */
export function closestWord(word: string, words: Iterable<string>, edits = 1): string | null {
  if (word.length > LONGEST) return null;
  const wanted = normal(word);
  const limit = wanted.length < SHORT ? edits - 1 : Math.max(edits, Math.floor(wanted.length / 3));
  let best: string | null = null;
  let bestDistance = limit + 1;
  for (const candidate of words) {
    const found = distance(wanted, normal(candidate), limit);
    if (found < bestDistance) {
      best = candidate;
      bestDistance = found;
    }
  }
  return best;
}
