/**
 * Names that a text uses without there being an effect for each: operators and the types of casts. What they mean is a matter of the
 * server's catalog (`with-catalog.ts`); nearly always PostgreSQL's own, which does nothing but compute. Kept beside the facts, by their
 * identity, because policy has no use for them.
 */
import type { Facts } from '../../../contract/operation.js';

export interface NameUses {
  /** Written without a schema. */
  readonly operators: readonly string[];
  /** Types that something is converted to: schema (null: none written) and name. */
  readonly types: readonly (readonly [string | null, string])[];
  /** Values of `search_path` that are fixed to a role or database; null: not a constant. */
  readonly paths: readonly (string | null)[];
}

const NONE: NameUses = Object.freeze({ operators: [], types: [], paths: [] });

const known = new WeakMap<Facts, NameUses>();

export function usesOf(facts: Facts): NameUses {
  return known.get(facts) ?? NONE;
}

/** `facts` use what each of `uses` says. */
export function noteUses(facts: Facts, ...uses: readonly NameUses[]): void {
  const operators = new Set(uses.flatMap((each) => each.operators));
  const types = new Map(uses.flatMap((each) => each.types).map((type) => [JSON.stringify(type), type]));
  const paths = uses.flatMap((each) => each.paths);
  if (operators.size > 0 || types.size > 0 || paths.length > 0) known.set(facts, { operators: [...operators], types: [...types.values()], paths });
}
