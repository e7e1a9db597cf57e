/**
 * What xterm makes of a stream, as the reference for gw's own screen: cell by cell with all looks, cursor, modes and which screen it is. Lines are not wrapped
 * anew when the size changes, and characters are as wide as gw takes them to be, because terminals differ in both.
 */
import { createRequire } from 'node:module';
import type { IBufferCell, Terminal as XtermTerminal } from '@xterm/headless';
import { cellWidth } from '../../src/base/screen/cell-width.js';

const require = createRequire(import.meta.url);
const { Terminal } = require('@xterm/headless') as typeof import('@xterm/headless');

export type Piece = string | { readonly columns: number; readonly rows: number };

export class ReferenceScreen {
  readonly #terminal: XtermTerminal;

  constructor(cols: number, rows: number) {
    this.#terminal = new Terminal({ allowProposedApi: true, cols, rows, scrollback: 0, windowsPty: { backend: 'conpty', buildNumber: 1 } });
    this.#terminal.unicode.register({
      version: 'gw',
      wcwidth: (code) => cellWidth(code) as 0 | 1 | 2,
      charProperties: (code, preceding) => {
        const joins = cellWidth(code) === 0 && preceding !== 0;
        const before = (preceding >> 1) & 3;
        const join = joins && before !== 0;
        const width = join ? before : cellWidth(code);
        return (width << 1) | (join ? 1 : 0);
      },
    });
    this.#terminal.unicode.activeVersion = 'gw';
  }

  async take(pieces: readonly Piece[]): Promise<void> {
    for (const piece of pieces) {
      if (typeof piece === 'string') await new Promise<void>((resolve) => this.#terminal.write(piece, resolve));
      else this.#terminal.resize(piece.columns, piece.rows);
    }
  }

  tell(): object {
    const { buffer, cols, rows, modes } = this.#terminal;
    const { active } = buffer;
    const lines: string[] = [];
    for (let y = 0; y < rows; y++) {
      const line = active.getLine(active.baseY + y);
      let looks = '';
      let cells = '';
      let before = 0;
      for (let x = 0; x < cols; x++) {
        const cell = line?.getCell(x);
        if (cell === undefined) continue;
        const own = look(cell);
        cells += (own === looks ? '' : `{${own}}`) + (cell.getWidth() === 0 && before === 2 ? '' : cell.getChars() || ' ');
        before = cell.getWidth();
        looks = own;
      }
      lines.push(cells);
    }
    const { insertMode, originMode, wraparoundMode } = modes;
    return { screen: active.type, cursor: `${active.cursorX},${active.cursorY}`, insertMode, originMode, wraparoundMode, lines };
  }
}

const PLAIN_SPACE = '0 -1 0 -1 0';

function look(cell: IBufferCell): string {
  const sets = [cell.isBold(), cell.isDim(), cell.isItalic(), cell.isUnderline(), cell.isBlink(), cell.isInverse(), cell.isInvisible(), cell.isStrikethrough()];
  const bits = [...sets, cell.isOverline()].map((set) => (set === 0 ? 0 : 1)).join('');
  const told = [cell.getFgColorMode(), cell.getFgColor(), cell.getBgColorMode(), cell.getBgColor(), Number(bits)].join(' ');
  return told === PLAIN_SPACE ? '' : told;
}
