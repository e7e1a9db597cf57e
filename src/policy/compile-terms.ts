/** The terms of a rule (approvers, limits, break-glass) out of its text, and where they cannot stand. Part of a load. */
import { parseByteSize } from '../base/byte-size.js';
import { parseDuration } from '../base/duration.js';
import type { Report } from './problem.js';
import type { ApprovalTerms, RuleTerms } from './rule-terms.js';
import type { ApprovalText, RuleText, TiersText } from './schema.js';

const EXPIRES_MS = 30 * 60_000;

/** Null where there is none. */
export function compileApproval(text: ApprovalText | undefined): ApprovalTerms | null {
  if (text === undefined) return null;
  return {
    groups: [...new Set(text.groups)],
    quorum: text.quorum ?? 1,
    expiresInMs: text.expires === undefined ? EXPIRES_MS : (parseDuration(text.expires) ?? 0),
    grantMs: text.grants === undefined ? null : parseDuration(text.grants),
  };
}

function checkTerms(rule: RuleText, report: Report): void {
  const refuse = (key: 'approval' | 'limits' | 'break_glass' | 'record', why: string): void => {
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
  if ((rule.effect !== 'allow' && rule.effect !== 'require_approval') || !rule.actions.includes('connect'))
    refuse('record', 'is asked of a client that connects, so it stands in a rule with `effect: allow` or `require_approval` that names `connect`');
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
    record: rule.record !== undefined,
  };
}
