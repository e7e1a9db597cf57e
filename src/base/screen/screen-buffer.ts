/**
 * One of a terminal's two screens: its lines, its cursor, its margins. Moves, scrolls and erases; what is drawn stands in `terminal-screen.ts`. Rows and
 * columns count from 0; a cursor behind the last column stands there until something more is drawn.
 */
import { erase, type Line, newLine, type Pen, plainPen, resized } from './cells.js';

export interface SavedCursor {
  x: number;
  y: number;
  pen: Pen;
  drawing: boolean;
}

export class ScreenBuffer {
  columns: number;
  rows: number;
  lines: Line[];
  x = 0;
  y = 0;
  /** Rows that scroll: first and last. */
  top = 0;
  bottom: number;
  saved: SavedCursor = { x: 0, y: 0, pen: plainPen(), drawing: false };
  /** Columns that are a stop of the tabulator. */
  tabs: Set<number>;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
    this.bottom = rows - 1;
    this.lines = Array.from({ length: rows }, () => newLine(columns));
    this.tabs = tabStops(columns);
  }

  get line(): Line {
    return this.lines[this.y] ?? newLine(this.columns);
  }

  /** Empty again; what was saved of the cursor stays. */
  clear(background: number): void {
    this.lines = Array.from({ length: this.rows }, () => newLine(this.columns, background));
    this.x = this.y = this.top = 0;
    this.bottom = this.rows - 1;
    this.tabs = tabStops(this.columns);
  }

  /** Keeps the cursor where there are cells. `origin`: and within the margins; `last`: the last column that it may be in. */
  restrict(origin: boolean, last = this.columns - 1): void {
    this.x = Math.min(last, Math.max(0, this.x));
    this.y = origin ? Math.min(this.bottom, Math.max(this.top, this.y)) : Math.min(this.rows - 1, Math.max(0, this.y));
  }

  /** One row down, scrolling at the bottom margin. */
  down(background: number): void {
    if (this.y === this.bottom) this.scrollUp(1, background);
    else if (this.y < this.rows - 1) this.y++;
  }

  /** One row up, scrolling at the top margin. */
  up(background: number): void {
    if (this.y === this.top) this.scrollDown(1, background);
    else if (this.y > 0) this.y--;
  }

  scrollUp(count: number, background: number): void {
    this.#shift(this.top, this.bottom, count, background);
  }

  scrollDown(count: number, background: number): void {
    this.#shift(this.bottom, this.top, count, background);
  }

  insertLines(count: number, background: number): void {
    if (this.y < this.top || this.y > this.bottom) return;
    this.#shift(this.bottom, this.y, count, background);
    this.x = 0;
  }

  deleteLines(count: number, background: number): void {
    if (this.y < this.top || this.y > this.bottom) return;
    this.#shift(this.y, this.bottom, count, background);
    this.x = 0;
  }

  /** Lines leave at `from` and come in, empty, at `to`. */
  #shift(from: number, to: number, count: number, background: number): void {
    const much = Math.min(count, Math.abs(to - from) + 1);
    for (let done = 0; done < much; done++) {
      const [line] = this.lines.splice(from, 1);
      if (line === undefined) return;
      erase(line, 0, this.columns, background);
      this.lines.splice(to, 0, line);
    }
  }

  eraseRows(from: number, to: number, background: number): void {
    for (let row = Math.max(0, from); row < Math.min(to, this.rows); row++) {
      const line = this.lines[row];
      if (line !== undefined) erase(line, 0, this.columns, background);
    }
  }

  nextTab(): number {
    let at = this.x + 1;
    while (at < this.columns && !this.tabs.has(at)) at++;
    return Math.min(at, this.columns - 1);
  }

  previousTab(): number {
    let at = this.x - 1;
    while (at > 0 && !this.tabs.has(at)) at--;
    return Math.max(0, at);
  }

  /** Lines that do not fit any more go: below the cursor, then above. Nothing is wrapped anew. */
  resize(columns: number, rows: number): void {
    if (columns !== this.columns) this.lines = this.lines.map((line) => resized(line, columns));
    while (this.lines.length < rows) this.lines.push(newLine(columns));
    const above = Math.max(0, this.y + 1 - rows);
    const gone = this.lines.length > rows ? above : 0;
    this.lines = this.lines.slice(gone, gone + rows);
    this.columns = columns;
    this.rows = rows;
    this.x = Math.min(this.x, columns - 1);
    this.y = Math.min(this.y - gone, rows - 1);
    this.saved.x = Math.min(this.saved.x, columns - 1);
    this.saved.y = Math.max(0, this.saved.y - gone);
    this.top = 0;
    this.bottom = rows - 1;
    this.tabs = tabStops(columns);
  }
}

export function tabStops(columns: number): Set<number> {
  const stops = new Set<number>();
  for (let at = 0; at < columns; at += 8) stops.add(at);
  return stops;
}
