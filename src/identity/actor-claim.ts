/**
 * The `act` claim of RFC 8693 (delegation): `sub` is the party on whose behalf something is done, the outermost `act` is who is doing it
 * now; nested ones are history and carry no authority. Read the other way round, an agent with a delegated token would be taken for its
 * owner, with the owner's right to approve and to see clear text.
 */
import { GwError } from '../contract/gw-error.js';
import type { Claims } from './claim-expression.js';
import { requireText } from './claim-text.js';

const MAX_ACTORS = 8;

/**
 * Subject of the current actor, or null when nobody acts for anybody.
 * @throws GwError `login.token_invalid` for an actor that is malformed or of another issuer: an issuer speaks for its own subjects only.
 */
export function actorOf(claims: Claims, issuer: string): string | null {
  const outermost = claims['act'];
  if (outermost === undefined || outermost === null) return null;
  let count = 0;
  for (let actor: unknown = outermost; actor !== undefined; count++) {
    if (count === MAX_ACTORS) throw new GwError('login.token_invalid', `The chain of actors of the token (claim "act") is longer than ${MAX_ACTORS}.`);
    if (typeof actor !== 'object' || actor === null || Array.isArray(actor))
      throw new GwError('login.token_invalid', 'The actor of the token (claim "act") is not an object.');
    actor = 'act' in actor ? actor.act : undefined;
  }
  const { sub, iss } = outermost as { readonly sub?: unknown; readonly iss?: unknown };
  if (iss !== undefined && iss !== issuer) throw new GwError('login.token_invalid', 'The actor of the token (claim "act") belongs to another issuer.');
  return requireText(sub, 'The actor');
}
