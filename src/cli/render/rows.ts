/**
 * Rows in every form that `-o` offers. People at a terminal get a table; a pipe gets plain tab-separated values without a header, so
 * that `cut` and `while read` work. Times are RFC 3339 in data and relative for people. Cells that a spreadsheet would run as a
 * formula are disarmed in CSV. Nothing in any form acts on a terminal.
 */
import { GwError } from '../../contract/gw-error.js';
import { isDataTerminal, paintOut, visible, visibleLines, writeData, writeJson } from '../terminal.js';
import { renderTable } from './table.js';

export const OUTPUT_FORMATS = ['table', 'json', 'ndjson', 'yaml', 'csv'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export type Cell = string | number | boolean | null;

export interface Column<T> {
  readonly name: string;
  /** The value as data. */
  value(row: T): Cell;
  /** How people read it, when that differs. */
  show?(row: T): string;
}

function cellText(value: Cell): string {
  return value === null ? '' : String(value);
}

function csvCell(value: Cell): string {
  const raw = cellText(value);
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(raw) ? `'${raw}` : raw;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function jsonLines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

/** At a terminal nothing in it acts on that. */
function writeText(text: string): void {
  writeData(isDataTerminal() ? visibleLines(text) : text);
}

function people<T>(columns: readonly Column<T>[], rows: readonly T[], empty: string): string {
  if (rows.length === 0) return `${empty}\n`;
  const headers = columns.map((column) => column.name.toUpperCase());
  return renderTable(
    headers,
    rows.map((row) => columns.map((column) => column.show?.(row) ?? cellText(column.value(row)))),
    paintOut,
  );
}

export interface RowsOptions<T> {
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  /** What `json` and `yaml` print as a whole. */
  readonly whole: object;
  readonly format: OutputFormat | undefined;
  /** Said to people when there are no rows. */
  readonly empty: string;
  /** These rows are the beginning of more, or go on after others: each is a document of its own, and there is one heading in CSV. */
  readonly follow?: 'begin' | 'on';
}

export async function printRows<T extends object>(options: RowsOptions<T>): Promise<void> {
  const { columns, rows, format } = options;
  switch (format) {
    case 'json':
      return writeJson(options.follow === undefined ? `${JSON.stringify(options.whole, null, 2)}\n` : jsonLines(rows));
    case 'ndjson':
      return writeJson(jsonLines(rows));
    case 'yaml': {
      const { stringify } = await import('yaml');
      return writeText(options.follow === undefined ? stringify(options.whole) : rows.map((row) => `---\n${stringify(row)}`).join(''));
    }
    case 'csv': {
      const heading = options.follow === 'on' ? [] : [columns.map((column) => column.name)];
      const lines: readonly Cell[][] = [...heading, ...rows.map((row) => columns.map((column) => column.value(row)))];
      return writeText(lines.map((line) => `${line.map(csvCell).join(',')}\n`).join(''));
    }
    case 'table':
      return writeData(people(columns, rows, options.empty));
    case undefined:
      if (isDataTerminal()) return writeData(people(columns, rows, options.empty));
      return writeData(rows.map((row) => `${columns.map((column) => visible(cellText(column.value(row)))).join('\t')}\n`).join(''));
    default:
      throw new GwError('usage.invalid', `There is no output format "${String(format satisfies never)}".`);
  }
}
