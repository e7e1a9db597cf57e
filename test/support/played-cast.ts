/**
 * What a terminal shows, by programs that nobody here wrote: asciinema's player (the part of it that runs without a browser) reads a cast and says what goes
 * to a terminal in which order, and xterm says what the screen is then, cell by cell.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createContext, runInContext } from 'node:vm';
import type { IBufferCell, Terminal as XtermTerminal } from '@xterm/headless';

const require = createRequire(import.meta.url);
const { Terminal } = require('@xterm/headless') as typeof import('@xterm/headless');

export type Shown = { readonly output: string } | { readonly cols: number; readonly rows: number };

interface PlayerMessage {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
  readonly params?: { readonly name: string; readonly event: unknown };
}

/** What the player gives to its terminal when it goes to the end of the cast. @throws what the player has against it */
export async function playCast(cast: string): Promise<Shown[]> {
  const shown: Shown[] = [];
  const waiting = new Map<number, (message: PlayerMessage) => void>();
  const failures: unknown[] = [];
  const take = ({ name, event }: NonNullable<PlayerMessage['params']>): void => {
    if (name === 'output') shown.push({ output: (event as string[]).join('') });
    else if (name === 'resize') shown.push(event as { cols: number; rows: number });
    else if (name === 'reset') shown.push((event as { size: { cols: number; rows: number } }).size);
    else failures.push(event);
  };
  // Its part for workers: it has messages for an interface, and nothing of a page.
  const worker = createContext({
    ...{ performance, setTimeout, clearTimeout, setInterval, clearInterval, Response, TextDecoder, URL, console },
    postMessage: (message: PlayerMessage) =>
      message.id === undefined ? message.params !== undefined && take(message.params) : waiting.get(message.id)?.(message),
  }) as { onmessage(message: { data: object }): void };
  runInContext(readFileSync(require.resolve('asciinema-player/dist/bundle/asciinema-player-worker.min.js'), 'utf8'), worker);
  const ask = (method: string, params: unknown = null): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = waiting.size + 1;
      waiting.set(id, ({ error, result }) => (error === undefined ? resolve(result) : reject(new Error(`the player: ${error.message}`))));
      worker.onmessage({ data: { id, method, params } });
    });
  await ask('new', [{ data: cast }, { speed: 1 }]);
  for (const name of ['output', 'resize', 'reset', 'error']) await ask('addEventListener', [name]);
  worker.onmessage({ data: { method: 'terminalReady' } });
  await ask('init');
  await ask('seek', '100%');
  if (failures.length > 0) throw new Error(`the player: ${JSON.stringify(failures)}`);
  return shown;
}

/** The screen of xterm after all of it, or just behind the first `mark`: lines of cells with their looks, the cursor, and which of both screens it is. */
export async function screenOf(shown: readonly Shown[], mark: string | null = null): Promise<object> {
  const terminal = new Terminal({ allowProposedApi: true, cols: 80, rows: 24 });
  const write = (text: string): Promise<void> => new Promise((resolve) => terminal.write(text, resolve));
  let text = '';
  for (const each of shown) {
    if (!('output' in each)) {
      terminal.resize(each.cols, each.rows);
      continue;
    }
    const before = text.length;
    text += each.output;
    const at = mark === null ? -1 : text.indexOf(mark);
    await write(at < 0 ? each.output : text.slice(before, at + (mark ?? '').length));
    if (at >= 0) return told(terminal);
  }
  if (mark !== null) throw new Error(`"${mark}" was never shown`);
  return told(terminal);
}

function told({ buffer: { active }, cols, rows }: XtermTerminal): object {
  const lines: string[] = [];
  for (let y = 0; y < rows; y++) {
    const line = active.getLine(active.baseY + y);
    let looks = '';
    let cells = '';
    for (let x = 0; x < cols; x++) {
      const cell = line?.getCell(x);
      if (cell === undefined) continue;
      const own = look(cell);
      cells += (own === looks ? '' : `{${own}}`) + (cell.getWidth() === 0 ? '' : cell.getChars() || ' ');
      looks = own;
    }
    lines.push(cells.trimEnd());
  }
  return { size: `${cols}x${rows}`, screen: active.type, cursor: `${active.cursorX},${active.cursorY}`, lines };
}

const look = (cell: IBufferCell): string =>
  [
    cell.getFgColorMode(),
    cell.getFgColor(),
    cell.getBgColorMode(),
    cell.getBgColor(),
    ...[cell.isBold(), cell.isDim(), cell.isItalic(), cell.isUnderline(), cell.isInverse()].map((set) => (set === 0 ? 0 : 1)),
  ].join(' ');
