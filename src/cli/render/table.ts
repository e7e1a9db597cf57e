/** Rows for people: columns padded to their widest cell, header dimmed; below a row what is said of it. Wide characters count as two columns. */
import type { ChalkInstance } from 'chalk';
import { displayWidth } from '../../base/display-width.js';
import { visible } from '../terminal.js';

/** @param notes by row; null: nothing is said of it */
export function renderTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  paint: ChalkInstance,
  notes: readonly (string | null)[] = [],
): string {
  const cells = rows.map((row) => row.map(visible));
  const widths = headers.map((header, column) => Math.max(displayWidth(header), ...cells.map((row) => displayWidth(row[column] ?? ''))));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(cell))))
      .join('  ')
      .trimEnd();
  const indent = ' '.repeat((widths[0] ?? 0) + 2);
  const lines = cells.flatMap((row, at) => {
    const note = notes[at] ?? null;
    return note === null ? [line(row)] : [line(row), indent + visible(note)];
  });
  return [paint.dim(line(headers)), ...lines].map((text) => `${text}\n`).join('');
}
