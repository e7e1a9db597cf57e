/** What is said about policies, by the API, by the commands and in files of tests: traces, differences, replays. Data only. */
import type { Decision, DecisionEffect } from './decision.js';
import type { MaskingExplanation } from './masking-policy.js';
import type { FactValue } from './operation.js';

/** One rule held against one effect. `perhaps`: what is known does not decide it, which restricts and permits nothing. */
export interface RuleTrace {
  readonly rule: string;
  readonly effect: 'allow' | 'deny' | 'require_approval' | 'warn';
  readonly applies: 'yes' | 'perhaps' | 'no';
  readonly why: string;
}

export interface EffectTrace {
  readonly what: string;
  readonly action: string;
  readonly resource: string | null;
  readonly columns: readonly string[] | null;
  readonly facts: Readonly<Record<string, FactValue>>;
  readonly rules: readonly RuleTrace[];
}

/** POST /api/v1/policy/explain */
export interface PolicyExplanation {
  readonly as: { readonly issuer: string; readonly subject: string; readonly name: string; readonly kind: string; readonly groups: readonly string[] };
  readonly target: string;
  readonly statement: string | null;
  readonly summary: string;
  readonly unknown: readonly string[];
  readonly decision: Decision;
  readonly effects: readonly EffectTrace[];
  /** How the result of the statement would be masked; null: nothing of the target is tagged or looked for, or it opens a session. */
  readonly masking: MaskingExplanation | null;
  /** What this answer does not know of the identity. */
  readonly notes: readonly string[];
}

/** GET /api/v1/policy and /api/v1/policies/:digest — the text behind a digest, for ever. */
export interface PolicyText {
  readonly digest: string;
  /** When this gateway first put it in force. */
  readonly since: string;
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** What the digest is taken over. */
  readonly canonical: string;
}

export interface PolicyFile {
  readonly path: string;
  readonly text: string;
}

export interface ChangedDecision {
  readonly session: string;
  readonly sequence: number;
  readonly at: string;
  readonly who: string;
  readonly target: string;
  readonly text: string;
  /** What policy said: `require_approval` where people were asked, whatever they said. */
  readonly before: { readonly effect: DecisionEffect; readonly rule: string | null };
  readonly after: { readonly effect: DecisionEffect; readonly rule: string | null; readonly reasons: readonly string[] };
}

/** A recorded session that another policy would not open in the same way as the account that it had. */
export interface ChangedConnection {
  readonly session: string;
  readonly at: string;
  readonly who: string;
  readonly target: string;
  /** That it had; null: the one of the configuration. */
  readonly account: string | null;
  /** What policy said: `require_approval` where people were asked, whatever they said. */
  readonly before: { readonly effect: DecisionEffect; readonly rule: string | null };
  readonly after: {
    readonly effect: DecisionEffect;
    readonly rule: string | null;
    readonly reasons: readonly string[];
    /** As which accounts it could be opened or asked for then; that of the configuration first. */
    readonly accounts: readonly string[];
  };
}

export interface SimulatedChanges<Change> {
  readonly changed: number;
  /** Changes of the same kind together, the most frequent first. */
  readonly groups: readonly { readonly before: string; readonly after: string; readonly count: number; readonly example: Change }[];
  /** The first changes, in the order of the journals. */
  readonly changes: readonly Change[];
  /** True when there were more changes than `changes` holds. */
  readonly more: boolean;
}

/** The sessions of a simulation: each is decided again when it began, for who had it, as the account that it had. */
export interface SimulatedConnections extends SimulatedChanges<ChangedConnection> {
  readonly sessions: number;
  /** Sessions whose target is gone. */
  readonly skipped: number;
}

/** POST /api/v1/policy/simulate */
export interface PolicySimulation extends SimulatedChanges<ChangedDecision> {
  readonly policy: string;
  readonly since: string;
  readonly sessions: number;
  readonly operations: number;
  /** Operations that could not be replayed: their target is gone, or their record cannot be read. */
  readonly skipped: number;
  readonly milliseconds: number;
  /** Sessions that began since then, and were to be opened otherwise: `changed` and what is above is about operations alone. */
  readonly connections: SimulatedConnections;
}
