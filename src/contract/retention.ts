/** How long records are kept, and what retention found or did. Periods are milliseconds. */

/** The least time that entries of the audit log are kept, milliseconds: 90 days, so that witnesses, mirrors and auditors come by before they go. */
export const LEAST_LOG_PERIOD_MS: number = 90 * 86_400_000;

/** Kinds of records that end by themselves. */
export const RECORD_TYPES = ['recordings', 'approvals', 'index'] as const;
export type RecordType = (typeof RECORD_TYPES)[number];

export type RetentionPeriods = Readonly<Record<RecordType, number>>;

export interface RetentionRules extends RetentionPeriods {
  /** Targets with periods of their own. */
  readonly targets: readonly (RetentionPeriods & { readonly target: string })[];
  /** How long entries of the audit log itself are kept; null, or left out: for ever. */
  readonly log?: number | null;
}

export function periodOf(rules: RetentionRules, type: RecordType, target: string): number {
  return (rules.targets.find((each) => each.target === target) ?? rules)[type];
}

/** What one pass ended, or would end. */
export interface RetentionReport {
  readonly dryRun: boolean;
  /** Up to when time is known to have passed, RFC 3339: what is due is due by this. */
  readonly knownTime: string;
  /** Sessions of which the recording ended; the first thousand of them. */
  readonly expired: readonly { readonly session: string; readonly target: string; readonly endedAt: string }[];
  readonly recordings: number;
  /** Due, and kept by a legal hold. */
  readonly held: number;
  /** Segments of journals that hold nothing more. */
  readonly segments: number;
  readonly index: number;
  readonly approvals: number;
  /** Entries of the audit log: of the log of the worker that was asked, and of logs that nobody writes. */
  readonly entries: number;
}

/** GET /api/v1/retention */
export interface RetentionState {
  readonly rules: RetentionRules;
  readonly due: RetentionReport;
}

/** Ends rows that are older than their period, but those that a hold covers. */
export interface RetentionStore {
  /** @param now milliseconds since the epoch @returns how many went, or would go */
  expire(type: 'index' | 'approvals', rules: RetentionRules, now: number, dryRun: boolean): Promise<number>;
  /** Deletes recordings of clients under which no session was opened, each by the longest period of its targets. @returns how many went */
  expireLooseRecordings(rules: RetentionRules, now: number): Promise<number>;
  /** Ids of requests for approval that are not over: open, approved, or break-glass access that nobody reviewed. */
  openRequests(): Promise<string[]>;
}
