/** Entries of the audit log as the API shows them and as filters ask for them. They hold fields of the class public only. */

export interface AuditEntry {
  /** Origin of the log, `GATEWAY/NUMBER`. */
  readonly log: string;
  /** Index in that log. */
  readonly n: number;
  /** RFC 3339, UTC; never earlier than in the entry before. */
  readonly time: string;
  readonly kind: string;
  /** The journal of the process that wrote it. */
  readonly journal: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** All parts must hold; null: any. */
export interface AuditFilter {
  /** Kinds; one that ends in `*` stands for all that begin so. Empty: all. */
  readonly kinds: readonly string[];
  /** Whoever acted, asked, was acted upon, or whose session it is. */
  readonly subject: string | null;
  readonly target: string | null;
  readonly session: string | null;
  /** Stands anywhere in the entry, in any case. */
  readonly text: string | null;
  /** RFC 3339; at or after, and before. */
  readonly since: string | null;
  readonly until: string | null;
}

/** Whether `kind` is one of `kinds`, in which a `*` at the end stands for anything. An empty list is every kind. */
export function isKindOf(kind: string, kinds: readonly string[]): boolean {
  return kinds.length === 0 || kinds.some((each) => (each.endsWith('*') ? kind.startsWith(each.slice(0, -1)) : kind === each));
}
