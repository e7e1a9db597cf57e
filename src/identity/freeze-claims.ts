/** Claims are kept with the identity for as long as a session lives and are read by policy and evidence: nobody may change them. */
import { GwError } from '../contract/gw-error.js';

const MAX_DEPTH = 32;

/**
 * Freezes `value` through and through and gives it back.
 * @throws GwError `login.token_invalid` when it is nested deeper than 32 levels, which would end whoever walks it recursively.
 */
export function freezeClaims<T extends object>(value: T, depth = 0): Readonly<T> {
  if (depth > MAX_DEPTH) throw new GwError('login.token_invalid', `The claims of the token are nested deeper than ${MAX_DEPTH} levels.`);
  for (const inner of Object.values(value) as unknown[]) if (typeof inner === 'object' && inner !== null) freezeClaims(inner, depth + 1);
  return Object.freeze(value);
}
