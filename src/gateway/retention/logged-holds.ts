/**
 * Holds in force by the audit log. The state database answers for them; should it be lost, the log still keeps what is held. Reads the logs once, then what
 * was added.
 */
import { type AuditLeaf, LogSweep } from '../../audit/index.js';
import { type AdoptedHold, type HeldRecord, HOLD_SCOPES } from '../../contract/record-keeping.js';

const REASON = '(only the audit log has this hold: the reason stands in the journal)';

export class LoggedHolds {
  readonly #sweep = new LogSweep();
  readonly #placed = new Map<string, AuditLeaf>();
  readonly #released = new Set<string>();

  async read(directories: readonly string[]): Promise<void> {
    for await (const leaf of this.#sweep.until(directories, Number.POSITIVE_INFINITY)) {
      const hold = String(leaf.data['hold']);
      if (leaf.kind === 'hold.add') this.#placed.set(hold, leaf);
      else if (leaf.kind === 'hold.release') this.#released.add(hold);
    }
  }

  /** As the state database has them, but for the reason and the name: those stand in the journal. */
  inForce(): AdoptedHold[] {
    return [...this.#placed].flatMap(([id, { data, time }]) => {
      const { value, holdIssuer, actorSubject } = data;
      const scope = HOLD_SCOPES.find((each) => each === data['scope']);
      const issuer = scope === 'subject' ? holdIssuer : null;
      if (this.#released.has(id) || scope === undefined || typeof value !== 'string' || (issuer !== null && typeof issuer !== 'string')) return [];
      return [{ id, scope, value, issuer, reason: REASON, addedBy: String(actorSubject ?? ''), addedAt: time }];
    });
  }

  covers({ session, target, issuer, subject }: HeldRecord): boolean {
    for (const [hold, { data }] of this.#placed) {
      const { scope, value, holdIssuer } = data;
      if (this.#released.has(hold)) continue;
      if (scope === 'session' ? value === session : scope === 'target' ? value === target : value === subject && holdIssuer === issuer) return true;
    }
    return false;
  }
}
