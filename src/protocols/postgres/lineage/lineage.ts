/**
 * Where a value comes from: the columns of the target's tables whose content may be in it. A superset, never a miss: what is not understood
 * is `unknown`, which masking reads as "any tagged column". Design section 6, source (2).
 */
import type { CatalogColumn, CatalogRelation } from '../catalog/catalog.js';

/** One column of a table or view; one object for each within a snapshot of the catalog. */
export interface SourceColumn {
  readonly relation: CatalogRelation;
  readonly column: CatalogColumn;
}

export interface Lineage {
  readonly columns: ReadonlySet<SourceColumn>;
  /** The value is, unchanged, that of one of `columns` (or a constant): what a class keeps of a value can be kept. */
  readonly exact: boolean;
  /** Why more may be in it than `columns` says; null: nothing more is. */
  readonly unknown: string | null;
  /** It is made in the query itself, though conditions on `columns` decided that it is shown. */
  readonly made?: true;
  /** It is that of one of `columns` in some rows, and in others made in the query itself. */
  readonly mixed?: true;
}

/** Beyond so many columns a value is not traced: the work would grow with statement and catalog. */
const COLUMNS_LIMIT = 4096;

export const NOTHING: Lineage = Object.freeze({ columns: new Set<SourceColumn>(), exact: true, unknown: null });

export function unknownLineage(reason: string): Lineage {
  return { columns: NOTHING.columns, exact: false, unknown: reason };
}

export function isNothing(lineage: Lineage): boolean {
  return lineage.columns.size === 0 && lineage.unknown === null;
}

/** Temporary relations of the session go by this schema; like all that the session made and no catalog lists, they have no OID here. */
export const TEMPORARY = 'pg_temp';

/** Made by the statement itself or kept by the session alone: of no column of a table that others fill. */
export function isMade(lineage: Lineage): boolean {
  if (lineage.made === true) return true;
  if (lineage.unknown !== null) return false;
  for (const { relation } of lineage.columns) if (relation.oid !== 0) return false;
  return true;
}

const columnsByRelation = new WeakMap<CatalogRelation, ReadonlyMap<string, SourceColumn>>();

export function sourceColumns(relation: CatalogRelation): ReadonlyMap<string, SourceColumn> {
  let columns = columnsByRelation.get(relation);
  if (columns === undefined) {
    columns = new Map(relation.columns.map((column) => [column.name, Object.freeze({ relation, column })]));
    columnsByRelation.set(relation, columns);
  }
  return columns;
}

function unite(parts: readonly Lineage[], exact: boolean): Lineage {
  const some = parts.filter((part) => !isNothing(part));
  const [only, ...more] = some;
  if (only === undefined) return NOTHING;
  if (more.length === 0) return only.exact === exact || !only.exact ? only : { ...only, exact };
  const columns = new Set<SourceColumn>();
  let unknown: string | null = null;
  let made = false;
  let mixed = false;
  for (const part of some) {
    made ||= part.made === true;
    mixed ||= part.mixed === true;
    for (const column of part.columns) columns.add(column);
    unknown ??= part.unknown;
  }
  if (columns.size > COLUMNS_LIMIT) return unknownLineage('it draws on more columns than are traced');
  return { columns, exact: exact && unknown === null, unknown, ...(made ? { made } : {}), ...(mixed ? { mixed } : {}) };
}

/** A value computed from all of these. */
export function derived(...parts: readonly Lineage[]): Lineage {
  return unite(parts, false);
}

/** A value that is one of these in each row: those that are the same tell of each other. */
export function eachOf(...parts: readonly Lineage[]): Lineage {
  const one = oneOf(...parts);
  return parts.some(isMade) && !isMade(one) ? { ...one, mixed: true } : one;
}

/** A value that is one of these, unchanged. */
export function oneOf(...parts: readonly Lineage[]): Lineage {
  return unite(
    parts,
    parts.every((part) => part.exact),
  );
}
