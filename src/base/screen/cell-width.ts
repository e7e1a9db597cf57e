/** How many columns a character takes: 0 for one that joins the one before it, 2 for a wide one. An estimate as in `display-width.ts`: terminals differ on emoji. */
import { displayWidth } from '../display-width.js';

const JOINS = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const LATIN = 0x300;
const KEPT = 65_536;
/** Of the characters of the first plane that were asked for: width + 1; 0: not asked yet. */
const known = new Uint8Array(KEPT);

export function cellWidth(code: number): number {
  if (code < LATIN) return code === 0xad ? 0 : 1;
  const found = code < KEPT ? known[code] : 0;
  if (found !== undefined && found !== 0) return found - 1;
  const character = String.fromCodePoint(code);
  const width = JOINS.test(character) ? 0 : displayWidth(character);
  if (code < KEPT) known[code] = width + 1;
  return width;
}
