/** Rows for people: columns padded to their widest cell, numbers to the right, header dimmed; below a row what is said of it; the last column cut to what the terminal has room for. Wide characters count as two columns. */
import type { ChalkInstance } from 'chalk';
import { cutToWidth, displayWidth } from '../../base/display-width.js';
import { visible } from '../terminal.js';

/** The last column keeps so much on any terminal. */
const LEAST = 24;

/** A column that holds nothing else is one of numbers: `12`, `1,204`, and a dash for none. */
const NUMBER = /^(?:\d[\d,]*|[-–])?$/;

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
  const numbers = headers.map((_, column) => {
    const values = cells.map((row) => row[column] ?? '');
    return column < last && values.every((value) => NUMBER.test(value)) && values.some((value) => /\d/.test(value));
  });
  const room = Math.max(LEAST, terminal - widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0));
  const place = (cell: string, column: number): string => {
    if (column === last) return cutToWidth(cell, room);
    const padding = ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(cell)));
    return numbers[column] === true ? padding + cell : cell + padding;
  };
  const line = (row: readonly string[]): string => row.map(place).join('  ').trimEnd();
  const indent = ' '.repeat((widths[0] ?? 0) + 2);
  const lines = cells.flatMap((row, at) => {
    const note = notes[at] ?? null;
    return note === null ? [line(row)] : [line(row), indent + visible(note)];
  });
  return [paint.dim(line(headers)), ...lines].map((text) => `${text}\n`).join('');
}
