/** What a rule asks for beyond its effect, compiled: approvers, limits, break-glass, tier. Types only. */
import type { Limits, Tier } from '../contract/decision.js';

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

export type LimitTerms = Omit<Limits, 'overRows' | 'mostRows'>;

export interface RuleTerms {
  readonly tier: Tier | null;
  readonly approval: ApprovalTerms | null;
  readonly limits: LimitTerms | null;
  readonly breakGlass: BreakGlassTerms | null;
  /** Sessions that the rule lets be opened are recorded by the client, too. */
  readonly record: boolean;
}
