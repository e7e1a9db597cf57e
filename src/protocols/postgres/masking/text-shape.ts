/**
 * Where text can be in the values of a type, for detectors: it is text itself, has text among its elements or columns, or is of a make that is not
 * known. Pure; the catalog is the target's word, so depth is bounded and circles end.
 */
import type { Catalog, CatalogType } from '../catalog/catalog.js';
import type { Lineage } from '../lineage/lineage.js';
import { fieldKind, isSearched } from './field-kind.js';

export type TextShape =
  /**
   * `text`: any of its bytes may be others. `quoted`: so as text, but not in binary (hstore). `bytes`: text where all of it is printable. `opaque`: not
   * known what other bytes would mean. `unknown`: nothing is known of the type. `untyped`: the type was not said, and is mostly text.
   */
  | { readonly kind: 'text' | 'quoted' | 'xml' | 'bytes' | 'opaque' | 'unknown' | 'untyped' }
  | { readonly kind: 'array'; readonly element: TextShape }
  /** `fields`: null for those that hold no text; null: they are not known. */
  | { readonly kind: 'row'; readonly fields: readonly (TextShape | null)[] | null };

const TEXT: TextShape = { kind: 'text' };
const ROW: TextShape = { kind: 'row', fields: null };
const OPAQUE: TextShape = { kind: 'opaque' };
const UNKNOWN: TextShape = { kind: 'unknown' };
const UNTYPED: TextShape = { kind: 'untyped' };

/** PostgreSQL's own types (pg_type.dat) of which the category does not tell it; null: no text. */
const OWN: ReadonlyMap<number, TextShape | null> = new Map<number, TextShape | null>([
  [142, { kind: 'xml' }],
  [1790, TEXT],
  [2249, ROW],
  [2287, { kind: 'array', element: ROW }],
  // anyarray: what pg_stats has of columns of any type.
  [2277, { kind: 'array', element: UNTYPED }],
  // tid, xid, cid, macaddr, macaddr8, void, txid_snapshot, pg_lsn, pg_snapshot, xid8.
  ...[27, 28, 29, 829, 774, 2278, 2970, 3220, 5038, 5069].map((oid) => [oid, null] as const),
]);
/** Object identifiers below this are PostgreSQL's own. */
const FIRST_OF_OTHERS = 10_000;
/** Numbers, times, booleans, enumerations, geometry, addresses, bits (`pg_type.typcategory`). */
const NO_TEXT = 'NDTBEGIV';
/** Types within types, domains over domains. */
const DEPTH = 32;

const shapes = new WeakMap<Catalog, Map<number, TextShape | null>>();

/** Null: its values cannot hold text. `type` 0: it was not said. */
export function textShape(type: number, catalog: Catalog | null): TextShape | null {
  return shapeAt(type, catalog, 0);
}

/** Whether what is computed from these columns, of a type that nobody said, may hold text. */
export function mayHoldText(type: number, { columns }: Lineage, catalog: Catalog | null): boolean {
  if (type !== 0 || columns.size === 0) return textShape(type, catalog) !== null;
  return [...columns].some(({ relation, column }) => relation.oid === 0 || textShape(column.type, catalog) !== null);
}

function shapeAt(type: number, catalog: Catalog | null, depth: number): TextShape | null {
  if (type === 0) return UNTYPED;
  const kind = fieldKind(type, null);
  if (kind.kind !== 'other') return isSearched(kind) ? TEXT : kind.kind === 'bytes' ? { kind: 'bytes' } : null;
  const own = OWN.get(type);
  if (own !== undefined) return own;
  const described = catalog?.type(type) ?? null;
  if (catalog === null || described === null || depth > DEPTH) return UNKNOWN;
  let known = shapes.get(catalog);
  if (known === undefined) shapes.set(catalog, (known = new Map<number, TextShape | null>()));
  let shape = known.get(type);
  if (shape === undefined) {
    // What a type says of itself, in a circle.
    known.set(type, UNKNOWN);
    known.set(type, (shape = describedShape(described, catalog, depth + 1)));
  }
  return shape;
}

function describedShape({ oid, base, category, element, kind, name, relation }: CatalogType, catalog: Catalog, depth: number): TextShape | null {
  if (base !== 0) return shapeAt(base, catalog, depth);
  if (kind === 'e' || NO_TEXT.includes(category)) return null;
  if (kind === 'c') {
    const columns = catalog.relation(relation)?.columns.map((column) => shapeAt(column.type, catalog, depth)) ?? null;
    return columns?.every((shape) => shape === null) === true ? null : { kind: 'row', fields: columns };
  }
  if (category === 'A') {
    const inner = shapeAt(element, catalog, depth);
    return inner === null ? null : { kind: 'array', element: inner };
  }
  if (category === 'R' && oid < FIRST_OF_OTHERS) return null;
  if (category === 'S') return TEXT;
  return name === 'hstore' ? { kind: 'quoted' } : OPAQUE;
}
