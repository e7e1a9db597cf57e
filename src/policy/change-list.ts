/** Changes of a simulation: how many there are of each kind, and the first of them with all that is known. Holds no more than so many, however many there are. Pure. */

import type { SimulatedChanges } from '../contract/policy-types.js';

const CHANGES_KEPT = 1_000;
const GROUPS_KEPT = 200;

export class ChangeList<Change> {
  count = 0;
  readonly #groups = new Map<string, { count: number; readonly before: string; readonly after: string; readonly example: Change }>();
  readonly #changes: Change[] = [];

  /** @param make called only when the change is kept */
  add(before: string, after: string, make: () => Change): void {
    this.count++;
    const key = `${before}\n${after}`;
    const group = this.#groups.get(key);
    const keep = this.#changes.length < CHANGES_KEPT;
    if (group !== undefined) group.count++;
    if (!keep && (group !== undefined || this.#groups.size >= GROUPS_KEPT)) return;
    const change = make();
    if (keep) this.#changes.push(change);
    if (group === undefined && this.#groups.size < GROUPS_KEPT) this.#groups.set(key, { count: 1, before, after, example: change });
  }

  report(): SimulatedChanges<Change> {
    return {
      changed: this.count,
      groups: [...this.#groups.values()].sort((a, b) => b.count - a.count),
      changes: this.#changes,
      more: this.count > this.#changes.length,
    };
  }
}
