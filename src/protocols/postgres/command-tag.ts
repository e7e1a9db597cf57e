/** What a command tag says (PostgreSQL documentation, CommandComplete): rows, and where the transaction stands. */
import type { Portal } from './names.js';

const IDLE = 0x49; // 'I'
const IN_TRANSACTION = 0x54; // 'T'

/** Where the transaction stands behind a statement of the extended protocol, before the server says so at Sync. */
export function blockAfter(tag: string, block: number, portal: Portal | null): number {
  if (tag === 'BEGIN' || tag === 'START TRANSACTION') return IN_TRANSACTION;
  if (tag !== 'COMMIT' && tag !== 'ROLLBACK' && tag !== 'PREPARE TRANSACTION') return block;
  // ROLLBACK TO has the tag of ROLLBACK, and AND CHAIN begins another one at once.
  const effect = portal?.facts.effects.find(({ action }) => action === 'transaction');
  if (effect?.facts['kind'] === 'rollback_to') return IN_TRANSACTION;
  return effect?.facts['chain'] === true ? IN_TRANSACTION : IDLE;
}

/** The number at the end of a command tag: `UPDATE 3`, `INSERT 0 5`. */
export function tagRows(tag: string): number {
  let value = 0;
  let scale = 1;
  for (let i = tag.length - 1; i >= 0; i--) {
    const digit = tag.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return tag.charCodeAt(i) === 0x20 ? value : 0;
    value += digit * scale;
    scale *= 10;
  }
  return 0;
}
