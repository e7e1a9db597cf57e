/** Decisions: pure data out of the policy domain. Only `session/guard` turns one into a `Verdict`. */
import type { Identity } from './identity.js';
import type { Facts } from './operation.js';
import type { Target } from './target.js';

/** More effects (approval, limits, warn) join this union; every switch over it ends in a `never` check. */
export type DecisionEffect = 'allow' | 'deny';

export interface Decision {
  readonly effect: DecisionEffect;
  /** `file-stem/rule-id` of the rule that decided, or null when nothing matched and the default decided. */
  readonly rule: string | null;
  /** `sha256:…` over the canonical form of the whole policy set. */
  readonly policy: string;
  /** Why, for people, most important first. */
  readonly reasons: readonly string[];
  /** The rule author's advice, shown as the hint of a refusal. */
  readonly hint: string | null;
}

/** The policy as it applies to one identity on one target: what can be decided once per session is decided here. */
export interface PolicyView {
  readonly policy: string;
  /** May the session be opened? Deny by default. */
  connect(): Decision;
  /** Pure, synchronous, and cached by the identity of `facts`. Never throws: a failing condition is a deny with the reason. */
  decide(facts: Facts): Decision;
}

export interface PolicySet {
  readonly digest: string;
  view(identity: Identity, target: Pick<Target, 'name' | 'protocol' | 'labels'>): PolicyView;
}

/** Port of the policy domain: the set in force, swapped atomically on reload. */
export interface PolicySource {
  current(): PolicySet;
}
