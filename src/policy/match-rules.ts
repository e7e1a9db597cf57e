/**
 * The rules that apply to one effect (or to opening a session): the inner loop of a decision. What restricts is compared by what an effect may
 * be, what permits by what it is. Every condition of a rule that otherwise applies is evaluated, also when the answer is already clear, so
 * that one that fails denies whatever the order of rules and files. Effects are untrusted.
 */
import type { Context } from '@marcbachmann/cel-js';
import type { Clock } from '../base/clock.js';
import type { Effect, Facts } from '../contract/operation.js';
import { type CompiledRule, onlyPermits, ruleApplies } from './compiled-rule.js';
import { effectContext, operationContext } from './condition.js';
import { printable } from './describe.js';
import { type ProtocolVocabulary, UNKNOWN } from './vocabulary.js';

/** State of one computation: the context of conditions, built when first asked for, and whether time played a part. */
export interface Round {
  readonly facts: Facts | null;
  /** The effect that `context` was built for. */
  effect: Effect | null;
  context: Context | null;
  operation: Context | null;
  now: Date | null;
  usedTime: boolean;
}

export const newRound = (facts: Facts | null): Round => ({ facts, effect: null, context: null, operation: null, now: null, usedTime: false });

/** What rules are compared with, besides the effect. */
export interface MatchScope {
  readonly vocabulary: ProtocolVocabulary | undefined;
  readonly clock: Clock;
  readonly subject: Context;
  readonly target: Context;
  /** Rules whose subject this only may be: they restrict and never permit. */
  readonly uncertain: ReadonlySet<CompiledRule>;
}

export interface Matches {
  /** The first that denies. */
  deny: CompiledRule | null;
  /** The first that allows for certain. */
  allow: CompiledRule | null;
  /** All that ask, perhaps; `askCertain` when one of them does for certain. */
  asking: CompiledRule[];
  askCertain: boolean;
  /** All that limit, perhaps. */
  limiting: CompiledRule[];
  warning: CompiledRule[];
  /** One, perhaps, wants the client to record. */
  record: boolean;
  /** All with a tier. */
  tiered: CompiledRule[];
  /** The first whose condition failed, and why. */
  failed: { readonly rule: CompiledRule; readonly why: string } | null;
}

/** Whether the condition holds. @throws whatever it throws. */
export function conditionHolds(rule: CompiledRule, effect: Effect | null, scope: MatchScope, round: Round): boolean {
  if (rule.when === null) return true;
  if (round.context === null || round.effect !== effect) {
    round.effect = effect;
    round.context = { subject: scope.subject, target: scope.target };
    if (effect !== null && round.facts !== null) {
      round.operation ??= operationContext(round.facts);
      round.context['effect'] = effectContext(effect);
      round.context['operation'] = round.operation;
    }
  }
  if (rule.when.timeDependent) {
    round.usedTime = true;
    round.now ??= new Date(scope.clock.now());
    round.context['now'] = round.now;
  }
  return rule.when.evaluate(round.context);
}

export function whyFailed(error: unknown): string {
  return printable((error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '');
}

/** Whether nothing but its effect is of interest, so that a rule behind one of the same effect need not be looked at. */
const plain = (rule: CompiledRule): boolean => rule.when === null && rule.terms.tier === null && rule.terms.limits === null && !rule.terms.record;

const earlier = (rule: CompiledRule, than: CompiledRule | null): boolean => than === null || rule.order < than.order;

function add(rule: CompiledRule, certain: boolean, into: Matches): void {
  if (rule.terms.tier !== null) into.tiered.push(rule);
  if (rule.terms.limits !== null) into.limiting.push(rule);
  if (rule.terms.record) into.record = true;
  switch (rule.effect) {
    case 'deny':
      if (earlier(rule, into.deny)) into.deny = rule;
      return;
    case 'allow':
      if (certain && earlier(rule, into.allow)) into.allow = rule;
      return;
    case 'require_approval':
      into.asking.push(rule);
      if (certain) into.askCertain = true;
      return;
    case 'warn':
      into.warning.push(rule);
      return;
    default:
      rule.effect satisfies never;
  }
}

/** Rules of both lists that apply; `effect` null and `action` `connect` for opening a session. */
export function matchRules(lists: readonly (readonly CompiledRule[])[], effect: Effect | null, action: string, scope: MatchScope, round: Round): Matches {
  const found: Matches = { deny: null, allow: null, asking: [], askCertain: false, limiting: [], record: false, warning: [], tiered: [], failed: null };
  for (const list of lists) {
    for (const rule of list) {
      const restricts = !onlyPermits(rule);
      if (rule.effect === 'deny' && plain(rule) && !earlier(rule, found.deny)) continue;
      if (rule.effect === 'allow' && plain(rule) && !earlier(rule, found.allow)) continue;
      // What was not understood is permitted only by a rule that names it.
      const mayPermit = (action !== UNKNOWN || rule.actions.has(UNKNOWN)) && !scope.uncertain.has(rule);
      let certain = mayPermit && rule.effect !== 'deny' && rule.effect !== 'warn';
      if (effect !== null) {
        certain &&= ruleApplies(rule, effect, scope.vocabulary, true);
        if (!certain && !(restricts && ruleApplies(rule, effect, scope.vocabulary, false))) continue;
      } else if (!certain && !restricts) continue;
      try {
        if (!conditionHolds(rule, effect, scope, round)) continue;
      } catch (error) {
        if (rule.effect !== 'warn') {
          if (found.failed === null || earlier(rule, found.failed.rule)) found.failed = { rule, why: whyFailed(error) };
          continue;
        }
      }
      add(rule, certain, found);
    }
  }
  return found;
}
