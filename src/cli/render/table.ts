/** Rows for people: columns padded to their widest cell, header dimmed. Wide characters count as two columns. */
import type { ChalkInstance } from 'chalk';
import { displayWidth } from '../../base/display-width.js';
import { visible } from '../terminal.js';

export function renderTable(headers: readonly string[], rows: readonly (readonly string[])[], paint: ChalkInstance): string {
  const cells = rows.map((row) => row.map(visible));
  const widths = headers.map((header, column) => Math.max(displayWidth(header), ...cells.map((row) => displayWidth(row[column] ?? ''))));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(cell))))
      .join('  ')
      .trimEnd();
  return [paint.dim(line(headers)), ...cells.map(line)].map((text) => `${text}\n`).join('');
}
