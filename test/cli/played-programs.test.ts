/**
 * What real programs write to a terminal (an editor, a pager, the list of processes, a terminal within the terminal), with other sizes in between: at
 * every moment a keyframe and the rest are the screen of the whole, as xterm shows it.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyframeOf } from '../../src/base/screen/keyframe.js';
import { TerminalScreen } from '../../src/base/screen/terminal-screen.js';
import { TerminalFilter } from '../../src/base/terminal-filter.js';
import { type Piece, ReferenceScreen } from '../support/reference-screen.js';

const SIZE = { cols: 80, rows: 24 };
/** Higher and wider: xterm keeps what it cuts off, and shows it again. */
const LARGER = { cols: 100, rows: 30 };

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'gw-programs-'));
  const lines = Array.from({ length: 400 }, (_, at) => `int line_${at} = ${at}; /* ${'漢字 é '.repeat(at % 4)}*/`);
  writeFileSync(join(dir, 'file.c'), `${lines.join('\n')}\n`);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A key is given when what was written so far contains its text (after the key before it); without text, when nothing waits for anything else. */
interface Step {
  readonly seen: RegExp;
  readonly keys?: string;
  readonly larger?: true;
}

async function recorded(command: string, args: readonly string[], steps: readonly Step[]): Promise<Piece[]> {
  const pty = spawn(command, [...args], {
    ...SIZE,
    name: 'xterm-256color',
    cwd: dir,
    env: { PATH: process.env['PATH'] ?? '', HOME: dir, LC_ALL: 'C.UTF-8', TERM: 'xterm-256color' },
  });
  const pieces: Piece[] = [];
  const filter = new TerminalFilter();
  const left = [...steps];
  let seen = '';
  pty.onData((data) => {
    pieces.push(filter.write(data));
    seen += data;
    const [step] = left;
    if (step === undefined || !step.seen.test(seen)) return;
    left.shift();
    seen = '';
    if (step.larger === true) {
      pieces.push({ columns: LARGER.cols, rows: LARGER.rows });
      pty.resize(LARGER.cols, LARGER.rows);
    }
    if (step.keys !== undefined) pty.write(step.keys);
  });
  await new Promise<void>((resolve) => pty.onExit(() => resolve()));
  expect(left, `what was to be seen of ${command} never came: ${JSON.stringify(seen.slice(-300))}`).toEqual([]);
  return pieces;
}

const told = async (pieces: readonly Piece[], columns: number, rows: number): Promise<object> => {
  const reference = new ReferenceScreen(columns, rows);
  await reference.take(pieces);
  return reference.tell();
};

function screenOf(pieces: readonly Piece[]): TerminalScreen {
  const screen = new TerminalScreen(SIZE.cols, SIZE.rows);
  for (const piece of pieces) {
    if (typeof piece === 'string') screen.write(piece);
    else screen.resize(piece.columns, piece.rows);
  }
  return screen;
}

describe('a keyframe at every moment of', () => {
  it.each<[string, string, readonly string[], readonly Step[]]>([
    [
      'vim',
      'vim',
      ['-u', 'NONE', '-N', '-c', 'set nomore hlsearch number', 'file.c'],
      [
        { seen: /line_10/, keys: '\u0006\u0006G' },
        // Only what differs is drawn.
        { seen: /399 = 399/, keys: '50%/line_2\r' },
        { seen: /\/line_2/, larger: true },
        { seen: /\u001b/, keys: ':split\r' },
        { seen: /split/, keys: 'ddOnew text 漢字\u001b:wqa!\r' },
      ],
    ],
    [
      'less',
      'less',
      ['file.c'],
      [
        { seen: /line_10/, keys: ' ' },
        { seen: /line_30/, keys: '/line_2\r' },
        // No other size here: when the signal of it is heard, in the middle of what key, is chance.
        { seen: /line_2/, keys: 'G' },
        { seen: /line_399/, keys: 'bbkkq' },
      ],
    ],
    ['top', 'top', ['-d', '0.2', '-n', '6'], [{ seen: /PID/, larger: true }]],
    [
      'a build',
      'sh',
      [
        '-c',
        'for i in $(seq 1 120); do printf "\\033[32m[%d/120]\\033[0m cc -O2 file_%d.c\\n" $i $i; printf "  50%%\\r 100%%\\n"; done; tput smcup; tput cup 3 5; echo in; tput rmcup; ls --color=always /',
      ],
      [],
    ],
  ])('%s', async (_name, command, args, steps) => {
    const pieces = await recorded(command, args, steps);
    const whole = await told(pieces, SIZE.cols, SIZE.rows);
    const every = Math.max(1, Math.floor(pieces.length / 25));
    for (let cut = 0; cut <= pieces.length; cut += every) {
      const screen = screenOf(pieces.slice(0, cut));
      const { columns, rows } = screen.active;
      expect(await told([keyframeOf(screen), ...pieces.slice(cut)], columns, rows), `cut at ${cut} of ${pieces.length}`).toEqual(whole);
      // And at that moment itself.
      expect(await told([keyframeOf(screen)], columns, rows)).toEqual(await told(pieces.slice(0, cut), SIZE.cols, SIZE.rows));
    }
  });

  it('tmux', async () => {
    const socket = join(dir, 'tmux');
    const steps: Step[] = [
      { seen: /\$ |# /, keys: 'seq 1 60; echo one-$((1+1))\r' },
      { seen: /one-2/, keys: '\u0002%' },
      { seen: /\$ |# /, keys: 'ls -l --color=always; echo two-$((1+1))\r' },
      { seen: /two-2/, larger: true },
      { seen: /two-2|\$ |# /, keys: 'tmux -S "$TMUX_SOCKET" kill-server\r' },
    ];
    try {
      const pieces = await recorded('env', [`TMUX_SOCKET=${socket}`, 'tmux', '-f', '/dev/null', '-S', socket, 'new-session', 'sh'], steps);
      const whole = await told(pieces, SIZE.cols, SIZE.rows);
      for (let cut = 0; cut <= pieces.length; cut += Math.max(1, Math.floor(pieces.length / 25))) {
        const screen = screenOf(pieces.slice(0, cut));
        const { columns, rows } = screen.active;
        expect(await told([keyframeOf(screen), ...pieces.slice(cut)], columns, rows), `cut at ${cut} of ${pieces.length}`).toEqual(whole);
      }
    } finally {
      try {
        execFileSync('tmux', ['-S', socket, 'kill-server'], { stdio: 'ignore' });
      } catch (error) {
        // It has ended by itself: that is what was asked for.
        expect((error as { status: number }).status).toBe(1);
      }
    }
  });
});
