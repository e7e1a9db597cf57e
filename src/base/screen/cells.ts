/**
 * Lines of cells of a terminal's screen: four numbers for each cell (character, foreground, background, looks with the width), so that a screen is small and
 * scrolls without an object for each cell. What is done to a line here leaves no half of a wide character behind. Pure data.
 */

/** A line: `CELL` numbers for each column. */
export type Line = Uint32Array;

export const CELL = 4;
/** Where in a cell stands what. Colours: 0 the default, else `COLOR.… | value`. */
export const CODE = 0;
export const FOREGROUND = 1;
export const BACKGROUND = 2;
export const LOOKS = 3;

export const COLOR = { named: 1 << 24, indexed: 2 << 24, direct: 3 << 24 } as const;

/** Bits of the looks; the lowest two are the width of the cell: 0 for the second half of a wide character. */
export const WIDTH = 3;
export const LOOK = { bold: 4, dim: 8, italic: 16, blink: 32, inverse: 64, hidden: 128, struck: 256, overlined: 512 } as const;
/** Kind of underline: 0 none, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed. */
export const UNDERLINE_SHIFT = 10;
export const UNDERLINE = 7 << UNDERLINE_SHIFT;

/** Set in a code that is no character but the number of a text of several. */
export const COMBINED = 0x80_00_00_00;

/** What is drawn with. */
export interface Pen {
  foreground: number;
  background: number;
  /** Without a width. */
  looks: number;
}

export const plainPen = (): Pen => ({ foreground: 0, background: 0, looks: 0 });

export const widthAt = (line: Line, column: number): number => (line[column * CELL + LOOKS] ?? 0) & WIDTH;

/** An empty cell in this background; what is erased keeps no other look. */
function blank(line: Line, column: number, background: number): void {
  const at = column * CELL;
  line[at] = 0;
  line[at + FOREGROUND] = 0;
  line[at + BACKGROUND] = background;
  line[at + LOOKS] = 1;
}

/** An empty cell with all the looks of the pen: what is left of a wide character that something was drawn over. */
export function emptied(line: Line, column: number, pen: Pen): void {
  put(line, column, 0, 1, pen);
}

export function put(line: Line, column: number, code: number, width: number, { foreground, background, looks }: Pen): void {
  const at = column * CELL;
  line[at] = code;
  line[at + FOREGROUND] = foreground;
  line[at + BACKGROUND] = background;
  line[at + LOOKS] = looks | width;
}

export function newLine(columns: number, background = 0): Line {
  const line = new Uint32Array(columns * CELL);
  for (let at = 0; at < line.length; at += CELL) {
    line[at + BACKGROUND] = background;
    line[at + LOOKS] = 1;
  }
  return line;
}

/** Erases the columns from `start` to before `end`. */
export function erase(line: Line, start: number, end: number, background: number): void {
  const columns = line.length / CELL;
  if (start > 0 && widthAt(line, start - 1) === 2) blank(line, start - 1, background);
  if (end < columns && end > 0 && widthAt(line, end - 1) === 2) blank(line, end, background);
  for (let column = start; column < end && column < columns; column++) blank(line, column, background);
}

/** `fill`: the pen of the cells that come in. */
export function insertCells(line: Line, at: number, count: number, fill: Pen): void {
  const columns = line.length / CELL;
  if (at > 0 && widthAt(line, at - 1) === 2) {
    emptied(line, at - 1, fill);
    // Its second half moves on as an empty cell.
    line[at * CELL + LOOKS] = (line[at * CELL + LOOKS] ?? 0) | 1;
  }
  const much = Math.min(count, columns - at);
  line.copyWithin((at + much) * CELL, at * CELL, (columns - much) * CELL);
  for (let column = at; column < at + much; column++) emptied(line, column, fill);
  if (widthAt(line, columns - 1) === 2) emptied(line, columns - 1, fill);
}

export function deleteCells(line: Line, at: number, count: number, background: number): void {
  const columns = line.length / CELL;
  const much = Math.min(count, columns - at);
  line.copyWithin(at * CELL, (at + much) * CELL);
  for (let column = columns - much; column < columns; column++) blank(line, column, background);
  if (at > 0 && widthAt(line, at - 1) === 2) blank(line, at - 1, background);
  if (widthAt(line, at) === 0) blank(line, at, background);
}

/** The line with so many columns: longer by empty ones, or cut. */
export function resized(line: Line, columns: number): Line {
  const fresh = newLine(columns);
  fresh.set(line.subarray(0, columns * CELL));
  if (widthAt(fresh, columns - 1) === 2) blank(fresh, columns - 1, 0);
  return fresh;
}
