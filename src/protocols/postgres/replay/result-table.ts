/** Rows as psql's aligned table shows them. Cells are one line each and hold nothing that acts on a terminal. */
import { displayWidth } from '../../../base/display-width.js';
import { visible } from '../../../base/visible-text.js';
import type { Field } from '../masking/row-description.js';
import { isNumber, shownValue } from './shown-value.js';

/** Null: a NULL. */
export type RawRow = readonly (Buffer | null)[];

/** Cells of one table that are aligned: one row of very many columns would make every other row as long. */
const CELLS = 250_000;

/** `fields` null: what the columns are was not told with this result; then `formats` says how its values came. */
export function resultTable(fields: readonly Field[] | null, rows: readonly RawRow[], formats: readonly number[]): string[] {
  const count = rows.reduce((most, row) => Math.max(most, row.length), fields?.length ?? 0);
  const aligned = count * rows.length <= CELLS;
  const columns = Array.from({ length: count }, (_, index) => {
    const field = fields?.[index];
    const format = field?.format ?? (formats.length === 1 ? formats[0] : formats[index]) ?? 0;
    return { name: field === undefined ? `column ${index + 1}` : visible(field.name), type: field?.type ?? 0, format };
  });
  const cells = rows.map((row) =>
    (aligned ? columns : columns.slice(0, row.length)).map(({ type, format }, index) => {
      const value = row[index] ?? null;
      return value === null ? '' : shownValue(value, type, format);
    }),
  );
  if (!aligned) return [columns.map(({ name }) => name).join(' | '), ...cells.map((row) => row.join(' | '))];
  const widths = columns.map(({ name }, index) => cells.reduce((most, row) => Math.max(most, displayWidth(row[index] ?? '')), displayWidth(name)));
  const header = columns.map(({ name }, index) => centred(name, widths[index] ?? 0)).join(' | ');
  const lines = cells.map((row) =>
    row.map((cell, index) => (isNumber(columns[index]?.type ?? 0) ? gap(cell, widths[index] ?? 0) + cell : cell + gap(cell, widths[index] ?? 0))).join(' | '),
  );
  const ruler = widths.map((width) => '-'.repeat(width + 2)).join('+');
  return [` ${header}`.trimEnd(), ruler === '' ? '--' : ruler, ...lines.map((line) => ` ${line}`.trimEnd())];
}

const gap = (text: string, width: number): string => ' '.repeat(Math.max(0, width - displayWidth(text)));

function centred(text: string, width: number): string {
  const space = Math.max(0, width - displayWidth(text));
  const left = Math.floor(space / 2);
  return ' '.repeat(left) + text + ' '.repeat(space - left);
}
