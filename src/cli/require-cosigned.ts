/** What commands around witnesses say of logs that were not cosigned. */
import { GwError } from '../contract/gw-error.js';
import { visible } from './terminal.js';

/** @throws GwError `audit.invalid` when one of them was refused, with all that were */
export function requireCosigned(logs: readonly { readonly log: string; readonly refused: string | null }[]): void {
  const refused = logs.filter((each) => each.refused !== null);
  if (refused.length === 0) return;
  throw new GwError('audit.invalid', refused.map(({ log, refused: why }) => `${visible(log)} is not cosigned: ${visible(why ?? '')}`).join('\n'), {
    detail: { refused: refused.length },
  });
}
