/** The last line of every export in words: whether what was exported is the whole record. Stable: `gw` reads it. */
import { INTACT_WORDS, NOT_INTACT_WORDS } from '../../contract/api-types.js';
import type { SessionItem } from '../recorded.js';

export function recordVerdict(item: Extract<SessionItem, { readonly kind: 'integrity' }>): string {
  if (!item.intact) return `${NOT_INTACT_WORDS}: ${item.problems.map(({ code, message }) => `${code}: ${message}`).join('; ')}`;
  return item.live ? `${INTACT_WORDS} so far; the session is live` : INTACT_WORDS;
}
