/**
 * A rule ready to decide, and how it is compared with one effect. Two readings of one comparison: what restricts applies to what an effect
 * *may* be, what permits only to what it *is*; everything that is not known falls on the side of refusal. Effects are untrusted.
 */
import type { Effect, FactValue, Resource } from '../contract/operation.js';
import type { AccountPattern } from './accounts.js';
import type { Condition } from './condition.js';
import type { Glob } from './glob.js';
import { matchName, type NamePattern } from './name-pattern.js';
import type { RuleTerms } from './rule-terms.js';
import type { SubjectMatcher, TargetMatcher } from './selector.js';
import type { TimeWindow } from './time-window.js';
import { type ProtocolVocabulary, UNKNOWN } from './vocabulary.js';

export interface ResourceMatcher {
  readonly type: string;
  /** The pattern by the number of parts of the names that it was written for. */
  readonly patterns: ReadonlyMap<number, NamePattern>;
}

export interface FactMatcher {
  readonly name: string;
  readonly values: ReadonlySet<string | number | boolean>;
}

export type RuleEffect = 'allow' | 'deny' | 'require_approval' | 'warn';

export interface CompiledRule {
  /** Place in the whole set, files in order. */
  readonly order: number;
  /** `file-stem/id`. */
  readonly name: string;
  readonly effect: RuleEffect;
  readonly message: string | null;
  readonly hint: string | null;
  readonly subjects: SubjectMatcher | null;
  readonly targets: TargetMatcher | null;
  /** Actions named; `every` when `*` is among them. */
  readonly actions: ReadonlySet<string>;
  readonly every: boolean;
  readonly resources: readonly ResourceMatcher[] | null;
  readonly columns: readonly Glob[] | null;
  readonly facts: readonly FactMatcher[];
  readonly when: Condition | null;
  /** Null: always. */
  readonly during: TimeWindow | null;
  readonly terms: RuleTerms;
  /** Accounts at the target that it is about, of a rule for `connect`; null: it does not say. */
  readonly accounts: readonly AccountPattern[] | null;
}

/** True of a rule that does nothing but allow: it need not be looked at where it is not certain that it applies. */
export function onlyPermits(rule: CompiledRule): boolean {
  return rule.effect === 'allow' && rule.terms.limits === null && rule.terms.tier === null && !rule.terms.record;
}

export function resourceMatches(matchers: readonly ResourceMatcher[], resource: Resource, certain: boolean): boolean {
  for (const matcher of matchers) {
    if (matcher.type !== resource.type) continue;
    const pattern = matcher.patterns.get(resource.name.length);
    // A name of a length that no descriptor declares cannot be compared part by part: it may be anything.
    const match = pattern === undefined ? 'may' : matchName(pattern, resource.name);
    if (match === 'is' || (match === 'may' && !certain)) return true;
  }
  return false;
}

export function columnsMatch(globs: readonly Glob[], columns: readonly string[] | null, certain: boolean): boolean {
  if (columns === null) return !certain || globs.some((glob) => glob.any);
  const covered = (column: string): boolean => globs.some((glob) => glob.test(column));
  return certain ? columns.every(covered) : columns.some(covered);
}

export function factMatches(matcher: FactMatcher, value: FactValue, certain: boolean): boolean {
  if (typeof value !== 'object') return matcher.values.has(value);
  if (certain) return value.length > 0 && value.every((each) => matcher.values.has(each));
  return value.some((each) => matcher.values.has(each));
}

/** The value of a fact; one that the action should carry but does not is `unknown` where the vocabulary has that value. */
export function factOf(effect: Effect, name: string, vocabulary: ProtocolVocabulary | undefined): FactValue | undefined {
  if (Object.hasOwn(effect.facts, name)) return effect.facts[name];
  const declared = vocabulary?.actions.get(effect.action)?.facts.includes(name) === true;
  return declared && vocabulary?.facts.get(name)?.values?.includes(UNKNOWN) === true ? UNKNOWN : undefined;
}

/** Whether all of the rule but its action and its condition applies to the effect: for certain, or perhaps. */
export function ruleApplies(rule: CompiledRule, effect: Effect, vocabulary: ProtocolVocabulary | undefined, certain: boolean): boolean {
  if (rule.resources !== null && (effect.resource === null || !resourceMatches(rule.resources, effect.resource, certain))) return false;
  if (rule.columns !== null && (effect.resource === null || !columnsMatch(rule.columns, effect.resource.columns, certain))) return false;
  for (const matcher of rule.facts) {
    const value = factOf(effect, matcher.name, vocabulary);
    if (value === undefined || !factMatches(matcher, value, certain)) return false;
  }
  return true;
}
