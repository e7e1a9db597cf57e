/**
 * What happens to the values of one column of a result. Origin (the column that the server says it is) and lineage (what the statement is made
 * of) are both asked, and the stricter holds; where neither is sure, the value is taken for one of the hidden classes. Pure.
 */

import type { ValueTransform } from '../../../contract/masking.js';
import type { ClassView, MaskingDoor, TextScan } from '../../../contract/masking-policy.js';
import { type Catalog, type CatalogColumn, type CatalogRelation, isView, kinOf } from '../catalog/catalog.js';
import { type Lineage, type SourceColumn, sourceColumns } from '../lineage/lineage.js';
import { detectedIn, holdingColumns } from './detected-text.js';
import { type FieldKind, fieldKind, isSearched } from './field-kind.js';
import { mayHoldText } from './text-shape.js';
import { untaggedSearch, type ValueSearch } from './untagged-value.js';

export type ValuePlan =
  | { readonly action: 'pass'; readonly shown: readonly ClassView[] }
  /** `shown`: classes of what else it is made of, as in `pass`. */
  | { readonly action: 'scan'; readonly scan: TextScan; readonly shown: readonly ClassView[] }
  /** The same for what is no text and may hold some. */
  | { readonly action: 'search'; readonly search: ValueSearch; readonly shown: readonly ClassView[] }
  /** The same stands in the place of every value; null: NULL. `always`: of NULL, too, because a computation whose result is NULL for some values tells of them. */
  | { readonly action: 'constant'; readonly how: ClassView; readonly shown: Uint8Array | null; readonly always: boolean }
  | {
      readonly action: 'transform';
      readonly how: ClassView;
      readonly transform: ValueTransform;
      /** As the transform has it, where a value on the wire is its text; otherwise null. */
      readonly inPlace: NonNullable<ValueTransform['inPlace']> | null;
      readonly kind: FieldKind;
      readonly binary: boolean;
    };

export interface ValueOrigin {
  /** As the server says; 0: no column. */
  readonly relation: number;
  readonly column: number;
  readonly type: number;
  readonly binary: boolean;
}

const classesByColumn = new WeakMap<SourceColumn, WeakMap<MaskingDoor['view'], readonly ClassView[]>>();

/** The classes of a column as the session sees them. */
export function classesOf(source: SourceColumn, view: MaskingDoor['view']): readonly ClassView[] {
  let views = classesByColumn.get(source);
  if (views === undefined) classesByColumn.set(source, (views = new WeakMap()));
  let classes = views.get(view);
  if (classes === undefined) {
    const [own = [], ...more] = namesOf(source).map((name) => view.columnClasses(name.slice(0, -1), name.at(-1) ?? ''));
    classes = more.length === 0 ? own : united([own, ...more]);
    views.set(view, classes);
  }
  return classes;
}

/**
 * Names under which policy may know the column: its own, and those of the columns whose tags it inherits; then those of its kin, because what a
 * partition or heir holds is hidden like what it is a part of, and the other way about.
 */
export function namesOf(source: SourceColumn): readonly (readonly string[])[] {
  const kin = kinOf(source.relation).flatMap((each) => sourceColumns(each).get(source.column.name) ?? []);
  return [source, ...kin].flatMap(({ relation, column }) => [[relation.schema, relation.name, column.name], ...(column.inherited?.from ?? [])]);
}

const NOTHING = new Uint8Array(0);

export const isHidden = (how: ClassView): boolean => how.treatment !== 'clear';

function united(lists: readonly (readonly ClassView[])[]): readonly ClassView[] {
  const found = new Map<string, ClassView>();
  for (const how of lists.flat()) {
    const before = found.get(how.class);
    // One class may be shown differently in different columns.
    if (before === undefined || !isHidden(before)) found.set(how.class, how);
  }
  return [...found.values()];
}

/** The classes that a value may be of; `certain` false: it may be of any hidden one. */
export function classesIn(lineage: Lineage, view: MaskingDoor['view']): readonly ClassView[] {
  return united([...lineage.columns].map((source) => classesOf(source, view)));
}

