/**
 * Audit events stand twice: in the log, and with their sensitive fields in the journal of the process. One running digest over what both must say of each
 * event, in order, shows an owner of the key who changes one of the two: an approval moved to another session, a lock that never was. Pure.
 */
import { hash } from 'node:crypto';
import { canonicalJson } from '../base/canonical-json.js';
import { AUDIT_EVENTS } from './audit-events.js';

export function isAuditEvent(kind: string): boolean {
  return Object.hasOwn(AUDIT_EVENTS, kind);
}

export class EventDigest {
  #count = 0;
  #kinds = '';
  /** null: what an event says was not known, as in an encrypted journal without its key; then kinds alone are compared. */
  #chain: string | null = '';

  /** @param data fields of a leaf, or of an event of a journal, or null when they are hidden; events that are no audit events are passed over */
  add(kind: string, data: Readonly<Record<string, unknown>> | null): void {
    if (!isAuditEvent(kind)) return;
    this.#count++;
    this.#kinds = hash('sha256', canonicalJson([this.#kinds, kind]), 'hex');
    if (data === null) this.#chain = null;
    if (data === null || this.#chain === null) return;
    const { sensitive, apart, dropped, ...open } = data;
    const names = typeof sensitive === 'object' && sensitive !== null ? Object.keys(sensitive).sort() : (apart ?? []);
    this.#chain = hash('sha256', canonicalJson([this.#chain, kind, open, names]), 'hex');
  }

  equals(other: EventDigest): boolean {
    if (this.#count !== other.#count || this.#kinds !== other.#kinds) return false;
    return this.#chain === null || other.#chain === null || this.#chain === other.#chain;
  }

  get count(): number {
    return this.#count;
  }
}
