/**
 * The outcomes of all effects of an operation as one decision: the strictest effect, the first rule that made it, reasons for people, and
 * what all rules together ask for. Pure.
 */
import { type Decision, NOTHING_FURTHER } from '../contract/decision.js';
import type { Effect } from '../contract/operation.js';
import type { CompiledRule, RuleEffect } from './compiled-rule.js';
import type { GenerationCache } from './generation-cache.js';
import type { Matches } from './match-rules.js';
import { demandOf, highestTier, limitsOf, type Requester } from './merge-terms.js';
import { UNKNOWN } from './vocabulary.js';

/** What became of one effect. */
export interface Outcome {
  readonly effect: Exclude<RuleEffect, 'warn'>;
  readonly rule: CompiledRule | null;
  readonly reason: string;
  readonly found: Matches;
}

export const UNDERSTOOD_NOTHING: Effect = { action: UNKNOWN, resource: null, facts: {} };

const REASONS_SHOWN = 8;

/** Rules of all effects, each once, in the order of the policy. */
function gather(outcomes: readonly Outcome[], which: 'asking' | 'limiting' | 'warning' | 'tiered'): CompiledRule[] {
  const rules = new Set<CompiledRule>();
  for (const { found } of outcomes) for (const rule of found[which]) rules.add(rule);
  return rules.size === 0 ? [] : [...rules].sort((a, b) => a.order - b.order);
}

/** The first reason, the rule author's message, and the other reasons; bounded. */
function reasonsOf(first: Outcome, same: readonly Outcome[]): string[] {
  const others = new Set(same.map((outcome) => outcome.reason));
  others.delete(first.reason);
  const shown = [...others].slice(0, REASONS_SHOWN - 2);
  const more = others.size > shown.length ? [`and ${others.size - shown.length} more of the kind`] : [];
  const told = first.rule?.message ?? null;
  return [first.reason, ...(told === null ? [] : [told]), ...shown, ...more];
}

function allowReasons(outcomes: readonly Outcome[]): string[] {
  const reasons = [...new Set(outcomes.map((outcome) => outcome.reason))];
  if (reasons.length === 0) reasons.push('nothing to decide: the operation has no effect');
  if (reasons.length > REASONS_SHOWN) reasons.splice(REASONS_SHOWN - 1, reasons.length, `and ${reasons.length - REASONS_SHOWN + 1} more of the kind`);
  return reasons;
}

/** The outcomes of one effect of an operation, put together. `allowed` holds the allowing decisions made before: equal ones are one object. */
export function assemble(outcomes: readonly Outcome[], policy: string, who: Requester, allowed: GenerationCache<string, Decision>): Decision {
  const tier = highestTier(gather(outcomes, 'tiered'));
  const warnings = gather(outcomes, 'warning').map((rule) => `${rule.message ?? ''} (${rule.name})`);
  const denials = outcomes.filter((outcome) => outcome.effect === 'deny');
  const denial = denials.find((outcome) => outcome.rule !== null) ?? denials[0];
  if (denial !== undefined) {
    const { rule } = denial;
    return {
      ...NOTHING_FURTHER,
      effect: 'deny',
      rule: rule?.name ?? null,
      policy,
      reasons: reasonsOf(denial, denials),
      hint: rule?.hint ?? null,
      warnings,
      tier,
    };
  }
  const limiting = gather(outcomes, 'limiting');
  const recorded = outcomes.some(({ found }) => found.record) ? ({ record: 'client' } as const) : {};
  const asks = outcomes.filter((outcome) => outcome.effect === 'require_approval');
  const [ask] = asks;
  if (ask !== undefined) {
    const approval = demandOf(gather(outcomes, 'asking'), tier, who);
    const limits = limitsOf(limiting, tier, who);
    return {
      effect: 'require_approval',
      rule: ask.rule?.name ?? null,
      policy,
      reasons: reasonsOf(ask, asks),
      hint: ask.rule?.hint ?? null,
      warnings,
      limits,
      approval,
      tier,
      ...recorded,
    };
  }
  const rule = outcomes.find((outcome) => outcome.rule !== null)?.rule?.name ?? null;
  const reasons = allowReasons(outcomes);
  const key = JSON.stringify([rule, reasons, warnings, tier, limiting.map(({ order }) => order), recorded]);
  const known = allowed.get(key);
  if (known !== undefined) return known;
  const limits = limitsOf(limiting, tier, who);
  const decision: Decision = { effect: 'allow', rule, policy, reasons, hint: null, warnings, limits, approval: null, tier, ...recorded };
  allowed.set(key, decision);
  return decision;
}
