/**
 * Holds in force by the audit log. The state database answers for them; should it be lost, the log still keeps what is held. Reads the logs once, then what
 * was added.
 */
import { type AuditLeaf, LogSweep } from '../../audit/index.js';
import type { HeldRecord } from '../../contract/record-keeping.js';

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

  covers({ session, target, issuer, subject }: HeldRecord): boolean {
    for (const [hold, { data }] of this.#placed) {
      const { scope, value, holdIssuer } = data;
      if (this.#released.has(hold)) continue;
      if (scope === 'session' ? value === session : scope === 'target' ? value === target : value === subject && holdIssuer === issuer) return true;
    }
    return false;
  }
}
