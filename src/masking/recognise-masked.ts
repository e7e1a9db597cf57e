/**
 * Recognises what a transform put in place of a value, when it comes back in a write. Attack (or accident) stopped: a program reads a
 * masked row, changes another field, and writes the stars over the true value. It errs towards recognising: the caller asks only about
 * values that are meant for a column that the session sees masked.
 */
import type { ValueKind } from '../contract/masking.js';
import { isIntegerToken, isUuidToken, tokenEnd } from './tokens.js';

/** What a text is: a whole mask, a partial form, a token, or none of these. */
export type MaskedForm = 'mask' | 'partial' | 'token';

/**
 * The form that the value has, or that stands anywhere inside it: a token, `****`, three stars or more in a row (`***-**-1234`,
 * `a***@example.com`, `****1234`), or one letter followed by nothing but stars, spaces and hyphens (`B**`, `A* **`), or `941**`. Not recognised: null, generalised dates,
 * numbers and networks, and last-four integers, which look like any other.
 */
export function recogniseMasked(text: string, kind: ValueKind = 'text'): MaskedForm | null {
  if (kind === 'integer') return isIntegerToken(text) ? 'token' : null;
  if (kind === 'uuid') return isUuidToken(text) ? 'token' : null;
  for (let at = text.indexOf('tok_'); at >= 0; at = text.indexOf('tok_', at + 1)) if (tokenEnd(text, at) > 0) return 'token';
  if (text === '****' || text === '"****"') return 'mask';
  return text.includes('***') || isShortPartial(text) ? 'partial' : null;
}

/** `B**` and `A* **` (names, length kept), and `941**` (a zip code). */
function isShortPartial(text: string): boolean {
  if (text.length === 5 && text.endsWith('**') && [0, 1, 2].every((i) => text.charCodeAt(i) >= 0x30 && text.charCodeAt(i) <= 0x39)) return true;
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0);
  if (first.toLowerCase() === first.toUpperCase()) return false;
  let stars = 0;
  for (let i = first.length; i < text.length; i++) {
    if (text[i] === '*') stars++;
    else if (text[i] !== ' ' && text[i] !== '-') return false;
  }
  return stars >= 2;
}
