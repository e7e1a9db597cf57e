/**
 * The rules of one view, by action and then by the last part of the resource's name where rules say it literally, so that the cost of a
 * new statement grows with the rules that could concern it and not with the size of the policy.
 */
import type { Effect } from '../contract/operation.js';
import { type CompiledRule, onlyPermits, type ResourceMatcher } from './compiled-rule.js';
import { EVERY, UNKNOWN } from './vocabulary.js';

/** Rules that may apply to effects with one action. All lists are in the order of the policy. */
interface Bucket {
  readonly all: readonly CompiledRule[];
  /** Rules that must be looked at for every name. */
  readonly general: readonly CompiledRule[];
  /** Rules whose every pattern ends in this very name. */
  readonly byLastPart: ReadonlyMap<string, readonly CompiledRule[]>;
}

export interface Candidates {
  readonly first: readonly CompiledRule[];
  readonly second: readonly CompiledRule[];
}

const NONE: readonly CompiledRule[] = [];

/** The literal last parts of a rule's patterns, or null when one of them is open. */
function lastParts(resources: readonly ResourceMatcher[] | null): Set<string> | null {
  if (resources === null) return null;
  const names = new Set<string>();
  for (const resource of resources) {
    for (const pattern of resource.patterns.values()) {
      const literal = pattern.parts.at(-1)?.literal;
      if (literal === null || literal === undefined) return null;
      names.add(literal);
    }
  }
  return names;
}

function buildBucket(rules: readonly CompiledRule[]): Bucket {
  const general: CompiledRule[] = [];
  const byLastPart = new Map<string, CompiledRule[]>();
  for (const rule of rules) {
    const names = lastParts(rule.resources);
    if (names === null) {
      general.push(rule);
      continue;
    }
    for (const name of names) {
      const list = byLastPart.get(name);
      if (list === undefined) byLastPart.set(name, [rule]);
      else list.push(rule);
    }
  }
  return { all: rules, general, byLastPart };
}

export class RuleIndex {
  readonly #rules: readonly CompiledRule[];
  readonly #buckets = new Map<string, Bucket>();
  /** Name lengths that no descriptor declares cannot be compared by part; all rules are looked at. */
  readonly #lengths: ReadonlyMap<string, number>;

  /** `lengths`: the number of parts of the names of each type of resource of the view's protocol. */
  constructor(rules: readonly CompiledRule[], lengths: ReadonlyMap<string, number>) {
    this.#rules = rules;
    this.#lengths = lengths;
  }

  /** `*` covers every operation but, where it only permits, not what was not understood; it never covers `connect`. */
  #bucket(action: string): Bucket {
    const known = this.#buckets.get(action);
    if (known !== undefined) return known;
    const built = buildBucket(
      this.#rules.filter((rule) => rule.actions.has(action) || (rule.every && action !== EVERY && (action !== UNKNOWN || !onlyPermits(rule)))),
    );
    this.#buckets.set(action, built);
    return built;
  }

  /** Two lists that together hold every rule that could apply. `action` must be a word of the vocabulary: each one is kept. */
  candidates(action: string, effect: Effect): Candidates {
    const bucket = this.#bucket(action);
    const resource = effect.resource;
    if (resource === null) return { first: bucket.general, second: NONE };
    const last = resource.name.at(-1);
    if (typeof last !== 'string' || this.#lengths.get(resource.type) !== resource.name.length) return { first: bucket.all, second: NONE };
    return { first: bucket.general, second: bucket.byLastPart.get(last) ?? NONE };
  }
}
