/**
 * The screen of a terminal, for those who want to know what it shows at a moment without showing all that came before: cells with colours and looks, two
 * screens, cursor, margins, modes. Takes what the filter for terminals lets through (`base/terminal-filter.ts`), so whole sequences, and nothing
 * that acts; anything else is ignored. Behaves as xterm does, but that lines are not wrapped anew when the size changes.
 *
 * Its memory is bounded by the size of the terminal, which is bounded here. What it is told is untrusted.
 */

import { cellWidth } from './cell-width.js';
import { CELL, COMBINED, deleteCells, emptied, erase, insertCells, type Line, type Pen, plainPen, put, widthAt } from './cells.js';
import { applySgr } from './pen.js';
import { ScreenBuffer } from './screen-buffer.js';

const LARGEST = { columns: 700, rows: 250 } as const;
/** Texts of several characters in one cell: so many different ones, and so long. */
const COMBINED_KEPT = 65_536;
const COMBINED_LENGTH = 32;
/** Numbers in a sequence are no larger. */
const MOST = 65_535;
/** What ` to ~ draw with in the set of line drawing. */
const DRAWING = '◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·';

/** Where a sequence ends: its final character. */
const SEQUENCE = /\u001b(?:\[([0-9;:?]*)([@-~])|([()])(.)|(.))/y;

interface Modes {
  origin: boolean;
  wrap: boolean;
  insert: boolean;
  cursor: boolean;
  /** Of the line drawing set. */
  drawing: boolean;
}

const usual = (): Modes => ({ origin: false, wrap: true, insert: false, cursor: true, drawing: false });

const bounded = (value: number, most: number): number => Math.min(most, Math.max(1, Math.trunc(value) || 1));

export class TerminalScreen {
  readonly normal: ScreenBuffer;
  readonly alternate: ScreenBuffer;
  active: ScreenBuffer;
  pen: Pen = plainPen();
  modes: Modes = usual();
  /** Width of the character that was drawn last, when nothing came after it; 0: something did. A mark or a repetition belongs to it. */
  drawn = 0;
  readonly #texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  /** A terminal has at least two columns. */
  constructor(columns: number, rows: number) {
    const [wide, high] = [Math.max(2, bounded(columns, LARGEST.columns)), bounded(rows, LARGEST.rows)];
    this.normal = new ScreenBuffer(wide, high);
    this.alternate = new ScreenBuffer(wide, high);
    this.active = this.normal;
  }

  /** The text of a cell's code. */
  textOf(code: number): string {
    if (code === 0) return '';
    return (code & COMBINED) === 0 ? String.fromCodePoint(code) : (this.#texts[code & ~COMBINED] ?? '');
  }

  resize(columns: number, rows: number): void {
    const [wide, high] = [Math.max(2, bounded(columns, LARGEST.columns)), bounded(rows, LARGEST.rows)];
    if (wide === this.active.columns && high === this.active.rows) return;
    const { x } = this.active;
    this.normal.resize(wide, high);
    this.alternate.resize(wide, high);
    if (this.active.x !== x) this.drawn = 0;
  }

  write(text: string): void {
    for (let at = 0; at < text.length; ) {
      const code = text.charCodeAt(at);
      if (code >= 0x20) at = this.#print(text, at);
      else if (code === 0x1b) {
        SEQUENCE.lastIndex = at;
        const found = SEQUENCE.exec(text);
        if (found === null) at++;
        else {
          at = SEQUENCE.lastIndex;
          this.#sequence(found);
        }
      } else {
        at++;
        this.#control(code);
      }
    }
  }

  #control(code: number): void {
    const screen = this.active;
    this.drawn = 0;
    if (code === 0x0d) screen.x = 0;
    else if (code === 0x0a) {
      screen.down(this.pen.background);
      if (screen.x >= screen.columns) screen.x--;
    } else if (code === 0x08) {
      screen.restrict(this.modes.origin);
      if (screen.x > 0) screen.x--;
    } else if (code === 0x09 && screen.x < screen.columns) screen.x = screen.nextTab();
  }

  /** Draws from `at` on up to a control character; gives where that is. */
  #print(text: string, from: number): number {
    const screen = this.active;
    let at = from;
    if (screen.x > 0 && widthAt(screen.line, screen.x - 1) === 2) emptied(screen.line, screen.x - 1, this.pen);
    while (at < text.length) {
      const code = text.codePointAt(at) ?? 0;
      if (code < 0x20) break;
      at += code > 0xff_ff ? 2 : 1;
      if (code !== 0x7f) this.#draw(this.modes.drawing && code >= 0x60 && code < 0x7f ? DRAWING.charCodeAt(code - 0x60) : code);
    }
    this.#mend();
    return at;
  }

  /** What is left of a wide character whose first half was drawn over. */
  #mend(): void {
    const { line, x, columns } = this.active;
    if (x < columns && widthAt(line, x) === 0 && (x === 0 || widthAt(line, x - 1) !== 2)) emptied(line, x, this.pen);
  }

  #draw(code: number): void {
    const screen = this.active;
    const width = cellWidth(code);
    if (width === 0) {
      this.#join(code);
      return;
    }
    if (screen.x + width > screen.columns) {
      if (this.modes.wrap) this.#wrap();
      else {
        screen.x = screen.columns - 1;
        this.drawn = 0;
        if (width === 2) return;
      }
    }
    const { line } = screen;
    if (this.modes.insert) {
      insertCells(line, screen.x, width, this.pen);
    }
    put(line, screen.x++, code, width, this.pen);
    if (width === 2) put(line, screen.x++, 0, 0, this.pen);
    this.drawn = width;
  }

  #wrap(): void {
    const screen = this.active;
    for (let column = screen.x; column < screen.columns; column++) emptied(screen.line, column, this.pen);
    screen.x = 0;
    screen.down(this.pen.background);
  }

  /** A mark goes into the cell of the character before it; where there is none it is not drawn. */
  #join(code: number): void {
    const screen = this.active;
    if (this.drawn === 0 || screen.x < this.drawn) return;
    const at = (screen.x - this.drawn) * CELL;
    const { line } = screen;
    const text = this.textOf(line[at] ?? 0) + String.fromCodePoint(code);
    const number = this.#numbers.get(text) ?? this.#texts.length;
    if (text.length > COMBINED_LENGTH || number >= COMBINED_KEPT) return;
    this.#texts[number] = text;
    this.#numbers.set(text, number);
    line[at] = (COMBINED | number) >>> 0;
  }

  #sequence([, parameters = '', final = '', set, charset, short]: readonly (string | undefined)[]): void {
    const { drawn } = this;
    this.drawn = 0;
    if (set !== undefined) {
      // The second set is drawn with after a control that does not get here.
      if (set === '(') this.modes.drawing = charset === '0';
    } else if (short !== undefined) this.#short(short);
    else if (final === 'm') applySgr(this.pen, parameters);
    else if (final === 'h' || final === 'l') this.#setModes(parameters, final === 'h');
    else if (final === 'b') this.#repeat(drawn, numbersOf(parameters)[0] ?? 1);
    else if (!parameters.startsWith('?')) this.#act(final, numbersOf(parameters));
  }

  #short(short: string): void {
    const screen = this.active;
    const { background } = this.pen;
    if (short === '7') this.#save();
    else if (short === '8') this.#restore();
    else if (short === 'c') this.#reset();
    else if (short === 'D' || short === 'E' || short === 'M') {
      if (short === 'E') screen.x = 0;
      screen.restrict(this.modes.origin);
      if (short === 'M') screen.up(background);
      else screen.down(background);
      screen.restrict(this.modes.origin);
    }
  }

  #act(final: string, numbers: readonly (number | undefined)[]): void {
    const screen = this.active;
    const { background } = this.pen;
    const count = Math.max(1, numbers[0] ?? 1);
    const within = (): Line => {
      screen.restrict(this.modes.origin);
      return screen.line;
    };
    switch (final) {
      case '@':
        insertCells(within(), screen.x, count, { ...plainPen(), background });
        return;
      case 'P':
        deleteCells(within(), screen.x, count, background);
        return;
      case 'X':
        erase(within(), screen.x, screen.x + count, background);
        return;
      case 'J':
        this.#eraseScreen(numbers[0] ?? 0);
        return;
      case 'K':
        this.#eraseLine(numbers[0] ?? 0);
        return;
      case 'L':
        within();
        screen.insertLines(count, background);
        return;
      case 'M':
        within();
        screen.deleteLines(count, background);
        return;
      case 'S':
        screen.scrollUp(count, background);
        return;
      case 'T':
        screen.scrollDown(count, 0);
        return;
      case 'I':
      case 'Z':
        for (let done = 0; done < Math.min(count, screen.columns) && screen.x < screen.columns; done++)
          screen.x = final === 'I' ? screen.nextTab() : screen.previousTab();
        return;
      case 'g':
        if ((numbers[0] ?? 0) === 0) screen.tabs.delete(screen.x);
        else if (numbers[0] === 3) screen.tabs.clear();
        return;
      case 'r':
        this.#setMargins(count, numbers[1] ?? 0);
        return;
      case 's':
        this.#save();
        return;
      case 'u':
        this.#restore();
        return;
      default:
        this.#move(final, count, Math.max(1, numbers[1] ?? 1));
    }
  }

  #move(final: string, count: number, second: number): void {
    const screen = this.active;
    const { origin } = this.modes;
    const home = origin ? screen.top : 0;
    screen.restrict(origin);
    if (final === 'A' || final === 'F') screen.y = screen.y >= screen.top ? Math.max(screen.top, screen.y - count) : screen.y - count;
    else if (final === 'B' || final === 'E') screen.y = screen.y <= screen.bottom ? Math.min(screen.bottom, screen.y + count) : screen.y + count;
    else if (final === 'C' || final === 'a') screen.x += count;
    else if (final === 'D') screen.x -= count;
    else if (final === 'G' || final === '`') screen.x = count - 1;
    else if (final === 'd') screen.y = home + count - 1;
    else if (final === 'e') screen.y += count;
    else if (final === 'H' || final === 'f') {
      screen.x = second - 1;
      screen.y = home + count - 1;
    }
    if (final === 'E' || final === 'F') screen.x = 0;
    screen.restrict(origin);
  }

  #setMargins(top: number, bottom: number): void {
    const screen = this.active;
    const last = bottom === 0 || bottom > screen.rows ? screen.rows : bottom;
    if (last <= top) return;
    screen.top = top - 1;
    screen.bottom = last - 1;
    screen.x = 0;
    screen.y = this.modes.origin ? screen.top : 0;
  }

  #eraseScreen(what: number): void {
    const screen = this.active;
    const { background } = this.pen;
    screen.restrict(this.modes.origin, screen.columns);
    if (what === 0) {
      erase(screen.line, screen.x, screen.columns, background);
      screen.eraseRows(screen.y + 1, screen.rows, background);
    } else if (what === 1) {
      erase(screen.line, 0, screen.x + 1, background);
      screen.eraseRows(0, screen.y, background);
    } else if (what === 2) screen.eraseRows(0, screen.rows, background);
  }

  #eraseLine(what: number): void {
    const screen = this.active;
    screen.restrict(this.modes.origin, screen.columns);
    if (what > 2) return;
    erase(screen.line, what === 0 ? screen.x : 0, what === 1 ? screen.x + 1 : screen.columns, this.pen.background);
  }

  #repeat(width: number, count: number): void {
    const screen = this.active;
    if (width === 0 || screen.x < width) return;
    const text = this.textOf(screen.line[(screen.x - width) * CELL] ?? 0);
    const many = Math.min(Math.max(1, count), screen.columns * screen.rows);
    for (let done = 0; done < many; done++) {
      this.drawn = width;
      for (const character of text) this.#draw(character.codePointAt(0) ?? 0);
    }
    this.#mend();
    this.drawn = 0;
  }

  #save(): void {
    const { x, y } = this.active;
    this.active.saved = { x, y, pen: { ...this.pen }, drawing: this.modes.drawing };
  }

  #restore(): void {
    const { x, y, pen, drawing } = this.active.saved;
    Object.assign(this.active, { x, y });
    this.pen = { ...pen };
    this.modes.drawing = drawing;
    this.active.restrict(this.modes.origin);
  }

  #reset(): void {
    this.modes = usual();
    this.pen = plainPen();
    for (const screen of [this.normal, this.alternate]) {
      screen.clear(0);
      screen.saved = { x: 0, y: 0, pen: plainPen(), drawing: false };
    }
    this.active = this.normal;
  }

  #setModes(parameters: string, on: boolean): void {
    if (parameters === '4') this.modes.insert = on;
    if (!parameters.startsWith('?')) return;
    for (const mode of parameters.slice(1).split(';')) this.#setMode(mode, on);
  }

  #setMode(mode: string, on: boolean): void {
    if (mode === '6') {
      this.modes.origin = on;
      this.active.x = 0;
      this.active.y = on ? this.active.top : 0;
    } else if (mode === '7') this.modes.wrap = on;
    else if (mode === '25') this.modes.cursor = on;
    else if (mode === '1048') {
      if (on) this.#save();
      else this.#restore();
    } else if (mode === '47' || mode === '1047' || mode === '1049') {
      if (on && mode === '1049') this.#save();
      this.#show(on ? this.alternate : this.normal);
      if (!on && mode === '1049') this.#restore();
    }
  }

  #show(screen: ScreenBuffer): void {
    const before = this.active;
    if (screen === before) return;
    const { x, y } = before;
    if (screen === this.alternate) screen.clear(this.pen.background);
    Object.assign(screen, { x, y });
    this.active = screen;
  }
}

/** What is left out is undefined. */
const numbersOf = (parameters: string): readonly (number | undefined)[] =>
  parameters === '' ? [] : parameters.split(';').map((part) => (part === '' ? undefined : Math.min(MOST, Number.parseInt(part, 10) || 0)));
