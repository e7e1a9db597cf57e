/**
 * The policy as it applies to one identity on one target. Pure and synchronous; called on every operation, so what depends only on who
 * and where is settled when the view is built, and decisions are kept by the identity of the facts until a time window can open or close.
 * Semantics (ADR 0003, 0004): for each effect deny beats require_approval beats allow beats the default; the strictest effect decides.
 * Facts are untrusted. Anything unexpected in here is a denial, never an exception.
 */

import type { Clock } from '../base/clock.js';
import { isAccountName } from '../contract/account-name.js';
import { shownOf } from '../contract/approval.js';
import { type ApprovalDemand, type Decision, NOTHING_FURTHER, type PolicyView } from '../contract/decision.js';
import type { Identity } from '../contract/identity.js';
import type { ClearColumn, MaskingView } from '../contract/masking-policy.js';
import type { Effect, Facts } from '../contract/operation.js';
import { type AccountScope, accountFit, accountsOf } from './accounts.js';
import { assemble, type Outcome, UNDERSTOOD_NOTHING } from './assemble-decision.js';
import type { CompiledMask, CompiledMasking } from './compile-masking.js';
import type { CompiledRule } from './compiled-rule.js';
import { subjectContext, targetContext } from './condition.js';
import { describeEffect, describeSubject, printable } from './describe.js';
import { GenerationCache } from './generation-cache.js';
import { createMaskingView } from './masking-view.js';
import { type Matches, type MatchScope, matchRules, newRound, type Round } from './match-rules.js';
import { askingMask, bothDemands, demandOf, highestTier } from './merge-terms.js';
import { grantsOnlyReads } from './read-only.js';
import { RuleIndex } from './rule-index.js';
import type { TargetFields } from './selector.js';
import { allowedByDefault, CONNECT, type ProtocolVocabulary, UNKNOWN } from './vocabulary.js';

export interface CompiledView extends PolicyView {
  /**
   * True when a decision of this view can change with time alone (a condition reads `now`, or a rule has a window). Whoever keeps decisions
   * outside of the view must not keep those of a view with this mark.
   */
  readonly timeDependent: boolean;
}

export interface ViewInput {
  readonly digest: string;
  /** Rules whose subjects and targets match, in the order of the policy. */
  readonly rules: readonly CompiledRule[];
  /** Those of them whose subject the identity only may be. */
  readonly uncertain: ReadonlySet<CompiledRule>;
  /** Accounts that rules of the set name as such. */
  readonly namedAccounts: ReadonlySet<string>;
  readonly defaultOperations: 'allow' | 'deny';
  readonly vocabulary: ProtocolVocabulary | undefined;
  readonly masking: CompiledMasking;
  readonly identity: Identity;
  readonly target: TargetFields;
  readonly clock: Clock;
}

const DECISIONS_KEPT = 4096;
const NO_COLUMNS: readonly ClearColumn[] = Object.freeze([]);
/** Decisions to connect that are kept: one for each account that somebody asks for. */
const CONNECTS_KEPT = 64;
/** Accounts that are offered and named in reasons. */
const ACCOUNTS_SHOWN = 100;
/** Columns that are named in the reasons of a decision; a request for approval lists all. */
const COLUMNS_SHOWN = 6;

/** The rules that exist now, and what was decided with them. */
interface Season {
  readonly rules: readonly CompiledRule[];
  readonly index: RuleIndex;
  readonly decisions: GenerationCache<Facts, Decision>;
  /** By account; '' is the target's own. */
  readonly connects: GenerationCache<string, Decision>;
}

function clearReasons(clears: readonly ClearColumn[]): readonly string[] {
  const shown = clears
    .slice(0, COLUMNS_SHOWN)
    .map((each) => `shows ${printable(each.column.join('.'))} (${shownOf(each)}) in clear, by mask ${each.terms.rules.join(', ')}`);
  return clears.length > COLUMNS_SHOWN ? [...shown, `and ${clears.length - COLUMNS_SHOWN} more columns`] : shown;
}

