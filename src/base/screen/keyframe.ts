/**
 * A screen as the text that draws it on an empty terminal of the same size: after it a terminal goes on as one that was sent everything. Of what the filter
 * for terminals lets through, so that it can be shown wherever the rest can. Pure.
 */
import { BACKGROUND, CELL, CODE, FOREGROUND, type Line, LOOKS, type Pen, plainPen, WIDTH } from './cells.js';
import { sgrOf } from './pen.js';
import { type SavedCursor, type ScreenBuffer, tabStops } from './screen-buffer.js';
import type { TerminalScreen } from './terminal-screen.js';

const RESET = '\u001bc';
const at = (x: number, y: number): string => `\u001b[${y + 1};${x + 1}H`;
const isPlain = ({ foreground, background, looks }: Pen): boolean => foreground === 0 && background === 0 && looks === 0;

function penAt(line: Line, column: number): Pen {
  const cell = column * CELL;
  return { foreground: line[cell + FOREGROUND] ?? 0, background: line[cell + BACKGROUND] ?? 0, looks: (line[cell + LOOKS] ?? 0) & ~WIDTH };
}

class Drawer {
  readonly #screen: TerminalScreen;
  readonly #pieces: string[] = [RESET];
  /** What the terminal draws with: as numbers, which are compared for each cell. */
  #pen = plainPen();

  constructor(screen: TerminalScreen) {
    this.#screen = screen;
  }

  get text(): string {
    return this.#pieces.join('');
  }

  say(text: string): void {
    this.#pieces.push(text);
  }

  pen(pen: Pen): void {
    if (pen.foreground === this.#pen.foreground && pen.background === this.#pen.background && pen.looks === this.#pen.looks) return;
    this.#pen = { ...pen };
    this.say(sgrOf(pen));
  }

  /** The cell with its looks; without them it is drawn with the pen in hand. */
  cell(line: Line, column: number, withLooks: boolean): void {
    const cell = column * CELL;
    const { foreground, background, looks } = this.#pen;
    const own = line[cell + FOREGROUND] === foreground && line[cell + BACKGROUND] === background && ((line[cell + LOOKS] ?? 0) & ~WIDTH) === looks;
    if (withLooks && !own) this.pen(penAt(line, column));
    this.say(this.#screen.textOf(line[cell + CODE] ?? 0) || ' ');
  }

  row(line: Line, y: number): void {
    let next = -1;
    for (let column = 0; column < line.length / CELL; column++) {
      const cell = column * CELL;
      const width = (line[cell + LOOKS] ?? 0) & WIDTH;
      // Empty, and of no colour: the terminal has it so.
      const plain = line[cell + CODE] === 0 && line[cell + FOREGROUND] === 0 && line[cell + BACKGROUND] === 0 && line[cell + LOOKS] === 1;
      if (width === 0 || plain) continue;
      if (column !== next) this.say(at(column, y));
      this.cell(line, column, true);
      next = column + width;
    }
  }

  saved({ x, y, pen, drawing }: SavedCursor): void {
    if (x === 0 && y === 0 && isPlain(pen) && !drawing) return;
    this.say(at(x, y));
    this.pen(pen);
    this.say(drawing ? '\u001b(0\u001b7\u001b(B' : '\u001b7');
  }

  buffer(screen: ScreenBuffer): void {
    for (const [y, line] of screen.lines.entries()) this.row(line, y);
    this.saved(screen.saved);
    const missing = [...tabStops(screen.columns)].filter((stop) => !screen.tabs.has(stop));
    for (const stop of missing) this.say(`${at(stop, 0)}\u001b[g`);
    if (screen.top !== 0 || screen.bottom !== screen.rows - 1) this.say(`\u001b[${screen.top + 1};${screen.bottom + 1}r`);
  }

  /** Cursor, pen and modes: the last of all, because a terminal that has just drawn is not the same as one whose cursor was put there. */
  state(): void {
    const { active, modes, pen, drawn } = this.#screen;
    if (modes.origin) this.say('\u001b[?6h');
    if (!modes.wrap) this.say('\u001b[?7l');
    if (!modes.cursor) this.say('\u001b[?25l');
    const last = active.x >= active.columns;
    const joins = drawn > 0 && active.x >= drawn;
    const row = active.y - (modes.origin ? active.top : 0);
    const column = joins ? active.x - drawn : last ? this.#lastCell(active) : active.x;
    if (!joins) {
      this.say(at(column, row));
      if (last) this.cell(active.line, column, true);
    }
    this.pen(pen);
    if (modes.drawing) this.say('\u001b(0');
    if (modes.insert) this.say('\u001b[4h');
    if (!joins) return;
    this.say(at(column, row));
    // Where it inserts, what it draws would move the rest of the line: first that moves the other way.
    if (modes.insert) this.say(`\u001b[${drawn}P`);
    this.cell(active.line, column, false);
  }

  #lastCell({ line, columns }: ScreenBuffer): number {
    return columns >= 2 && ((line[(columns - 1) * CELL + LOOKS] ?? 0) & WIDTH) === 0 ? columns - 2 : columns - 1;
  }
}

/** @returns text for a terminal of the size of the screen; it begins by emptying it */
export function keyframeOf(screen: TerminalScreen): string {
  const drawer = new Drawer(screen);
  drawer.buffer(screen.normal);
  if (screen.active === screen.alternate) {
    drawer.pen(plainPen());
    drawer.say('\u001b[?1047h');
    drawer.buffer(screen.alternate);
  } else if (screen.alternate.saved.x !== 0 || screen.alternate.saved.y !== 0) {
    drawer.say('\u001b[?1047h');
    drawer.saved(screen.alternate.saved);
    drawer.pen(plainPen());
    drawer.say('\u001b[?1047l');
  }
  drawer.state();
  return drawer.text;
}
