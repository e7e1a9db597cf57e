/**
 * Why a decision came out as it did: every rule of the policy, held against every effect, with the first thing that kept it from applying.
 * For people; the decision itself is made by the view, and a test holds the two together. Slow on purpose: it looks at everything.
 */
import type { Clock } from '../base/clock.js';
import type { Decision } from '../contract/decision.js';
import type { Identity } from '../contract/identity.js';
import type { Effect, Facts } from '../contract/operation.js';
import type { EffectTrace, RuleTrace } from '../contract/policy-types.js';
import { accountFit } from './accounts.js';
import { type CompiledRule, columnsMatch, factMatches, factOf, resourceMatches } from './compiled-rule.js';
import { subjectContext, targetContext } from './condition.js';
import { describeEffect, printable } from './describe.js';
import { conditionHolds, type MatchScope, newRound, type Round, whyFailed } from './match-rules.js';
import type { TargetFields } from './selector.js';
import { CONNECT, type ProtocolVocabulary, UNKNOWN } from './vocabulary.js';

export interface Explanation {
  readonly decision: Decision;
  readonly effects: readonly EffectTrace[];
}

interface ExplainInput {
  readonly rules: readonly CompiledRule[];
  readonly vocabulary: ProtocolVocabulary | undefined;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly target: TargetFields;
  /** Of opening a session; null: the target's own. */
  readonly account: string | null;
  /** Accounts that rules of the set name as such. */
  readonly named: ReadonlySet<string>;
}

/** Restricting rules apply where something merely may be meant; permitting ones do not. */
type Fit = { readonly applies: 'yes' | 'perhaps' } | { readonly applies: 'no'; readonly why: string };

const no = (why: string): Fit => ({ applies: 'no', why });

function actionFits(rule: CompiledRule, action: string): Fit {
  if (rule.actions.has(action)) return { applies: 'yes' };
  if (!rule.every || action === CONNECT) return no(`it is not about ${action}`);
  return { applies: action === UNKNOWN ? 'perhaps' : 'yes' };
}

function effectFits(rule: CompiledRule, effect: Effect, vocabulary: ProtocolVocabulary | undefined): Fit {
  let applies: 'yes' | 'perhaps' = 'yes';
  const hold = (test: (certain: boolean) => boolean): boolean => {
    if (test(true)) return true;
    applies = 'perhaps';
    return test(false);
  };
  const { resources, columns } = rule;
  const { resource } = effect;
  if (resources !== null && (resource === null || !hold((certain) => resourceMatches(resources, resource, certain)))) return no('it is about other resources');
  if (columns !== null && (resource === null || !hold((certain) => columnsMatch(columns, resource.columns, certain)))) return no('it is about other columns');
  for (const matcher of rule.facts) {
    const value = factOf(effect, matcher.name, vocabulary);
    if (value === undefined) return no(`the effect has no fact \`${matcher.name}\``);
    if (!hold((certain) => factMatches(matcher, value, certain))) return no(`the fact \`${matcher.name}\` is ${printable(String(value))}`);
  }
  return { applies };
}

function accountFits({ accounts }: CompiledRule, input: ExplainInput): Fit {
  const fit = accountFit(accounts, input.account, input);
  return fit === 'no' ? no('it is about other accounts') : { applies: fit === 'is' ? 'yes' : 'perhaps' };
}

function ruleFits(rule: CompiledRule, effect: Effect | null, action: string, input: ExplainInput, scope: MatchScope, round: Round): Fit {
  const { identity, target, clock, vocabulary } = input;
  if (rule.targets !== null && !rule.targets(target)) return no('it is about other targets');
  const certainly = rule.subjects === null || rule.subjects(identity, true);
  if (!certainly && rule.subjects?.(identity, false) !== true) return no('it is about other subjects');
  if (rule.during !== null && !rule.during.open(clock.now())) return no('it is outside of its hours');
  const about = actionFits(rule, action);
  if (about.applies === 'no') return about;
  const fits = effect === null ? accountFits(rule, input) : effectFits(rule, effect, vocabulary);
  if (fits.applies === 'no') return fits;
  try {
    if (!conditionHolds(rule, effect, scope, round)) return no('its condition does not hold');
  } catch (error) {
    if (rule.effect !== 'warn') return { applies: 'yes' };
    return no(`its condition could not be evaluated (${whyFailed(error)})`);
  }
  return certainly && about.applies === 'yes' && fits.applies === 'yes' ? { applies: 'yes' } : { applies: 'perhaps' };
}

function trace(rule: CompiledRule, fit: Fit): RuleTrace {
  const { name, effect } = rule;
  if (fit.applies === 'no') return { rule: name, effect, applies: 'no', why: fit.why };
  if (fit.applies === 'yes') return { rule: name, effect, applies: 'yes', why: 'it applies' };
  const permits = effect === 'allow' || effect === 'require_approval';
  return { rule: name, effect, applies: 'perhaps', why: permits ? 'it may apply, which permits nothing' : 'it may apply, which is enough to restrict' };
}

/** The decision with every rule tried. Null facts: opening a session. */
export function explain(input: ExplainInput, decision: Decision, facts: Facts | null): Explanation {
  const { vocabulary, clock, identity, target, rules } = input;
  const scope: MatchScope = { vocabulary, clock, uncertain: new Set(), subject: subjectContext(identity), target: targetContext(target) };
  const round = newRound(facts);
  const traced = (effect: Effect | null, action: string, what: string): EffectTrace => ({
    what,
    action,
    resource: effect?.resource == null ? null : `${effect.resource.type} ${effect.resource.name.map((part) => part ?? '?').join('.')}`,
    columns: effect?.resource?.columns ?? null,
    facts: effect?.facts ?? {},
    rules: rules.map((rule) => trace(rule, ruleFits(rule, effect, action, input, scope, round))),
  });
  if (facts === null)
    return {
      decision,
      effects: [traced(null, CONNECT, `connect to ${printable(target.name)}${input.account === null ? '' : ` as ${printable(input.account)}`}`)],
    };
  const known = (action: string): string => (vocabulary?.actions.has(action) === true ? action : UNKNOWN);
  return { decision, effects: facts.effects.map((effect) => traced(effect, known(effect.action), describeEffect(effect, Object.keys(effect.facts)))) };
}
