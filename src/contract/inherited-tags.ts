/**
 * Tags that a column has because of what it holds and not of its name: it was made out of tagged columns, or was one before it was renamed.
 * Kept in the shared state, by the target's own identity of the column, so that they outlive sessions, workers and names.
 */

/** Where a column is: a target, and the part of it (a database) as the target itself names it. */
export interface TagPlace {
  readonly target: string;
  readonly part: string;
}

export interface NewInheritedTag {
  /** Names when it was last seen, outermost first; of a relation that is only about to be made too. */
  readonly relation: readonly string[];
  /** The target's identity of the relation; null: it is about to be made, and whatever has its name is taken for it. */
  readonly object: string | null;
  /** The target's number of the column; 0: all of them. */
  readonly column: number;
  /** Its name when it was last seen; null: not known. */
  readonly name: string | null;
  /** Columns whose tags it has, each by the name that policy tags: outermost part first. */
  readonly from: readonly (readonly string[])[];
  /** It holds their values as they are; false: what was computed from them. */
  readonly exact: boolean;
  readonly reason: 'created' | 'renamed';
}

export interface InheritedTag extends NewInheritedTag {
  readonly id: string;
  readonly part: string;
  /** Session and person that made it. */
  readonly session: string;
  readonly subject: string;
  /** RFC 3339. */
  readonly since: string;
}

/** What a look at the target's catalog says of the tags. */
export interface SeenTags {
  /** Their relations, by identity and name; also of those that were about to be made. */
  readonly seen: readonly { readonly id: string; readonly object: string; readonly relation: readonly string[]; readonly name: string | null }[];
  /** Their relation or column is not there. */
  readonly gone: readonly string[];
}

/** Port. Every call throws GwError `store.unavailable` when it cannot be answered. */
export interface InheritedTagStore {
  /** Resolves when they are durable. */
  add(place: TagPlace, by: { readonly session: string; readonly subject: string }, tags: readonly NewInheritedTag[]): Promise<void>;
  /** Of one part, or of all parts of a target (`part` null), oldest first. */
  list(target: string, part: string | null): Promise<readonly InheritedTag[]>;
  /**
   * Brings names up to date, and gives a relation of an expected name the tag by its identity. What is gone is forgotten a minute after it was
   * last seen: the catalog may have been read before. An expectation lasts from the first relation of its name to the end of its session, a day at
   * most, 30 days without one: a statement may wait before it runs, and another relation may have had the name meanwhile.
   */
  settle(seen: SeenTags): Promise<void>;
}

/** GET /api/v1/targets/:name/inherited-tags */
export interface InheritedTagList {
  readonly tags: readonly InheritedTag[];
}
