/** A number of things in words: `1 row`, `2 rows`. For words whose plural ends with an s. Pure. */
export const counted = (number: number, one: string): string => `${number} ${one}${number === 1 ? '' : 's'}`;