class View implements CompiledView {
  readonly policy: string;
  readonly readOnly: boolean;
  readonly timeDependent: boolean;
  readonly #input: ViewInput;
  readonly #scope: MatchScope;
  readonly #accounts: AccountScope;
  readonly #lengths: ReadonlyMap<string, number>;
  /** Rules with a window. */
  readonly #windowed: readonly CompiledRule[];
  /** Equal allowing decisions are one object, so that a journal writes each once. */
  readonly #allowed = new GenerationCache<string, Decision>(256);
  readonly #masking: (MaskingView | null | undefined)[] = [];
  #season: Season;
  /** The season is right from `#since` until (not including) `#until`. */
  #since = Number.NEGATIVE_INFINITY;
  #until = Number.POSITIVE_INFINITY;

  constructor(input: ViewInput) {
    this.#input = input;
    this.policy = input.digest;
    this.readOnly = grantsOnlyReads(input);
    this.#windowed = input.rules.filter((rule) => rule.during !== null);
    this.timeDependent = this.#windowed.length > 0 || input.rules.some((rule) => rule.when?.timeDependent === true);
    this.#lengths = new Map([...(input.vocabulary?.resources ?? [])].map(([type, parts]) => [type, parts.length]));
    const { vocabulary, clock, uncertain } = input;
    this.#scope = { vocabulary, clock, uncertain, subject: subjectContext(input.identity), target: targetContext(input.target) };
    this.#accounts = { identity: input.identity, target: input.target, named: input.namedAccounts };
    this.#season = this.#newSeason(input.rules);
    if (this.#windowed.length > 0) this.#turn(clock.now());
  }

  connect(asked: string | null = null): Decision {
    if (asked !== null) return this.#connectAs(asked === this.#input.target.account ? null : asked);
    const own = this.#connectAs(null);
    if (own.effect !== 'deny') return own;
    const [only, ...others] = this.accounts();
    if (only === undefined) return own;
    if (others.length === 0) return this.#connectAs(only);
    const names = [only, ...others].join(', ');
    const reasons = [`several accounts of ${printable(this.#input.target.name)} are possible (${names}), and none was named`];
    return { ...NOTHING_FURTHER, effect: 'deny', rule: null, policy: this.policy, reasons, hint: 'Say as which: `--as ACCOUNT`, or the name TARGET+ACCOUNT.' };
  }

  accounts(): readonly string[] {
    if (!this.#choosable) return [];
    const names = new Set<string>();
    for (const { accounts, effect } of this.#now().rules) {
      if (accounts === null || (effect !== 'allow' && effect !== 'require_approval')) continue;
      for (const name of accountsOf(accounts, this.#accounts, true)) names.add(name);
    }
    if (this.#input.target.account !== undefined) names.delete(this.#input.target.account);
    return [...names].filter((name) => this.#connectAs(name).effect !== 'deny').slice(0, ACCOUNTS_SHOWN);
  }

  /** Sessions of this target can be opened as an account that policy names. */
  get #choosable(): boolean {
    return this.#input.vocabulary?.accounts === true && this.#input.target.accounts !== 'own';
  }

  /** Null: the target's own account. */
  #connectAs(account: string | null): Decision {
    const season = this.#now();
    const known = season.connects.get(account ?? '');
    if (known !== undefined) return known;
    const round = newRound(null);
    let decision: Decision;
    try {
      decision = this.#decideConnect(season, account, round);
    } catch (error) {
      decision = this.#failed(error);
    }
    if (!round.usedTime) season.connects.set(account ?? '', decision);
    return decision;
  }

  masking(withReason: boolean, approved: boolean, clears: readonly ClearColumn[] = NO_COLUMNS): MaskingView | null {
    const { masking, identity, target, vocabulary } = this.#input;
    if (vocabulary === undefined || (vocabulary.tagged === null && !vocabulary.searched)) return null;
    if (clears.length > 0) return createMaskingView(masking, identity, target, { withReason, approved, clears });
    const key = (withReason ? 1 : 0) + (approved ? 2 : 0);
    let kept = this.#masking[key];
    if (kept === undefined) {
      kept = createMaskingView(masking, identity, target, { withReason, approved, clears });
      this.#masking[key] = kept;
    }
    return kept;
  }

  asking(decision: Decision, clears: readonly ClearColumn[]): Decision {
    if (decision.effect === 'deny' || !clears.some(({ terms }) => terms.groups.length > 0)) return decision;
    const named = new Set(clears.flatMap(({ terms }) => terms.rules));
    const asking = this.#input.masking.masks.filter(({ name, approval }) => approval !== null && named.has(name));
    const [first] = asking;
    const demand = demandOf(asking.map(askingMask), decision.tier, this.#input.identity);
    if (first === undefined || demand === null) return decision;
    return {
      ...decision,
      effect: 'require_approval',
      rule: decision.effect === 'require_approval' ? decision.rule : first.name,
      reasons: [...clearReasons(clears), ...decision.reasons],
      approval: bothDemands(decision.approval, demand),
    };
  }

  access(): ApprovalDemand | null {
    if (this.#connectAs(null).effect === 'deny' && this.accounts().length === 0) return null;
    // One grant stands in for all that can be granted, so it takes what all of them ask for.
    const granting = this.#now().rules.filter((rule) => rule.effect === 'require_approval' && rule.terms.approval?.grantMs != null);
    const masks = this.#input.masking.masks.filter((mask) => mask.approval?.grantMs != null && this.#concerns(mask));
    return demandOf([...granting, ...masks.map(askingMask)], highestTier(granting), this.#input.identity);
  }

  #concerns({ targets, subjects }: CompiledMask): boolean {
    const { target, identity } = this.#input;
    return (targets === null || targets(target)) && (subjects === null || subjects(identity, false));
  }

  decide(facts: Facts): Decision {
    const season = this.#now();
    const kept = season.decisions.get(facts);
    if (kept !== undefined) return kept;
    const round = newRound(facts);
    let decision: Decision;
    try {
      decision = this.#decideFacts(facts, season, round);
    } catch (error) {
      decision = this.#failed(error);
    }
    if (!round.usedTime) season.decisions.set(facts, decision);
    return decision;
  }

  #newSeason(rules: readonly CompiledRule[]): Season {
    return { rules, index: new RuleIndex(rules, this.#lengths), decisions: new GenerationCache(DECISIONS_KEPT), connects: new GenerationCache(CONNECTS_KEPT) };
  }

  #now(): Season {
    if (this.#windowed.length === 0) return this.#season;
    const now = this.#input.clock.now();
    // The wall clock may be set back, too.
    if (now >= this.#until || now < this.#since) this.#turn(now);
    return this.#season;
  }

  #turn(now: number): void {
    const open = this.#input.rules.filter((rule) => rule.during === null || rule.during.open(now));
    const same = open.length === this.#season.rules.length && open.every((rule, index) => rule === this.#season.rules[index]);
    if (!same) this.#season = this.#newSeason(open);
    this.#since = now;
    this.#until = Math.min(...this.#windowed.map((rule) => rule.during?.holdsUntil(now) ?? now));
  }

  #failed(error: unknown): Decision {
    const why = error instanceof Error ? error.message : String(error);
    const reasons = [`the decision could not be made: ${printable(why)}`];
    return { effect: 'deny', rule: null, policy: this.policy, reasons, hint: null, ...NOTHING_FURTHER };
  }

  #decideConnect(season: Season, account: string | null, round: Round): Decision {
    const target = printable(this.#input.target.name);
    const what = `connect to ${target}${account === null ? '' : ` as ${printable(account)}`}`;
    const denied = (reason: string): Decision => ({ ...NOTHING_FURTHER, effect: 'deny', rule: null, policy: this.policy, reasons: [reason], hint: null });
    if (account !== null && !this.#choosable) return denied(`${what}: sessions on ${target} are always opened as the account of its configuration`);
    if (account !== null && !isAccountName(account)) return denied(`no account has a name like ${printable(account)}`);
    const uncertain = new Set(this.#scope.uncertain);
    const rules = season.rules.filter((rule) => {
      const fit = rule.actions.has(CONNECT) ? accountFit(rule.accounts, account, this.#accounts) : 'no';
      if (fit === 'may') uncertain.add(rule);
      return fit !== 'no';
    });
    const found = matchRules([rules], null, CONNECT, { ...this.#scope, uncertain }, round);
    const outcome = this.#strict(found, CONNECT, what, what) ?? {
      effect: 'deny' as const,
      rule: null,
      reason: `no rule lets ${describeSubject(this.#input.identity)} ${what}`,
      found,
    };
    const decision = this.#assemble([outcome]);
    // A session says whom it was for wherever policy said so, also where that is the target's own account.
    const name =
      account ?? (found.asking.some(({ accounts }) => accounts !== null) || (found.allow?.accounts ?? null) !== null ? this.#input.target.account : undefined);
    return decision.effect === 'deny' || name === undefined ? decision : { ...decision, account: name };
  }

  #decideFacts(facts: Facts, season: Season, round: Round): Decision {
    const outcomes: Outcome[] = [];
    let understood = facts.unknown.length === 0;
    for (const effect of facts.effects) {
      if (effect.action === UNKNOWN) understood = true;
      outcomes.push(this.#decideEffect(effect, facts, season, round));
    }
    // The contract promises an `unknown` effect beside `unknown` words. An island that forgets it must not open the door.
    if (!understood) outcomes.push(this.#decideEffect(UNDERSTOOD_NOTHING, facts, season, round));
    return this.#assemble(outcomes);
  }

  #decideEffect(effect: Effect, facts: Facts, season: Season, round: Round): Outcome {
    const vocabulary = this.#input.vocabulary;
    // An action that the descriptor does not declare is one that no policy could have meant.
    const action = vocabulary?.actions.has(effect.action) === true ? effect.action : UNKNOWN;
    const { first, second } = season.index.candidates(action, effect);
    const found = matchRules([first, second], effect, action, this.#scope, round);
    const why = facts.unknown[0];
    const notKnown = action === UNKNOWN && why !== undefined ? ` (${printable(why)})` : '';
    const named = found.deny ?? found.asking[0];
    const said = named === undefined ? [] : named.facts.map((fact) => fact.name);
    const allows = this.#input.defaultOperations === 'allow';
    const fallback = allows && allowedByDefault(vocabulary, action, this.#input.identity.kind);
    const strict = this.#strict(found, action, `${describeEffect(effect, said)}${notKnown}`, describeEffect(effect, []), fallback);
    if (strict !== null) return strict;
    if (action === UNKNOWN)
      return { effect: 'deny', rule: null, reason: `${describeEffect(effect, [])}${notKnown}: no rule allows by name what is not understood`, found };
    if (fallback) return { effect: 'allow', rule: null, reason: `${action}: allowed by default`, found };
    const otherwise = allows ? 'what is allowed by default does not reach it' : `on ${printable(this.#input.target.name)} operations are denied by default`;
    return { effect: 'deny', rule: null, reason: `${describeEffect(effect, [])}: no rule allows it, and ${otherwise}`, found };
  }

  /** What rules say; null: no rule says anything. `what` and `bare` are the effect in words, with and without its facts. */
  #strict(found: Matches, action: string, what: string, bare: string, fallback = false): Outcome | null {
    if (found.deny !== null) return { effect: 'deny', rule: found.deny, reason: `${what}: denied by rule ${found.deny.name}`, found };
    if (found.failed !== null) {
      const { rule, why } = found.failed;
      return { effect: 'deny', rule, reason: `${bare}: the condition of rule ${rule.name} could not be evaluated (${why}), which denies`, found };
    }
    const asking = found.asking.reduce<CompiledRule | null>((first, rule) => (first === null || rule.order < first.order ? rule : first), null);
    if (asking !== null) {
      if (found.askCertain || found.allow !== null || fallback)
        return { effect: 'require_approval', rule: asking, reason: `${what}: rule ${asking.name} asks for approval`, found };
      return {
        effect: 'deny',
        rule: null,
        reason: `${bare}: rule ${asking.name} may ask for approval, but it is not certain that it means this, and no rule allows it`,
        found,
      };
    }
    return found.allow === null ? null : { effect: 'allow', rule: found.allow, reason: `${action}: allowed by rule ${found.allow.name}`, found };
  }

  #assemble(outcomes: readonly Outcome[]): Decision {
    return assemble(outcomes, this.policy, this.#input.identity, this.#allowed);
  }
}

/** Builds the view; nothing of it changes afterwards but what time it is. */
export function createView(input: ViewInput): CompiledView {
  return new View(input);
}
