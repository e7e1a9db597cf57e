/**
 * Which hidden columns a statement would show in clear if people let it: what a reviewer is shown, and what their yes is good for. A value that would
 * stay hidden all the same (another class of it is nobody's to open, or not all that it is made of is known) asks for nothing. Pure.
 */
import type { ClearColumn, MaskingDoor } from '../../../contract/masking-policy.js';
import type { Lineage, SourceColumn } from '../lineage/lineage.js';
import { classesOf, isHidden, namesOf } from './value-plan.js';

/** More than these in one statement are not for people to look at, and nothing of it is shown. */
const COLUMNS_LIMIT = 500;

/** Each once, by name. Null: none. */
export function clearColumns(values: readonly Lineage[], { view }: MaskingDoor): readonly ClearColumn[] | null {
  const found = new Map<string, ClearColumn>();
  for (const value of values) {
    if (value.unknown !== null) continue;
    const sources = [...value.columns];
    if (!sources.every((source) => classesOf(source, view).every((how) => !isHidden(how) || how.onApproval !== null))) continue;
    for (const source of sources) for (const each of opened(source, view)) found.set(JSON.stringify([each.column, each.class]), each);
  }
  if (found.size === 0 || found.size > COLUMNS_LIMIT) return null;
  return [...found].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, column]) => column);
}

/** By every name under which it carries a class. */
function opened(source: SourceColumn, view: MaskingDoor['view']): readonly ClearColumn[] {
  return namesOf(source).flatMap((column) =>
    view
      .columnClasses(column.slice(0, -1), column.at(-1) ?? '')
      .flatMap(({ class: name, onApproval }) => (onApproval === null ? [] : [{ column, class: name, terms: onApproval }])),
  );
}
