/**
 * One part of what makes a shape safe to share lies in the grammar, not in the facts: in `float(60)` or `interval(1.5)` the number decides
 * whether the text parses at all. Texts that come near such a place are cached by their exact bytes only.
 */
const NUMBER_IN_GRAMMAR =
  /\b(?:float|character|char|nchar|varchar|varying|interval|second|time|timestamp|current_time|current_timestamp|localtime|localtimestamp)\s*\(/i;

export function isShapeStable(text: string): boolean {
  return !NUMBER_IN_GRAMMAR.test(text);
}
