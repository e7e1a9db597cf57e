/**
 * Where a replay stands: position, speed, pause, and what has been shown. Elapsed time and keys in, text out; whoever drives it owns clock
 * and terminal. Times are milliseconds. A recording that draws is shown from a keyframe on after each seek; of one that only writes lines, the last.
 */
import { straightDown } from '../../base/terminal-filter.js';
import type { CastEvents } from './cast-events.js';
import type { Keyframes, TerminalSize } from './keyframes.js';
import type { Cast } from './read-cast.js';

export interface PlaybackOptions {
  readonly speed: number;
  /** Position to begin at. */
  readonly from: number;
}

/** How far the arrows go, and what is shown again after that. */
const STEP_MS = 5_000;
const SCREEN_LINES = 200;
/** Characters that are shown at once; what is due beyond that follows. */
const AT_ONCE = 1 << 20;
const SLOWEST = 0.125;
const FASTEST = 64;

export type Move = 'pause' | 'back' | 'forward' | 'faster' | 'slower' | 'next' | 'previous';

export class Playback {
  readonly #events: CastEvents;
  readonly length: number;
  readonly #keyframes: Keyframes;
  readonly #largest: TerminalSize;
  /** Nothing was shown yet of what is to be shown from its middle on. */
  #begun: boolean;
  #at = 0;
  /** Events shown. */
  #shown = 0;
  #speed: number;
  #paused = false;

  constructor(cast: Cast, { speed, from }: PlaybackOptions) {
    this.#events = cast.events;
    this.length = cast.events.length;
    this.#speed = speed;
    this.#at = Math.min(from, this.length);
    this.#begun = this.#at === 0;
    this.#keyframes = cast.keyframes;
    this.#largest = cast.keyframes.largest;
  }

  get position(): number {
    return this.#at;
  }

  get speed(): number {
    return this.#speed;
  }

  /** The size that a terminal needs to show it as it was; null: any does. */
  get size(): TerminalSize | null {
    return this.#keyframes.draws ? this.#largest : null;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get over(): boolean {
    return this.#shown === this.#events.count;
  }

  /** Time until something happens; null: nothing does until a key comes. */
  get wait(): number | null {
    const next = this.#events.at(this.#shown);
    return this.#paused || next === undefined ? null : Math.max(0, (next.at - this.#at) / this.#speed);
  }

  /** So much time has passed; gives what is to be shown now. */
  advance(elapsed: number): string {
    if (!this.#paused) this.#at = Math.min(this.length, this.#at + elapsed * this.#speed);
    const jumps = !this.#begun && this.#keyframes.draws && Number.isFinite(elapsed);
    this.#begun = true;
    return jumps ? this.#seek(this.#at) : this.#due();
  }

  /** A key. Gives the whole screen when what is shown must be drawn anew, otherwise null. */
  move(move: Move): string | null {
    switch (move) {
      case 'pause':
        this.#paused = !this.#paused;
        return null;
      case 'faster':
        this.#speed = Math.min(FASTEST, this.#speed * 2);
        return null;
      case 'slower':
        this.#speed = Math.max(SLOWEST, this.#speed / 2);
        return null;
      case 'back':
        return this.#seek(this.#at - STEP_MS);
      case 'forward':
        return this.#seek(this.#at + STEP_MS);
      case 'next':
        return this.#seek(this.#events.markerAfter(this.#at) ?? this.length);
      case 'previous':
        return this.#seek(this.#events.markerBefore(this.#at) ?? 0);
    }
  }

  #seek(to: number): string {
    this.#at = Math.max(0, Math.min(this.length, to));
    this.#begun = true;
    this.#shown = this.#events.countUntil(this.#at);
    if (this.#keyframes.draws) return this.#keyframes.at(this.#shown, this.#events);
    // Backwards, and no further than a screen reaches: a recording of hours is not put together for it.
    const pieces: string[] = [];
    for (let at = this.#shown - 1, lines = 0, length = 0; at >= 0 && lines < SCREEN_LINES && length < AT_ONCE; at--) {
      const event = this.#events.at(at);
      if (event?.kind !== 'output') continue;
      pieces.push(event.text);
      lines += event.text.split('\n').length - 1;
      length += event.text.length;
    }
    return pieces.reverse().join('').replaceAll('\r\n', '\n').split('\n').slice(-SCREEN_LINES).join('\n');
  }

  #due(): string {
    let text = '';
    // A line break is not cut, if that is soon.
    while (text.length < AT_ONCE || (text.endsWith('\r') && text.length < 2 * AT_ONCE)) {
      const next = this.#events.at(this.#shown);
      if (next === undefined || next.at > this.#at) break;
      if (next.kind === 'output') text += next.text;
      this.#shown++;
    }
    return (this.#keyframes.draws ? straightDown(text) : text).replaceAll('\r\n', '\n');
  }
}
