/**
 * The policy as it applies to one identity on one target. Pure and synchronous; called on every operation, so what depends only on who
 * and where is settled when the view is built, and decisions are kept by the identity of the facts. Semantics (ADR 0003): for each
 * effect any matching deny rule denies, else any matching allow rule allows, else the default; the strictest effect decides. Facts are
 * untrusted. Anything unexpected in here is a denial, never an exception.
 */
import type { Context } from '@marcbachmann/cel-js';
import type { Clock } from '../base/clock.js';
import { type ApprovalDemand, type Decision, NOTHING_FURTHER, type PolicyView } from '../contract/decision.js';
import type { Identity } from '../contract/identity.js';
import type { Effect, Facts } from '../contract/operation.js';
import { type CompiledRule, ruleApplies } from './compiled-rule.js';
import { effectContext, operationContext, subjectContext, targetContext } from './condition.js';
import { describeEffect, describeSubject, printable } from './describe.js';
import { GenerationCache } from './generation-cache.js';
import { RuleIndex } from './rule-index.js';
import type { TargetFields } from './selector.js';
import { CONNECT, type ProtocolVocabulary, UNKNOWN } from './vocabulary.js';

export interface CompiledView extends PolicyView {
  /**
   * True when a decision of this view can change with time alone (a condition reads `now`). Such decisions are computed anew on each
   * call; whoever keeps decisions outside of the view must not keep those of a view with this mark.
   */
  readonly timeDependent: boolean;
}

export interface ViewInput {
  readonly digest: string;
  /** Rules whose subjects and targets match, in the order of the policy. */
  readonly rules: readonly CompiledRule[];
  readonly defaultOperations: 'allow' | 'deny';
  readonly vocabulary: ProtocolVocabulary | undefined;
  readonly identity: Identity;
  readonly target: TargetFields;
  readonly clock: Clock;
}

const DECISIONS_KEPT = 4096;
const REASONS_SHOWN = 8;

/** What became of one effect. */
type Outcome =
  | { readonly effect: 'allow'; readonly rule: CompiledRule | null; readonly reason: string }
  | { readonly effect: 'deny'; readonly rule: CompiledRule | null; readonly reason: string; readonly hint: string | null };

/** State of one computation: the context of conditions, built when first asked for, and whether time played a part. */
interface Round {
  readonly facts: Facts | null;
  /** The effect that `context` was built for. */
  effect: Effect | null;
  context: Context | null;
  operation: Context | null;
  now: Date | null;
  usedTime: boolean;
}

const newRound = (facts: Facts | null): Round => ({ facts, effect: null, context: null, operation: null, now: null, usedTime: false });

const UNDERSTOOD_NOTHING: Effect = { action: UNKNOWN, resource: null, facts: {} };

class View implements CompiledView {
  readonly policy: string;
  readonly timeDependent: boolean;
  readonly #input: ViewInput;
  readonly #index: RuleIndex;
  readonly #decisions = new GenerationCache<Facts, Decision>(DECISIONS_KEPT);
  /** Equal allowing decisions are one object, so that a journal writes each once. */
  readonly #allowed = new GenerationCache<string, Decision>(256);
  readonly #subject: Context;
  readonly #target: Context;
  #connect: Decision | null = null;

  constructor(input: ViewInput) {
    this.#input = input;
    this.policy = input.digest;
    this.timeDependent = input.rules.some((rule) => rule.when?.timeDependent === true);
    const lengths = new Map([...(input.vocabulary?.resources ?? [])].map(([type, parts]) => [type, parts.length]));
    this.#index = new RuleIndex(input.rules, lengths);
    this.#subject = subjectContext(input.identity);
    this.#target = targetContext(input.target);
  }

