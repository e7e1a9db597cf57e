/** Suggestions for mistyped keys and values: the nearest known word, when it is near enough to be what was meant. */

/** Optimal string alignment distance (insert, delete, replace, swap neighbours), without regard to case, `-` and `_`. */
function distance(left: string, right: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const row = [i];
    for (let j = 1; j <= right.length; j++) {
      const same = left[i - 1] === right[j - 1];
      let cost = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    before = previous;
    previous = row;
  }
  return previous[right.length] ?? 0;
}

const normal = (word: string): string => word.toLowerCase().replaceAll('-', '').replaceAll('_', '');

/** The word of `known` closest to `word`, or null when none is within a third of its length. Words over 64 characters get none. */
export function closestWord(word: string, known: readonly string[]): string | null {
  if (word.length > 64) return null;
  const wanted = normal(word);
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const found = distance(wanted, normal(candidate));
    if (found < bestDistance) {
      best = candidate;
      bestDistance = found;
    }
  }
  return best;
}
