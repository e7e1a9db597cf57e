/** Rows for people: columns padded to their widest cell, header dimmed; below a row what is said of it; the last column cut to what the terminal has room for. Wide characters count as two columns. */
import type { ChalkInstance } from 'chalk';
import { cutToWidth, displayWidth } from '../../base/display-width.js';
import { visible } from '../terminal.js';

/** The last column keeps so much on any terminal. */
const LEAST = 24;

/** @param notes by row; null: nothing is said of it @param terminal columns that it has */
export function renderTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  paint: ChalkInstance,
  notes: readonly (string | null)[] = [],
  terminal = Number.POSITIVE_INFINITY,
): string {
  const cells = rows.map((row) => row.map(visible));
  const widths = headers.map((header, column) => Math.max(displayWidth(header), ...cells.map((row) => displayWidth(row[column] ?? ''))));
  const last = headers.length - 1;
  const room = Math.max(LEAST, terminal - widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === last ? cutToWidth(cell, room) : cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(cell)))))
      .join('  ')
      .trimEnd();
  const indent = ' '.repeat((widths[0] ?? 0) + 2);
  const lines = cells.flatMap((row, at) => {
    const note = notes[at] ?? null;
    return note === null ? [line(row)] : [line(row), indent + visible(note)];
  });
  return [paint.dim(line(headers)), ...lines].map((text) => `${text}\n`).join('');
}
