/**
 * Whether the number at `offset` directly follows the word LIMIT. The shape lexer leaves such a number in the key, and the walker may then
 * read it: both ask this one function, so that they cannot disagree.
 */
export function isAfterLimit(bytes: Uint8Array, start: number, offset: number): boolean {
  // `LIMIT -5` is one constant that begins at its sign: that number is not the one the lexer sees.
  const first = bytes[offset] ?? 0;
  if (first < 0x30 || first > 0x39) return false;
  let at = offset - 1;
  while (at >= start && bytes[at] === 0x20) at--;
  if (at === offset - 1 || at - 4 < start) return false;
  return (
    ((bytes[at] ?? 0) | 0x20) === 0x74 &&
    ((bytes[at - 1] ?? 0) | 0x20) === 0x69 &&
    ((bytes[at - 2] ?? 0) | 0x20) === 0x6d &&
    ((bytes[at - 3] ?? 0) | 0x20) === 0x69 &&
    ((bytes[at - 4] ?? 0) | 0x20) === 0x6c
  );
}
