/** Where to, and as whom there: `TARGET`, `ACCOUNT@TARGET` as ssh writes it, or `TARGET+ACCOUNT`, which fits where a name of a host or a user is wanted. */
import { GwError } from '../../contract/gw-error.js';
import { visible } from '../terminal.js';

export interface Place {
  readonly target: string;
  /** Null: none is named. */
  readonly account: string | null;
}

/**
 * `as`: the account of `--as`; null: not given. What a name of an account may be is the gateway's to say.
 * @throws GwError `usage.invalid`
 */
export function placeOf(text: string, as: string | null): Place {
  const at = text.lastIndexOf('@');
  const plus = at < 0 ? text.indexOf('+') : -1;
  const target = at >= 0 ? text.slice(at + 1) : plus >= 0 ? text.slice(0, plus) : text;
  const named = at >= 0 ? text.slice(0, at) : plus >= 0 ? text.slice(plus + 1) : null;
  if (target === '' || named === '')
    throw new GwError('usage.invalid', `"${visible(text)}" names no target, or no account.`, { hint: 'Write TARGET, or ACCOUNT@TARGET.' });
  if (named !== null && as !== null && named !== as)
    throw new GwError('usage.invalid', `Two accounts are named: ${visible(named)} and, by --as, ${visible(as)}.`, { hint: 'Name one.' });
  return { target, account: named ?? as };
}
