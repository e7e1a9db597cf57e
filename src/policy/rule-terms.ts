/**
 * What a rule asks for beyond its effect: approvers, limits, break-glass. Compiled at load, and put together at a decision so that the
 * result is at least as strict as each rule that took part (docs/adr/0004-decision-semantics.md). Pure.
 */
import { parseByteSize } from '../base/byte-size.js';
import { parseDuration } from '../base/duration.js';
import { type ApprovalDemand, type Limits, TIERS, type Tier } from '../contract/decision.js';
import type { Report } from './compile-rule.js';
import type { CompiledRule } from './compiled-rule.js';
import type { ApprovalText, RuleText, TiersText } from './schema.js';

const EXPIRES_MS = 30 * 60_000;

/** One rule's own demand; its rule is named when demands are put together. */
export interface ApprovalTerms {
  readonly groups: readonly string[];
  readonly quorum: number;
  readonly expiresInMs: number;
  readonly grantMs: number | null;
}

export interface BreakGlassTerms {
  readonly groups: ReadonlySet<string>;
  readonly forMs: number;
}

export type LimitTerms = Omit<Limits, 'overRows'>;

export interface RuleTerms {
  readonly tier: Tier | null;
  readonly approval: ApprovalTerms | null;
  readonly limits: LimitTerms | null;
  readonly breakGlass: BreakGlassTerms | null;
}

function compileApproval(text: ApprovalText | undefined): ApprovalTerms | null {
  if (text === undefined) return null;
  return {
    groups: [...new Set(text.groups)],
    quorum: text.quorum ?? 1,
    expiresInMs: text.expires === undefined ? EXPIRES_MS : (parseDuration(text.expires) ?? 0),
    grantMs: text.grants === undefined ? null : parseDuration(text.grants),
  };
}

function checkTerms(rule: RuleText, report: Report): void {
  const refuse = (key: 'approval' | 'limits' | 'break_glass', why: string): void => {
    if (rule[key] !== undefined) report([key], `\`${key}\` ${why}`, 'key');
  };
  if (rule.effect !== 'require_approval') refuse('break_glass', 'goes past an approval, so it stands in a rule with `effect: require_approval`');
  if (rule.effect === 'deny' || rule.effect === 'warn') {
    refuse('limits', 'holds what is allowed, so it stands in a rule with `effect: allow` or `require_approval`');
    refuse('approval', `has no meaning in a rule with \`effect: ${rule.effect}\``);
  }
  if (rule.effect === 'allow' && rule.limits?.rows === undefined)
    refuse(
      'approval',
      'in an allow rule says who may let more rows through than `limits.rows`, which is not given; to ask always, use `effect: require_approval`',
    );
  if (rule.effect === 'warn' && rule.message === undefined) report(['effect'], 'a rule with `effect: warn` needs a `message`, which is what it shows');
  if (rule.actions.includes('connect')) refuse('limits', 'cannot stand in a rule that names `connect`; put it into the rules for the operations');
}

/** Compiles what a rule asks for; `tiers` are those of its file. */
export function compileTerms(rule: RuleText, tiers: TiersText, report: Report): RuleTerms {
  checkTerms(rule, report);
  const tier = rule.tier ?? null;
  const approval = rule.approval ?? (rule.effect === 'require_approval' && tier !== null ? tiers?.[tier]?.approval : undefined);
  if (rule.effect === 'require_approval' && approval === undefined) {
    const where = tier === null ? '' : `, or under \`tiers.${tier}\` of this file`;
    report(['effect'], `nobody could approve: say who in \`approval\`${where}, such as \`approval: { groups: [dba] }\``);
  }
  const { limits, break_glass: glass } = rule;
  return {
    tier,
    approval: compileApproval(approval),
    limits:
      limits === undefined
        ? null
        : {
            rows: limits.rows ?? null,
            bytes: limits.bytes === undefined ? null : parseByteSize(limits.bytes),
            seconds: limits.seconds ?? null,
            statements: limits.statements ?? null,
          },
    breakGlass: glass === undefined ? null : { groups: new Set(glass.groups), forMs: parseDuration(glass.for) ?? 0 },
  };
}

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

/** All of the rules must be satisfied. Null when none of them asks. */
export function demandOf(rules: readonly CompiledRule[], tier: Tier | null, who: Requester): ApprovalDemand | null {
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

/** The tightest of each kind. More rows than allowed can be let through only where every rule that limits them says by whom. */
export function limitsOf(rules: readonly CompiledRule[], tier: Tier | null, who: Requester): Limits | null {
  const limiting = rules.filter(({ terms }) => terms.limits !== null);
  if (limiting.length === 0) return null;
  const limits = limiting.flatMap(({ terms }) => terms.limits ?? []);
  const onRows = limiting.filter(({ terms }) => terms.limits?.rows !== null);
  const asking = onRows.every((rule) => rule.effect === 'allow' && rule.terms.approval !== null);
  return {
    rows: tightest(limits.map(({ rows }) => rows)),
    bytes: tightest(limits.map(({ bytes }) => bytes)),
    seconds: tightest(limits.map(({ seconds }) => seconds)),
    statements: tightest(limits.map(({ statements }) => statements)),
    overRows: asking ? demandOf(onRows, tier, who) : null,
  };
}
