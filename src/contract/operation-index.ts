/** Port to the index of operations: what `gw sessions search` asks. Made out of the journals, which alone are the proof. */

export interface IndexedOperation {
  readonly session: string;
  readonly sequence: number;
  /** RFC 3339. */
  readonly at: string;
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly onBehalfOf: string | null;
  readonly target: string;
  /** What came of it, people included: `allow` | `deny`; `unknown` where the decision cannot be read. */
  readonly verdict: string;
  /** Policy had people asked; found as `verdict:require_approval`, whatever they said. */
  readonly asked: boolean;
  /** The outcome, or `refused` or `unknown`. */
  readonly status: string;
  readonly rule: string | null;
  readonly kinds: readonly string[];
  /** Resources by their qualified names as far as they are known. */
  readonly relations: readonly string[];
  /** Classes of data that were masked, or shown in clear. */
  readonly masked: readonly string[];
  readonly rows: number | null;
  readonly text: string;
}

/** All parts must hold. */
export interface OperationQuery {
  /** Words, each by itself or several that follow one another. */
  readonly phrases: readonly string[];
  /** What stands in `tagsOf`, e.g. `relation:ledger.entries`. */
  readonly tags: readonly string[];
  readonly since: string | null;
  readonly until: string | null;
  /** Only what this subject did. */
  readonly owner: { readonly issuer: string; readonly subject: string } | null;
  readonly limit: number;
  /** Continue after this one; newest first. */
  readonly after: { readonly at: string; readonly session: string; readonly sequence: number } | null;
}

export type FoundOperation = Omit<IndexedOperation, 'onBehalfOf' | 'asked'>;

export interface OperationIndex {
  /** Operations that are there already stay as they are. Gives how many the database does not take at all. @throws GwError `store.unavailable` */
  add(operations: readonly IndexedOperation[]): Promise<number>;
  /** @throws GwError `store.unavailable` */
  search(query: OperationQuery): Promise<FoundOperation[]>;
  /** Those of the journals that are in the index as a whole. @throws GwError `store.unavailable` */
  indexedJournals(): Promise<ReadonlySet<string>>;
  markIndexed(journal: string): Promise<void>;
  /** Forgets everything: it is made anew from the journals. */
  clear(): Promise<void>;
}

/** Names by which a search can ask for operations, and the letters before them in a tag. */
export const SEARCH_FIELDS = ['relation', 'target', 'user', 'for', 'verdict', 'status', 'rule', 'kind', 'masked'] as const;
export type SearchField = (typeof SEARCH_FIELDS)[number];

/** All that `verdict` and `status` of a search can be. */
export const VERDICTS = ['allow', 'deny', 'require_approval', 'unknown'] as const;
export const STATUSES = ['ok', 'error', 'refused', 'cancelled', 'lost', 'unknown'] as const;

export const tagOf = (field: SearchField, value: string): string => `${field}:${value.toLowerCase().slice(0, 300)}`;
