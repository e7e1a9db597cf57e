/**
 * A replay at a terminal: space pauses, arrows seek (left, right) and change the speed (up, down), n and p go to the next and previous operation, q
 * ends. Of what was recorded only text and what draws gets to the terminal (`base/terminal-filter.ts`). The terminal is put back
 * as it was, however the replay ends.
 */
import { performance } from 'node:perf_hooks';
import { TerminalFilter } from '../../base/terminal-filter.js';
import { GwError } from '../../contract/gw-error.js';
import type { Move, Playback } from './playback.js';

/** Colours, a hidden cursor and another screen are not left behind. */
const RESTORE = '\u001b[0m\u001b[?25h\u001b[?1049l';
const CLEAR = '\u001b[2J\u001b[H';

const KEYS: Readonly<Record<string, Move>> = {
  ' ': 'pause',
  '\u001b[D': 'back',
  '\u001b[C': 'forward',
  '\u001b[A': 'faster',
  '\u001b[B': 'slower',
  n: 'next',
  p: 'previous',
};
/** Several keys may come at once. */
const EACH_KEY = /\u001b\[[A-D]|[\s\S]/g;
const QUIT: ReadonlySet<string> = new Set(['q', '\u0003', '\u0004']);

/** Resolves when the replay has ended or was left. True: it was left. @throws GwError `recording.local` when the rest of it cannot be read */
export async function playAtTerminal(playback: Playback, talk: (line: string) => void): Promise<boolean> {
  const { stdin, stdout } = process;
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    let last = performance.now();
    let ended = false;
    let filter = new TerminalFilter();
    const show = (text: string): void => void stdout.write(filter.write(text));
    const putBack = (): void => {
      ended = true;
      clearTimeout(timer);
      stdin.off('data', onData);
      stdin.setRawMode(false);
      stdin.pause();
      if (filter.drew) stdout.write(RESTORE);
    };
    const finish = (left: boolean): void => {
      putBack();
      resolve(left);
    };
    /** What fails while it plays ends it. */
    const attempt = (work: () => void): void => {
      try {
        work();
      } catch (thrown) {
        putBack();
        reject(GwError.from(thrown));
      }
    };
    const tick = (): void => {
      clearTimeout(timer);
      const now = performance.now();
      show(playback.advance(now - last));
      last = now;
      const { wait } = playback;
      if (playback.over && !playback.paused) finish(false);
      else if (wait !== null) timer = setTimeout(() => attempt(tick), wait);
    };
    const onKeys = (typed: Buffer): void => {
      for (const key of typed.toString('latin1').match(EACH_KEY) ?? []) {
        if (ended) return;
        if (QUIT.has(key)) {
          finish(true);
          return;
        }
        onKey(key);
      }
    };
    const onData = (typed: Buffer): void => attempt(() => onKeys(typed));
    const onKey = (key: string): void => {
      const move = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
      if (move === undefined) return;
      // What was due before the key belongs to the time before it.
      const now = performance.now();
      show(playback.advance(now - last));
      last = now;
      const screen = playback.move(move);
      if (screen !== null) {
        stdout.write(CLEAR);
        filter = new TerminalFilter();
        show(screen);
      } else talk(`[${playback.paused ? 'paused' : 'playing'} at ${clock(playback.position)} of ${clock(playback.length)}, speed ${playback.speed}]`);
      tick();
    };
    const { size } = playback;
    if (size !== null && (size.columns > stdout.columns || size.rows > stdout.rows))
      talk(
        `[recorded on a terminal of ${size.columns}x${size.rows}; this one is ${stdout.columns}x${stdout.rows}, so some of it will be drawn in the wrong place]`,
      );
    stdin.setRawMode(true);
    stdin.on('data', onData);
    stdin.resume();
    attempt(tick);
  });
}

const clock = (milliseconds: number): string => {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
};
