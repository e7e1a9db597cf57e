/** Says on standard error which timestamps a copy of logs lacks: its verifier will say that they are missing, and here it can still be known why. */
import { sayWarning } from './failure.js';
import { visible } from './terminal.js';

const NAMED = 5;

export function sayMissingTimestamps(logs: readonly { readonly log: string; readonly missing: readonly number[] }[]): void {
  for (const { log, missing } of logs) {
    if (missing.length === 0) continue;
    const more = missing.length > NAMED ? ` and ${missing.length - NAMED} more` : '';
    sayWarning(
      `The gateway gave no timestamp of ${visible(log)} of size ${missing.slice(0, NAMED).join(', ')}${more}: the copy does not verify without. One that was pruned never comes; then begin another copy.`,
    );
  }
}