  connect(): Decision {
    if (this.#connect !== null) return this.#connect;
    const round = newRound(null);
    let decision: Decision;
    try {
      decision = this.#decideConnect(round);
    } catch (error) {
      decision = this.#failed(error);
    }
    if (!round.usedTime) this.#connect = decision;
    return decision;
  }

  access(): ApprovalDemand | null {
    return this.connect().approval;
  }

  decide(facts: Facts): Decision {
    const kept = this.#decisions.get(facts);
    if (kept !== undefined) return kept;
    const round = newRound(facts);
    let decision: Decision;
    try {
      decision = this.#decideFacts(facts, round);
    } catch (error) {
      decision = this.#failed(error);
    }
    if (!round.usedTime) this.#decisions.set(facts, decision);
    return decision;
  }

  #failed(error: unknown): Decision {
    const why = error instanceof Error ? error.message : String(error);
    return { effect: 'deny', rule: null, policy: this.policy, reasons: [`the decision could not be made: ${printable(why)}`], hint: null, ...NOTHING_FURTHER };
  }

  #decideConnect(round: Round): Decision {
    const target = printable(this.#input.target.name);
    const rules = this.#input.rules.filter((rule) => rule.actions.has(CONNECT));
    const found = this.#firstMatches(rules, [], null, `connect to ${target}`, round);
    if (found.failed !== null) return this.#denied(found.failed.rule, [found.failed.reason, ...told(found.failed.rule)], found.failed.hint);
    if (found.deny !== null) return this.#denied(found.deny, [`connect to ${target}: denied by rule ${found.deny.name}`, ...told(found.deny)], found.deny.hint);
    if (found.allow !== null) return this.#allow(found.allow.name, [`connect: allowed by rule ${found.allow.name}`]);
    return this.#denied(null, [`no rule lets ${describeSubject(this.#input.identity)} connect to ${target}`], null);
  }

