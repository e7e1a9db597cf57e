/** A step of the tour: what a person does, why it is shown, and what must be true afterwards. */
import type { World } from '../start-quickstart.js';
import type { TourShell } from './tour-shell.js';

export interface TourContext {
  readonly world: World;
  readonly shell: TourShell;
  /** A query on the target around the gateway, as its administrator: one value. */
  readonly direct: (sql: string) => Promise<string>;
  /** What earlier steps want later ones to know. */
  readonly notes: Map<string, string>;
}

/** What happened, in words for the reader; `problem` is null when it is what should happen. */
export interface TourOutcome {
  readonly said: string;
  readonly problem: string | null;
}

export interface TourStep {
  readonly who: string;
  readonly title: string;
  /** Why this matters, one sentence. */
  readonly why: string;
  /** False: the world has not what it is about. */
  readonly possible?: (world: World) => boolean;
  readonly run: (context: TourContext) => Promise<TourOutcome>;
}

/** The outcome of several conditions: the first that does not hold is the problem. */
export function outcome(said: string, ...conditions: readonly (readonly [holds: boolean, otherwise: string])[]): TourOutcome {
  return { said, problem: conditions.find(([holds]) => !holds)?.[1] ?? null };
}
