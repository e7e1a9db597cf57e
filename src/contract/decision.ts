/**
 * Decisions: pure data out of the policy domain. Only `session/guard` turns one into a `Verdict`. What each part means, and how several
 * rules are put together: docs/adr/0004-decision-semantics.md.
 */
import { ERRORS } from './error-catalogue.js';
import type { GwError } from './gw-error.js';
import type { Identity } from './identity.js';
import type { ClearColumn, MaskingView } from './masking-policy.js';
import type { Facts } from './operation.js';
import type { Target } from './target.js';

/** deny > require_approval > allow. `warn` rules and limits never make another effect out of one. */
export type DecisionEffect = 'allow' | 'deny' | 'require_approval';

/** Risk tiers, from the lowest. What they ask for is written in the policy; gw itself treats only the last one in a special way. */
export const TIERS = ['low', 'medium', 'high', 'critical'] as const;
export type Tier = (typeof TIERS)[number];

/** One rule's approvers: `quorum` distinct people, each a member of one of `groups`. */
export interface ApproverDemand {
  /** `file-stem/rule-id` of the rule that asks. */
  readonly rule: string;
  readonly groups: readonly string[];
  readonly quorum: number;
}

/** Whether the same people are asked. `null`: nobody was. */
export function isSameDemand(one: readonly ApproverDemand[], other: readonly ApproverDemand[] | null): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** What a human must do before the operation (or the session) may go on. At least as strict as each rule that asked for it. */
export interface ApprovalDemand {
  /**
   * Every entry must be met on its own; one person may count in several. This alone decides whether the approvals suffice; `groups` and
   * `quorum` below are for texts and lists.
   */
  readonly approvers: readonly ApproverDemand[];
  /** All groups named in `approvers`: who is asked. */
  readonly groups: readonly string[];
  /** Least number of distinct people without whom it cannot be met: the largest quorum of all entries. */
  readonly quorum: number;
  /** How long a request waits before it expires, absolutely; the shortest of what the rules say. */
  readonly expiresInMs: number;
  readonly tier: Tier | null;
  /** An approver must type the name of the target (tier `critical`). */
  readonly confirmTarget: boolean;
  /**
   * Longest time-boxed access grant, approved ahead of time, that satisfies this demand while it lives; null: none does, each statement
   * (or session) is approved by itself. A number only when every rule that asks takes grants; the shortest of theirs.
   */
  readonly grantMs: number | null;
  /**
   * How long a break-glass session of this identity may run past this demand; null: not permitted. A number only when every rule that asks
   * permits it to this identity; never for an agent. A denial is never broken.
   */
  readonly breakGlassMs: number | null;
}

/** The tightest of what applies. Null: not limited by policy. */
export interface Limits {
  /** Rows that one operation may return, or change. */
  readonly rows: number | null;
  /** Bytes of results that one operation may deliver. */
  readonly bytes: number | null;
  /** How long one operation may run. */
  readonly seconds: number | null;
  /** Operations of one session; the one after is refused. */
  readonly statements: number | null;
  /** Who may let through an operation that changed more than `rows`, before it is committed. Null: it is undone and refused. */
  readonly overRows: ApprovalDemand | null;
  /** More rows than this nobody may let through. Left out: `overRows` has no such bound, or there is none to ask. */
  readonly mostRows?: number;
}