  #decideFacts(facts: Facts, round: Round): Decision {
    const outcomes: Outcome[] = [];
    let understood = facts.unknown.length === 0;
    for (const effect of facts.effects) {
      if (effect.action === UNKNOWN) understood = true;
      outcomes.push(this.#decideEffect(effect, facts, round));
    }
    // The contract promises an `unknown` effect beside `unknown` words. An island that forgets it must not open the door.
    if (!understood) outcomes.push(this.#decideEffect(UNDERSTOOD_NOTHING, facts, round));

    const denials = outcomes.filter((outcome) => outcome.effect === 'deny');
    const first = denials.find((outcome) => outcome.rule !== null) ?? denials[0];
    if (first !== undefined) {
      const others = new Set(denials.filter((outcome) => outcome !== first).map((outcome) => outcome.reason));
      others.delete(first.reason);
      const shown = [...others].slice(0, REASONS_SHOWN - 2);
      const more = others.size > shown.length ? [`and ${others.size - shown.length} more of the kind`] : [];
      return this.#denied(first.rule, [first.reason, ...told(first.rule), ...shown, ...more], first.hint);
    }
    const reasons = [...new Set(outcomes.map((outcome) => outcome.reason))];
    if (reasons.length === 0) reasons.push('nothing to decide: the operation has no effect');
    if (reasons.length > REASONS_SHOWN) reasons.splice(REASONS_SHOWN - 1, reasons.length, `and ${reasons.length - REASONS_SHOWN + 1} more of the kind`);
    return this.#allow(outcomes.find((outcome) => outcome.rule !== null)?.rule?.name ?? null, reasons);
  }

  #decideEffect(effect: Effect, facts: Facts, round: Round): Outcome {
    const vocabulary = this.#input.vocabulary;
    // An action that the descriptor does not declare is one that no policy could have meant.
    const action = vocabulary?.actions.has(effect.action) === true ? effect.action : UNKNOWN;
    const { first, second } = this.#index.candidates(action, effect);
    const found = this.#firstMatches(first, second, effect, null, round);
    if (found.failed !== null) return { effect: 'deny', ...found.failed };
    if (found.deny !== null) {
      const what = describeEffect(
        effect,
        found.deny.facts.map((fact) => fact.name),
      );
      return { effect: 'deny', rule: found.deny, reason: `${what}${this.#notKnown(action, facts)}: denied by rule ${found.deny.name}`, hint: found.deny.hint };
    }
    if (found.allow !== null) return { effect: 'allow', rule: found.allow, reason: `${action}: allowed by rule ${found.allow.name}` };
    if (action === UNKNOWN) {
      return {
        effect: 'deny',
        rule: null,
        reason: `${describeEffect(effect, [])}${this.#notKnown(action, facts)}: no rule allows by name what is not understood`,
        hint: null,
      };
    }
    if (this.#input.defaultOperations === 'allow') return { effect: 'allow', rule: null, reason: `${action}: allowed by default` };
    const target = printable(this.#input.target.name);
    return {
      effect: 'deny',
      rule: null,
      reason: `${describeEffect(effect, [])}: no rule allows it, and on ${target} operations are denied by default`,
      hint: null,
    };
  }

  #notKnown(action: string, facts: Facts): string {
    const why = facts.unknown[0];
    return action === UNKNOWN && why !== undefined ? ` (${printable(why)})` : '';
  }

  /**
   * The first deny and the first allow rule that apply. Every condition of a rule that otherwise applies is evaluated, also when the
   * answer is already clear, so that one that fails denies whatever the order of rules and files.
   */
  #firstMatches(
    first: readonly CompiledRule[],
    second: readonly CompiledRule[],
    effect: Effect | null,
    what: string | null,
    round: Round,
  ): {
    readonly deny: CompiledRule | null;
    readonly allow: CompiledRule | null;
    readonly failed: { readonly rule: CompiledRule; readonly reason: string; readonly hint: string | null } | null;
  } {
    let deny: CompiledRule | null = null;
    let allow: CompiledRule | null = null;
    let failed: { rule: CompiledRule; reason: string; hint: string | null } | null = null;
    for (const list of [first, second]) {
      for (const rule of list) {
        const best: CompiledRule | null = rule.effect === 'deny' ? deny : allow;
        if (best !== null && best.order < rule.order && rule.when === null) continue;
        if (effect !== null && !ruleApplies(rule, effect, this.#input.vocabulary)) continue;
        if (rule.when !== null) {
          try {
            if (!this.#holds(rule.when, effect, round)) continue;
          } catch (error) {
            if (failed !== null && failed.rule.order < rule.order) continue;
            const why = printable((error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '');
            failed = {
              rule,
              reason: `${what ?? (effect === null ? '' : describeEffect(effect, []))}: the condition of rule ${rule.name} could not be evaluated (${why}), which denies`,
              hint: rule.hint,
            };
            continue;
          }
          if (best !== null && best.order < rule.order) continue;
        }
        if (rule.effect === 'deny') deny = rule;
        else allow = rule;
      }
    }
    return { deny, allow, failed: deny === null ? failed : null };
  }

  #holds(condition: NonNullable<CompiledRule['when']>, effect: Effect | null, round: Round): boolean {
    if (round.context === null || round.effect !== effect) {
      round.effect = effect;
      round.context = { subject: this.#subject, target: this.#target };
      if (effect !== null && round.facts !== null) {
        round.operation ??= operationContext(round.facts);
        round.context['effect'] = effectContext(effect);
        round.context['operation'] = round.operation;
      }
    }
    if (condition.timeDependent) {
      round.usedTime = true;
      round.now ??= new Date(this.#input.clock.now());
      round.context['now'] = round.now;
    }
    return condition.evaluate(round.context);
  }

  #denied(rule: CompiledRule | null, reasons: readonly string[], hint: string | null): Decision {
    return { effect: 'deny', rule: rule?.name ?? null, policy: this.policy, reasons, hint, ...NOTHING_FURTHER };
  }

  #allow(rule: string | null, reasons: readonly string[]): Decision {
    const key = `${rule ?? ''}\n${reasons.join('\n')}`;
    const known = this.#allowed.get(key);
    if (known !== undefined) return known;
    const decision: Decision = { effect: 'allow', rule, policy: this.policy, reasons, hint: null, ...NOTHING_FURTHER };
    this.#allowed.set(key, decision);
    return decision;
  }
}

/** The rule author's message, as a reason of its own. */
function told(rule: CompiledRule | null): string[] {
  return rule?.message === null || rule?.message === undefined ? [] : [rule.message];
}

/** Builds the view; nothing of it changes afterwards. */
export function createView(input: ViewInput): CompiledView {
  return new View(input);
}
