/**
 * Shows the content of one encrypted entry to somebody who has no key: the salted plaintext, which fits the commitment in the entry and no
 * other could. Nothing else of the session can be read with it. Pure; input is untrusted.
 */
import { hash } from 'node:crypto';
import { isCommitted, parseHidden, SALT_BYTES, shownPayload } from './hidden-layout.js';

/**
 * The payload as it would be without encryption; without an opening as far as it is in the clear.
 * @returns null when the opening is not that of this entry, or the payload is none
 */
export function disclosedPayload(kind: number, payload: Buffer, opening: Buffer | null): Buffer | null {
  const parts = parseHidden(kind, payload);
  if (parts === null) return null;
  if (opening === null) return shownPayload(kind, parts, null);
  if (!isCommitted(kind) || opening.length < SALT_BYTES || !hash('sha256', opening, 'buffer').equals(parts.extra)) return null;
  return shownPayload(kind, parts, opening.subarray(SALT_BYTES));
}
