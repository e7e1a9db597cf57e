/** What an operation leaves behind when it has run: whether it only reads, and whether it moves the ends of a transaction. Pure. */
import type { Effect, Facts } from '../../contract/operation.js';

const READS: ReadonlySet<string> = new Set(['select', 'show', 'explain', 'fetch', 'copy_to', 'declare', 'close', 'prepare', 'execute', 'deallocate']);

const reads = ({ action, facts }: Effect): boolean => READS.has(action) || (action === 'call' && facts['class'] === 'plain');

/** Nothing of it stays, as far as its text and the functions in it are known. */
export function onlyReads({ effects, unknown }: Facts): boolean {
  return unknown.length === 0 && effects.every(reads);
}

/** It may have committed, or begun, something. */
export function endsOrBegins({ effects, unknown }: Facts): boolean {
  return unknown.length > 0 || effects.some(({ action }) => action === 'transaction' || action === 'procedure' || action === 'do');
}
