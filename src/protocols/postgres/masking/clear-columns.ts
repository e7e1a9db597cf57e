/**
 * Which hidden columns a statement would show in clear if people let it: what a reviewer is shown, and what their yes is good for. A value that would
 * stay hidden all the same (another class of it is nobody's to open, or not all that it is made of is known) asks for nothing. Pure.
 */
import type { ClassView, ClearColumn, MaskingDoor } from '../../../contract/masking-policy.js';
import type { Catalog } from '../catalog/catalog.js';
import type { Lineage, SourceColumn } from '../lineage/lineage.js';
import { detectedIn, holdingColumns } from './detected-text.js';
import { textShape } from './text-shape.js';
import { classesOf, isHidden, namesOf } from './value-plan.js';

/** More than these in one statement are not for people to look at, and nothing of it is shown. */
const COLUMNS_LIMIT = 500;

/** Each once, by name. Null: none. */
export function clearColumns(values: readonly Lineage[], door: MaskingDoor, catalog: Catalog | null): readonly ClearColumn[] | null {
  const found = new Map<string, ClearColumn>();
  for (const value of values) {
    if (value.unknown !== null) continue;
    const sources = [...value.columns];
    const classes = sources.flatMap((source) => classesOf(source, door.view));
    if (!classes.every((how) => !isHidden(how) || how.onApproval !== null)) continue;
    const columns = classes.length === 0 ? openedText(value, door, catalog) : sources.flatMap((source) => opened(source, door.view));
    for (const each of columns) found.set(JSON.stringify([each.column, each.class, each.detected]), each);
  }
  if (found.size === 0 || found.size > COLUMNS_LIMIT) return null;
  return [...found].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, column]) => column);
}

/** By every name under which it carries a class. */
function opened(source: SourceColumn, view: MaskingDoor['view']): readonly ClearColumn[] {
  return namesOf(source).flatMap((column) => clearable(column, view.columnClasses(column.slice(0, -1), column.at(-1) ?? '')));
}

/** What carries no tag: as far as detectors would look at it. What is computed may be text. */
function openedText(value: Lineage, { view, scan }: MaskingDoor, catalog: Catalog | null): readonly ClearColumn[] {
  const columns = holdingColumns(value, view);
  if (scan === null || !columns.some(({ column }) => textShape(column.type, catalog) !== null)) return [];
  const open = new Set(detectedIn(columns, view).map((how) => how.class));
  return columns.flatMap(({ relation: { schema, name }, column }) => {
    const classes = view.detectedClasses([schema, name], column.name).filter((how) => open.has(how.class));
    return clearable([schema, name, column.name], classes).map((each): ClearColumn => ({ ...each, detected: true }));
  });
}

function clearable(column: readonly string[], classes: readonly ClassView[]): readonly ClearColumn[] {
  return classes.flatMap(({ class: name, onApproval: terms }) => (terms === null ? [] : [{ column, class: name, terms }]));
}
