/**
 * The terminals of a session as a cast shows them: what each was sent, less what does anything but draw. For who joins a session in the middle, what a
 * terminal showed then stands in the place of all that made it so (`base/screen`); that is made here of the record, and kept nowhere.
 */
import { StringDecoder } from 'node:string_decoder';
import { keyframeOf } from '../../base/screen/keyframe.js';
import { TerminalScreen } from '../../base/screen/terminal-screen.js';
import { TerminalFilter } from '../../base/terminal-filter.js';
import { visible } from '../../base/visible-text.js';
import { type CastTape, TERMINAL } from './cast-tape.js';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

interface Running {
  readonly decoder: StringDecoder;
  readonly filter: TerminalFilter;
  /** What it shows, where that is not told yet; null: it is told as it comes. */
  screen: TerminalScreen | null;
}

/** An empty screen: what follows is drawn as it was where it was sent. */
const RESET = '\u001bc';
const TERMINALS = 1_000;
/** Screens of terminals that run at once; what further ones were sent is told in full. */
const SCREENS = 8;

const known = ({ columns, rows }: TerminalSize): TerminalSize => ({
  columns: columns === 0 ? TERMINAL.cols : columns,
  rows: rows === 0 ? TERMINAL.rows : rows,
});

/** A terminal that was never given a size has the usual one. */
function sizeOf(size: TerminalSize): string {
  const { columns, rows } = known(size);
  return `${columns}x${rows}`;
}

/** Cut characters and sequences wait for their rest. */
export class ShownTerminals {
  readonly #tape: CastTape;
  readonly #running = new Map<number, Running>();
  /** Nobody waits for what comes: only the screens count until then. */
  #late: boolean;

  constructor(tape: CastTape, late: boolean) {
    this.#tape = tape;
    this.#late = late;
  }

  begin({ time, sequence, exact, ...size }: TerminalSize & { readonly time: number; readonly sequence: number; readonly exact: Buffer }): string {
    if (this.#running.size < TERMINALS) {
      const screens = [...this.#running.values()].filter(({ screen }) => screen !== null).length;
      const { columns, rows } = known(size);
      const screen = this.#late && screens < SCREENS ? new TerminalScreen(columns, rows) : null;
      this.#running.set(sequence, { decoder: new StringDecoder('utf8'), filter: new TerminalFilter(), screen });
    }
    const head = this.#tape.event(time, 'm', `#${sequence}`) + this.#tape.out(time, [`[terminal: ${visible(exact.toString('utf8'))}]`]);
    return `${head}${this.#tape.event(time, 'r', sizeOf(size))}${this.#tape.event(time, 'o', RESET)}`;
  }

  output({ time, sequence, bytes }: { readonly time: number; readonly sequence: number; readonly bytes: Buffer }): string {
    const terminal = this.#running.get(sequence);
    if (terminal === undefined) return '';
    const text = terminal.filter.write(terminal.decoder.write(bytes));
    if (terminal.screen === null) return text === '' ? '' : this.#tape.event(time, 'o', text);
    terminal.screen.write(text);
    return '';
  }

  resize({ time, sequence, ...size }: TerminalSize & { readonly time: number; readonly sequence: number }): string {
    const screen = this.#running.get(sequence)?.screen ?? null;
    if (screen === null) return this.#tape.event(time, 'r', sizeOf(size));
    const { columns, rows } = known(size);
    screen.resize(columns, rows);
    return '';
  }

  /** From here on everything is told as it comes: what terminals show that run is, now. */
  live(): string {
    this.#late = false;
    return [...this.#running.values()].map((terminal) => this.#tell(terminal, null)).join('');
  }

  /** It is over; what it showed last is told where it was not. */
  end(sequence: number, time: number): string {
    const terminal = this.#running.get(sequence);
    this.#running.delete(sequence);
    return terminal === undefined ? '' : this.#tell(terminal, time);
  }

  /** `time` null: that of what was told last. */
  #tell(terminal: Running, time: number | null): string {
    const { screen } = terminal;
    if (screen === null) return '';
    terminal.screen = null;
    const at = time ?? this.#tape.now;
    return this.#tape.event(at, 'r', sizeOf(screen.active)) + this.#tape.event(at, 'o', keyframeOf(screen));
  }
}
