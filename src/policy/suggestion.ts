/** What a message about a word that is not known says of those that are. Used only while a policy file is being checked. */
import { closestWord } from '../base/closest-word.js';

/** Words that are listed; more are not read. */
const LISTED = 24;

/** `; did you mean \`x\`?`, or what else may be written when the list is short, or nothing. */
export function suggestion(word: string, words: readonly string[]): string {
  const near = closestWord(word, words);
  if (near !== null) return `; did you mean \`${near}\`?`;
  if (words.length > 0 && words.length <= LISTED) return `; it may be ${words.map((each) => `\`${each}\``).join(', ')}`;
  return '';
}