export function planValue(lineage: Lineage | null, origin: ValueOrigin, door: MaskingDoor, catalog: Catalog | null): ValuePlan {
  const { view } = door;
  const kind = fieldKind(origin.type, catalog);
  let columns: Lineage = lineage ?? { columns: new Set(), exact: false, unknown: 'the statement does not say what it is made of' };
  if (origin.relation !== 0) {
    const sources = columnsAt(origin, catalog);
    // The catalog does not list what the session made; the statement says whether that may be meant.
    const listed = sources !== null || ![...columns.columns].some(({ relation }) => relation.oid === 0);
    if (sources === null && listed) columns = { ...columns, unknown: columns.unknown ?? 'its table is not in the catalog', exact: false };
    else if (sources?.some((source) => !columns.columns.has(source)) === true)
      columns = {
        columns: new Set([...columns.columns, ...sources]),
        exact: lineage === null && sources.length === 1 && sources[0]?.column.inherited?.exact !== false,
        unknown: columns.unknown,
      };
  }
  const classes = classesIn(columns, view);
  const hidden = classes.filter(isHidden);
  const [first, ...more] = hidden;
  if (columns.unknown !== null && view.hides) return planMask(first ?? view.unknown, kind, origin.binary, door, true);
  if (first === undefined) {
    const untagged = classes.length === 0 ? columns : untaggedIn(columns, view);
    if (door.scan !== null && untagged !== null && mayHoldText(origin.type, columns, catalog)) {
      // An origin that only the server names is not what people were asked about.
      const opened = columns === lineage ? detectedIn(holdingColumns(untagged, view), view).filter((how) => !isHidden(how)) : [];
      const scan = opened.length === 0 ? door.scan : door.scan.showing(opened);
      const search = isSearched(kind) ? null : untaggedSearch(origin.type, origin.binary, scan, catalog);
      return search === null ? { action: 'scan', scan, shown: classes } : { action: 'search', search, shown: classes };
    }
    return { action: 'pass', shown: classes };
  }
  if (hidden.every(({ treatment }) => treatment === 'null')) return { action: 'constant', how: first, shown: null, always: true };
  if (columns.exact && more.length === 0 && first.treatment !== 'mask') return planTransform(first, kind, origin.binary, door);
  return planMask(first, kind, origin.binary, door, !columns.exact);
}

/**
 * What else a value is made of that carries a tag: columns without one, which the tag says nothing of. A view is followed to what it shows. Null: nothing.
 * Without this whoever sees one column in clear could take detectors off any text by joining it on.
 */
function untaggedIn({ columns, exact, unknown }: Lineage, view: MaskingDoor['view']): Lineage | null {
  const without = [...columns].filter((source) => !isView(source.relation) && classesOf(source, view).length === 0);
  return without.length === 0 && unknown === null ? null : { columns: new Set(without), exact, unknown };
}

function planMask(how: ClassView, kind: FieldKind, binary: boolean, door: MaskingDoor, always: boolean): ValuePlan {
  return planTransform({ ...how, treatment: 'mask' }, kind, binary, door, always);
}

function planTransform(how: ClassView, kind: FieldKind, binary: boolean, door: MaskingDoor, always = false): ValuePlan {
  if (how.treatment === 'null') return { action: 'constant', how, shown: null, always: true };
  const transform = door.transform(how, kind.kind, kind.bits);
  if (how.treatment !== 'mask')
    return { action: 'transform', how, transform, inPlace: !binary || kind.kind === 'text' ? (transform.inPlace ?? null) : null, kind, binary };
  // Nothing of the value is in its mask.
  const shown = transform(NOTHING);
  return { action: 'constant', how, shown: shown === null || !binary ? shown : kind.write(shown), always };
}

/** What the server names, as the catalog knows it: a column, or a whole row. Null: it does not. */
function columnsAt(origin: ValueOrigin, catalog: Catalog | null): readonly SourceColumn[] | null {
  const relation: CatalogRelation | null = catalog?.relation(origin.relation) ?? null;
  if (relation === null) return null;
  if (origin.column === 0) return [...sourceColumns(relation).values()];
  // System columns have numbers below zero and say nothing of the content.
  if (origin.column < 0) return [];
  const column: CatalogColumn | undefined = relation.columns.find(({ number }) => number === origin.column);
  const source = column === undefined ? undefined : sourceColumns(relation).get(column.name);
  return source === undefined ? null : [source];
}

/** What stands in the place of NULL; null: it stays. */
export function showAbsent(plan: ValuePlan): Uint8Array | null {
  return plan.action === 'constant' && plan.always ? plan.shown : null;
}

/** What stands in the place of one value; null: NULL. `sink` is told what detectors found. */
export function showValue(plan: ValuePlan, value: Buffer, sink: { found(how: ClassView): void }): Uint8Array | null {
  switch (plan.action) {
    case 'pass':
      return value;
    case 'scan':
      return plan.scan.mask(value, 0, value.length, sink) ?? value;
    case 'search':
      return plan.search(value, sink);
    case 'constant':
      return plan.shown;
    case 'transform': {
      const text = plan.binary ? plan.kind.read(value) : value;
      const shown = text === null ? null : plan.transform(text);
      return shown === null || !plan.binary ? shown : plan.kind.write(shown);
    }
    default:
      return plan satisfies never;
  }
}
