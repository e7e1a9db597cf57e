/**
 * A table of a pack as CSV (RFC 4180, UTF-8, a heading, LF): what people and their spreadsheets read. A text that a spreadsheet would take for a formula
 * has an apostrophe in front; all recorded text is untrusted. Knows how many rows it has.
 */
import type { PackWriter } from './pack-writer.js';

export type Cell = string | number | boolean | null;

export class CsvFile {
  readonly path: string;
  readonly columns: readonly string[];
  /** What it was made of, in words that can be carried out again over log and journal. */
  readonly query: string;
  rows = 0;
  readonly #writer: PackWriter;

  constructor(writer: PackWriter, path: string, columns: readonly string[], query: string) {
    this.#writer = writer;
    this.path = path;
    this.columns = columns;
    this.query = query;
    writer.text(path, `${columns.join(',')}\n`);
  }

  add(cells: readonly Cell[]): void {
    this.rows++;
    let line = '';
    for (let at = 0; at < cells.length; at++) line += at === 0 ? cellText(cells[at] ?? null) : `,${cellText(cells[at] ?? null)}`;
    this.#writer.text(this.path, `${line}\n`);
  }

  end(): void {
    this.#writer.end(this.path);
  }
}

const SPECIAL = /[",\r\n]/;

function cellText(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell !== 'string') return String(cell);
  const code = cell.charCodeAt(0);
  // = + - @, tab and carriage return begin a formula in one spreadsheet or another.
  const safe = code === 61 || code === 43 || code === 45 || code === 64 || code === 9 || code === 13 ? `'${cell}` : cell;
  return SPECIAL.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
