/**
 * A Bind so large that it goes up while it still comes: its parameters are not looked through. Where something could stand in them that masking has
 * to find, a value of gw's making that would be written or a token that would be compared, the statement is refused. Pure.
 */

import type { OperationMask } from './session-masking.js';
import { hiddenIn, holdsHidden } from './statement-refusal.js';

const WRITES: ReadonlySet<string> = new Set(['insert', 'update', 'merge']);
const INSTEAD = 'keep the parameters under 1 MiB together, or use COPY for rows';

/** The mask of an operation whose parameters are not all there. */
export function withStreamedParameters(mask: OperationMask | null): OperationMask | null {
  if (mask === null || mask.refusal !== null || !mask.door.view.hides) return mask;
  const refusal = refusalOf(mask);
  return refusal === null ? mask : { ...mask, refusal, clears: null };
}

function refusalOf({ door, catalog, statements, facts: { effects } }: OperationMask): string | null {
  if (effects.some(({ action, resource }) => WRITES.has(action) && holdsHidden(resource?.name, door, catalog)))
    return `parameters of more than 1 MiB cannot be looked through for values that gw put in the place of others, and it writes to a table of hidden data; ${INSTEAD}`;
  const compares = statements.some(({ lineage: { conditions } }) => conditions.some(({ lineage }) => hiddenIn(lineage, door) !== null));
  return compares && door.view.resolvesTokens
    ? `parameters of more than 1 MiB cannot be looked through for tokens, which would find nothing; ${INSTEAD}`
    : null;
}
