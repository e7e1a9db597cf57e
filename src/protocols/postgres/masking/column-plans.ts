/** What happens to the columns of one result, and how many values of each were changed. */
import type { ClassView } from '../../../contract/masking-policy.js';
import type { ValuePlan } from './value-plan.js';

export interface ColumnPlans {
  readonly values: readonly ValuePlan[];
  /** Of each column, 1 where its values pass as they are. */
  readonly passing: Uint8Array;
  /** All do. */
  readonly passes: boolean;
}

export function columnPlans(values: readonly ValuePlan[]): ColumnPlans {
  const passing = Uint8Array.from(values, ({ action }) => (action === 'pass' ? 1 : 0));
  return { values, passing, passes: !passing.includes(0) };
}

export class ValueCounts {
  readonly #plans: readonly ValuePlan[];
  /** By column; null: none was changed. */
  #counts: number[] | null = null;

  constructor(plans: readonly ValuePlan[]) {
    this.#plans = plans;
  }

  /** A value of this column was changed. */
  add(index: number): void {
    this.#counts ??= new Array<number>(this.#plans.length).fill(0);
    this.#counts[index] = (this.#counts[index] as number) + 1;
  }

  /** Tells how many values were changed since this was last called. */
  take(sink: { changed(how: ClassView, values: number): void }): void {
    const counts = this.#counts;
    if (counts === null) return;
    this.#counts = null;
    for (const [index, plan] of this.#plans.entries()) {
      const count = counts[index] ?? 0;
      if (count > 0 && (plan.action === 'constant' || plan.action === 'transform')) sink.changed(plan.how, count);
    }
  }
}
