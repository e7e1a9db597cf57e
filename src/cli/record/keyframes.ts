/**
 * What the terminal of a recording showed at a moment, without showing all that came before: the screen is kept every so often while the recording is read,
 * and drawn on from there. Kept in memory only, as long as the recording is played: a keyframe is content. Bounded: a longer recording has fewer of them.
 */
import { countWhile } from '../../base/count-while.js';
import { keyframeOf } from '../../base/screen/keyframe.js';
import { TerminalScreen } from '../../base/screen/terminal-screen.js';
import { TerminalFilter } from '../../base/terminal-filter.js';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What a recording holds, as far as it shows: text, or another size. */
export type Shown = { readonly kind: 'output' | 'marker'; readonly text: string } | ({ readonly kind: 'resize' } & TerminalSize);

/** What is to be read again between two keyframes, characters; twice as much each time that they become too many. */
const APART = 128 << 10;
/** As many characters an event costs itself. */
const EVENT = 32;
/** Characters of all keyframes together. */
const KEPT = 32 << 20;

interface Keyframe extends TerminalSize {
  /** Events in front of it. */
  readonly events: number;
  readonly text: string;
}

export class Keyframes {
  readonly #size: TerminalSize;
  readonly #frames: Keyframe[] = [];
  readonly #screen: TerminalScreen;
  readonly #filter = new TerminalFilter();
  #events = 0;
  #since = 0;
  #apart: number;
  #kept = 0;
  /** As wide and as high as the terminal ever was. */
  largest: TerminalSize;

  /** `apart`: see above. */
  constructor(size: TerminalSize, apart = APART) {
    this.#size = size;
    this.largest = size;
    this.#apart = apart;
    this.#screen = new TerminalScreen(size.columns, size.rows);
  }

  /** The recording draws: it is no list of lines. */
  get draws(): boolean {
    return this.#filter.drew;
  }

  get count(): number {
    return this.#frames.length;
  }

  /** The next event of the recording. */
  take(event: Shown): void {
    this.#events++;
    apply(event, this.#screen, this.#filter);
    if (event.kind === 'resize') {
      const { columns, rows } = this.largest;
      this.largest = { columns: Math.max(columns, event.columns), rows: Math.max(rows, event.rows) };
    }
    this.#since += EVENT + (event.kind === 'resize' ? 0 : event.text.length);
    // A sequence that is not over yet would be lost.
    if (this.#since < this.#apart || !this.#filter.idle) return;
    this.#since = 0;
    const { columns, rows } = this.#screen.active;
    const text = keyframeOf(this.#screen);
    this.#frames.push({ events: this.#events, columns, rows, text });
    this.#kept += text.length;
    if (this.#kept > KEPT) this.#thin();
  }

  /** Every second one goes. */
  #thin(): void {
    const left = this.#frames.filter((_, at) => at % 2 === 1);
    this.#frames.splice(0, this.#frames.length, ...left);
    this.#kept = left.reduce((sum, { text }) => sum + text.length, 0);
    this.#apart *= 2;
  }

  /** The screen after so many of the events that were taken, as text that draws it on any terminal of its size. */
  at(count: number, events: { at(number: number): Shown | undefined }): string {
    const frame = this.#frames[countWhile(this.#frames, ({ events: before }) => before <= count) - 1];
    const { columns, rows } = frame ?? this.#size;
    const screen = new TerminalScreen(columns, rows);
    if (frame !== undefined) screen.write(frame.text);
    const filter = new TerminalFilter();
    for (let at = frame?.events ?? 0; at < count; at++) {
      const event = events.at(at);
      if (event !== undefined) apply(event, screen, filter);
    }
    return keyframeOf(screen);
  }
}

function apply(event: Shown, screen: TerminalScreen, filter: TerminalFilter): void {
  if (event.kind === 'output') screen.write(filter.write(event.text));
  else if (event.kind === 'resize') screen.resize(event.columns, event.rows);
}