export interface Decision {
  readonly effect: DecisionEffect;
  /** `file-stem/rule-id` of the rule that decided, or null when nothing matched and the default decided. */
  readonly rule: string | null;
  /** `sha256:…` over the canonical form of the whole policy set. */
  readonly policy: string;
  /** Why, for people, most important first. */
  readonly reasons: readonly string[];
  /** The rule author's advice, shown as the hint of a refusal. */
  readonly hint: string | null;
  /** Texts of the `warn` rules that apply, for a native notice; whatever the effect. */
  readonly warnings: readonly string[];
  /** What the operation is held to once it runs; never of a denial. */
  readonly limits: Limits | null;
  /** Not null exactly when the effect is `require_approval`. */
  readonly approval: ApprovalDemand | null;
  /** The highest tier of all rules that apply. */
  readonly tier: Tier | null;
  /** Sessions are opened only for a client that records its side. Of a decision to connect; left out where it need not. */
  readonly record?: 'client';
  /** As which account of the target the session is opened. Of a decision to connect, where policy says it; left out: as that of the configuration. */
  readonly account?: string;
  /** People said no, or nobody said anything: what the client is told instead of the policy's words. Never of a decision of policy alone. */
  readonly refusal?: GwError;
}

/** The parts of a decision that say nothing: of one that the gateway makes itself, without a rule. */
export const NOTHING_FURTHER = { warnings: [], limits: null, approval: null, tier: null } as const satisfies Partial<Decision>;

/** A decision as a record holds it: what says nothing is left out, and records of earlier versions know nothing of it. */
export type RecordedDecision = Omit<Decision, keyof typeof NOTHING_FURTHER> & Partial<Pick<Decision, keyof typeof NOTHING_FURTHER>>;

const NO_RULE =
  'No rule allows it, so an approval does not help: `gw policy explain` shows what the rules say of it; ask whoever writes the policy for a rule.';

/** What to do about a denied operation: the rule author's advice, else where to read on. A default denial names no rule that could be read. */
export function nextStep({ hint, rule }: Pick<Decision, 'hint' | 'rule'>): string {
  return hint ?? (rule === null ? NO_RULE : ERRORS['policy.operation_denied'].hint);
}

/** Why it was decided so, for one sentence: no full stop at its end. With the words of the rule's author, who knows best what to say. */
export function whyOf({ reasons }: Pick<Decision, 'reasons'>): string {
  return reasons.join('; ').replace(/\.$/, '') || 'no rule allows it';
}

/** The policy as it applies to one identity on one target: what can be decided once per session is decided here. */
export interface PolicyView {
  readonly policy: string;
  /**
   * No operation that writes can be let through, whatever it is on, at whatever hour and whoever approves. True only where that is certain:
   * the session then runs where the target itself refuses writes.
   */
  readonly readOnly: boolean;
  /**
   * May the session be opened, as this account? Deny by default. Null or left out: nobody named one. Then it is the target's own where policy lets it
   * be, else the only one that it lets be; where there are several, it is denied with their names.
   */
  connect(account?: string | null): Decision;
  /** Accounts, besides the target's own, as which a session can be opened, or asked for. */
  accounts(): readonly string[];
  /** Pure, synchronous, and cached by the identity of `facts`. Never throws: a failing condition is a deny with the reason. */
  decide(facts: Facts): Decision;
  /**
   * How sensitive data is shown, in a session with a reason or without one, to something that people approved or did not, and which columns they
   * let be shown in clear; null: nothing of it is tagged or looked for on this target.
   */
  masking(withReason: boolean, approved: boolean, clears?: readonly ClearColumn[]): MaskingView | null;
  /**
   * The decision with what the masks of `clears` ask for: `require_approval` by all who ask. A denial stays one; so does any decision where no
   * mask of this policy asks.
   */
  asking(decision: Decision, clears: readonly ClearColumn[]): Decision;
  /** What a time-boxed grant takes that is asked for ahead of time and names no statement; null: none is offered to this identity here. */
  access(): ApprovalDemand | null;
}

export interface PolicySet {
  readonly digest: string;
  /** Classes of data that it knows, whether anything is tagged with them or not. */
  readonly classes: ReadonlySet<string>;
  view(identity: Identity, target: Pick<Target, 'name' | 'protocol' | 'labels'> & Partial<Pick<Target, 'account' | 'accounts'>>): PolicyView;
}

/** Port of the policy domain: the set in force, swapped atomically on reload. */
export interface PolicySource {
  current(): PolicySet;
}
