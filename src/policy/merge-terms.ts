/**
 * What several rules ask for, put together so that the result is at least as strict as each (docs/adr/0004-decision-semantics.md). Pure.
 */
import { type ApprovalDemand, type Limits, TIERS, type Tier } from '../contract/decision.js';
import type { CompiledRule } from './compiled-rule.js';
import type { ApprovalTerms, BreakGlassTerms, RuleTerms } from './rule-terms.js';

/** Who asks: break-glass is for some groups, and never for an agent. */
export interface Requester {
  readonly kind: string;
  readonly groups: readonly string[];
}

export function highestTier(rules: Iterable<CompiledRule>): Tier | null {
  let highest = -1;
  for (const { terms } of rules) if (terms.tier !== null) highest = Math.max(highest, TIERS.indexOf(terms.tier));
  return TIERS[highest] ?? null;
}

/** Null when one of them is: what not everybody takes, nobody does. */
function least(values: readonly (number | null)[]): number | null {
  return values.reduce<number | null>((least, value) => (least === null || value === null ? null : Math.min(least, value)), values[0] ?? null);
}

/** Null only when all of them are. */
function tightest(values: readonly (number | null)[]): number | null {
  const given = values.filter((value) => value !== null);
  return given.length === 0 ? null : Math.min(...given);
}

/** A rule, or a mask, that may ask people. */
export interface Asking {
  readonly name: string;
  readonly terms: Pick<RuleTerms, 'approval' | 'breakGlass'>;
}

/** A mask asks as a rule does; nobody goes past it by breaking the glass, which is no approval. */
export function askingMask({ name, approval }: { readonly name: string; readonly approval: ApprovalTerms | null }): Asking {
  return { name, terms: { approval, breakGlass: null } };
}

/** Both must be satisfied. */
export function bothDemands(one: ApprovalDemand | null, other: ApprovalDemand | null): ApprovalDemand | null {
  if (one === null || other === null) return one ?? other;
  const approvers = [...one.approvers, ...other.approvers];
  return {
    approvers,
    groups: [...new Set(approvers.flatMap(({ groups }) => groups))],
    quorum: Math.max(one.quorum, other.quorum),
    expiresInMs: Math.min(one.expiresInMs, other.expiresInMs),
    tier: one.tier,
    confirmTarget: one.confirmTarget || other.confirmTarget,
    grantMs: least([one.grantMs, other.grantMs]),
    breakGlassMs: least([one.breakGlassMs, other.breakGlassMs]),
  };
}

/** All of the rules must be satisfied. Null when none of them asks. */
export function demandOf(rules: readonly Asking[], tier: Tier | null, who: Requester): ApprovalDemand | null {
  const asking = rules.flatMap(({ name, terms }) => (terms.approval === null ? [] : [{ rule: name, ...terms.approval, glass: terms.breakGlass }]));
  if (asking.length === 0) return null;
  const approvers = asking.map(({ rule, groups, quorum }) => ({ rule, groups, quorum }));
  const permitted = (glass: BreakGlassTerms | null): number | null =>
    glass !== null && who.kind !== 'agent' && who.groups.some((group) => glass.groups.has(group)) ? glass.forMs : null;
  return {
    approvers,
    groups: [...new Set(approvers.flatMap(({ groups }) => groups))],
    quorum: Math.max(...approvers.map(({ quorum }) => quorum)),
    expiresInMs: Math.min(...asking.map(({ expiresInMs }) => expiresInMs)),
    tier,
    confirmTarget: tier === TIERS.at(-1),
    grantMs: least(asking.map(({ grantMs }) => grantMs)),
    breakGlassMs: least(asking.map(({ glass }) => permitted(glass))),
  };
}

/** The tightest of each kind. More rows can be let through by those whom the rules that are gone over name, up to the limit of a rule that names nobody. */
export function limitsOf(rules: readonly CompiledRule[], tier: Tier | null, who: Requester): Limits | null {
  const limiting = rules.filter(({ terms }) => terms.limits !== null);
  if (limiting.length === 0) return null;
  const limits = limiting.flatMap(({ terms }) => terms.limits ?? []);
  const onRows = limiting.filter(({ terms }) => terms.limits?.rows !== null);
  const rows = tightest(limits.map((each) => each.rows));
  const asking = onRows.filter((rule) => rule.effect === 'allow' && rule.terms.approval !== null);
  const most = tightest(onRows.filter((rule) => !asking.includes(rule)).map(({ terms }) => terms.limits?.rows ?? null));
  const overRows = rows === null || (most !== null && most <= rows) ? null : demandOf(asking, tier, who);
  return {
    rows,
    bytes: tightest(limits.map(({ bytes }) => bytes)),
    seconds: tightest(limits.map(({ seconds }) => seconds)),
    statements: tightest(limits.map(({ statements }) => statements)),
    overRows,
    ...(overRows === null || most === null ? {} : { mostRows: most }),
  };
}
