/**
 * "Did you mean": the word of a vocabulary nearest to one that is not in it. Used only while a policy file is being checked.
 */

/** Edits (insert, delete, replace, swap of neighbours) between two words, or `limit + 1` when there are more. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a.charCodeAt(i - 1) === b.charCodeAt(j - 1);
      let best = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === b.charCodeAt(j - 1);
      if (swapped) best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? limit + 1;
}

/** The nearest of `words`, or null when none is near enough to be meant. A word of one or two characters is near only to itself in another case, one over 64 to none. */
function closestWord(word: string, words: Iterable<string>): string | null {
  if (word.length > 64) return null;
  const limit = word.length < 3 ? 0 : Math.max(1, Math.floor(word.length / 3));
  const lower = word.toLowerCase();
  let best: string | null = null;
  let bestDistance = limit + 1;
  for (const candidate of words) {
    const edits = distance(lower, candidate.toLowerCase(), limit);
    if (edits < bestDistance) {
      best = candidate;
      bestDistance = edits;
    }
  }
  return best;
}

/** Words that are listed; more are not read. */
const LISTED = 24;

/** `; did you mean \`x\`?`, or what else may be written when the list is short, or nothing. */
export function suggestion(word: string, words: readonly string[]): string {
  const near = closestWord(word, words);
  if (near !== null) return `; did you mean \`${near}\`?`;
  if (words.length > 0 && words.length <= LISTED) return `; it may be ${words.map((each) => `\`${each}\``).join(', ')}`;
  return '';
}
