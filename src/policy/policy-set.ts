/**
 * A whole policy, loaded and immutable: its digest, the text behind it, and its views. Two identities that no rule can tell apart share
 * a view, and with it the decisions already made.
 */

import { canonicalJson } from '../base/canonical-json.js';
import type { Clock } from '../base/clock.js';
import type { PolicySet } from '../contract/decision.js';
import type { Identity } from '../contract/identity.js';
import type { Facts } from '../contract/operation.js';
import { namedAccounts } from './accounts.js';
import type { CompiledMasking } from './compile-masking.js';
import { type CompiledRule, onlyPermits } from './compiled-rule.js';
import { type Explanation, explain } from './explain.js';
import { GenerationCache } from './generation-cache.js';
import { type CompiledView, createView } from './policy-view.js';
import { claimAt, claimPath, type TargetFields, type TargetMatcher } from './selector.js';
import type { Vocabulary } from './vocabulary.js';

/** One file as it was read. */
export interface PolicyText {
  readonly path: string;
  readonly text: string;
}

export interface LoadedPolicy extends PolicySet {
  /** The files as they were read, in order: the text behind the digest. */
  readonly sources: readonly PolicyText[];
  /** What the digest is taken over: canonical JSON of the parsed files in order, with their stems. */
  readonly canonical: string;
  /** Names of all rules, `file-stem/id`, in order. */
  readonly rules: readonly string[];
  /** Views share decisions, so a view lives as long as its set; sessions ask again when the set changes. */
  view(identity: Identity, target: TargetFields): CompiledView;
  /** The decision with every rule of the set and why it does or does not apply. Null facts: opening a session, as `account` where one is asked for. */
  explain(identity: Identity, target: TargetFields, facts: Facts | null, account?: string | null): Explanation;
}

export interface CompiledDefault {
  readonly operations: 'allow' | 'deny';
  /** Null: every target. */
  readonly targets: TargetMatcher | null;
}

/** What the rules of a set ask of an identity; a view is shared by all who agree in it. */
export interface IdentityUse {
  /** The subject itself (`ids`). */
  readonly ids: boolean;
  readonly emails: boolean;
  /** Keys of the claims that selectors name. */
  readonly claims: readonly string[];
  /** Some rule has a condition, which may ask for anything. */
  readonly conditions: boolean;
}

export interface PolicySetInput {
  readonly digest: string;
  readonly canonical: string;
  readonly sources: readonly PolicyText[];
  readonly rules: readonly CompiledRule[];
  readonly defaults: readonly CompiledDefault[];
  readonly masking: CompiledMasking;
  readonly use: IdentityUse;
  readonly vocabulary: Vocabulary;
  readonly clock: Clock;
}

const VIEWS_KEPT = 1024;

/** Everything that a view can depend on, as one text compared in full. */
function viewKey(identity: Identity, target: TargetFields, use: IdentityUse, claimPaths: readonly (readonly string[])[]): string {
  const all = use.conditions;
  return canonicalJson([
    target.name,
    target.protocol,
    target.labels,
    target.account ?? null,
    target.accounts ?? null,
    identity.issuer,
    identity.kind,
    identity.groups,
    use.ids || all ? identity.subject : null,
    use.emails || all ? [identity.email, identity.emailVerified] : null,
    all ? identity.claims : claimPaths.map((path) => claimAt(identity.claims, path) ?? null),
    all ? identity.onBehalfOf : null,
  ]);
}

/** Deny wins over allow; with nothing said it is deny. */
function defaultFor(defaults: readonly CompiledDefault[], target: TargetFields): 'allow' | 'deny' {
  const applying = defaults.filter((entry) => entry.targets === null || entry.targets(target));
  return applying.length > 0 && applying.every((entry) => entry.operations === 'allow') ? 'allow' : 'deny';
}

/** Assembles a set from its compiled parts. */
export function createPolicySet(input: PolicySetInput): LoadedPolicy {
  const views = new GenerationCache<string, CompiledView>(VIEWS_KEPT);
  const claimPaths = input.use.claims.map(claimPath);
  const named = namedAccounts(input.rules);
  const set: LoadedPolicy = {
    digest: input.digest,
    classes: new Set(input.masking.classes.keys()),
    canonical: input.canonical,
    sources: input.sources,
    rules: input.rules.map((rule) => rule.name),
    view(identity, target) {
      const key = viewKey(identity, target, input.use, claimPaths);
      const known = views.get(key);
      if (known !== undefined) return known;
      const uncertain = new Set<CompiledRule>();
      const applies = (rule: CompiledRule): boolean => {
        if (rule.targets !== null && !rule.targets(target)) return false;
        if (rule.subjects === null || rule.subjects(identity, true)) return true;
        // What only permits needs to know who it is; what restricts does so already where this may be who is meant.
        if (onlyPermits(rule) || !rule.subjects(identity, false)) return false;
        uncertain.add(rule);
        return true;
      };
      const view = createView({
        digest: input.digest,
        rules: input.rules.filter(applies),
        uncertain,
        namedAccounts: named,
        defaultOperations: defaultFor(input.defaults, target),
        vocabulary: input.vocabulary.get(target.protocol),
        masking: input.masking,
        identity,
        target,
        clock: input.clock,
      });
      views.set(key, view);
      return view;
    },
    explain(identity, target, facts, account = null) {
      const view = set.view(identity, target);
      const decision = facts === null ? view.connect(account) : view.decide(facts);
      const about = decision.account ?? account;
      const as = about === target.account ? null : about;
      const vocabulary = input.vocabulary.get(target.protocol);
      return explain({ rules: input.rules, vocabulary, clock: input.clock, identity, target, account: as, named }, decision, facts);
    },
  };
  return set;
}
