/**
 * A keyframe and what comes after it are the screen of the whole stream, as xterm shows it: for invented streams of everything that the filter lets through,
 * cut anywhere, with other sizes in between, and for what real programs write.
 */

import { describe, expect, it } from 'vitest';
import { keyframeOf } from '../../src/base/screen/keyframe.js';
import { TerminalScreen } from '../../src/base/screen/terminal-screen.js';
import { TerminalFilter } from '../../src/base/terminal-filter.js';
import { fc } from '../support/fast-check.js';
import { type Piece, ReferenceScreen } from '../support/reference-screen.js';

const COLUMNS = 20;
const ROWS = 6;

const small = fc.integer({ min: 0, max: 8 });
const csi = (final: string, ...numbers: fc.Arbitrary<number>[]) => fc.tuple(...numbers).map((all) => `\u001b[${all.join(';')}${final}`);
const word = fc.string({ unit: fc.constantFrom(...'abcq x~`', '─', 'é'), minLength: 1, maxLength: 24 });
const wide = fc.constantFrom('漢字', '漢', 'あいうえおかきくけこさ', '😀');
const marked = fc.constantFrom('e\u0301', 'a\u0308\u0301', '漢\u0301', 'x\u200d');
const color = fc.constantFrom('31', '92', '45', '103', '38;5;200', '48;5;17', '38;2;1;2;3', '48;2;9;8;7', '38:5:99', '48:2::1:2:3', '39', '49');
const looks = fc.constantFrom('0', '1', '2', '3', '4', '5', '7', '8', '9', '21', '22', '23', '24', '25', '27', '28', '29', '53', '55', '4:3', '4:0', '');
const token: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: word },
  { weight: 3, arbitrary: wide },
  { weight: 2, arbitrary: marked },
  { weight: 6, arbitrary: fc.constantFrom('\r\n', '\n', '\r', '\b', '\t') },
  { weight: 4, arbitrary: fc.array(fc.oneof(color, looks), { minLength: 1, maxLength: 3 }).map((codes) => `\u001b[${codes.join(';')}m`) },
  { weight: 4, arbitrary: csi('H', small, fc.integer({ min: 0, max: 24 })) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom(...'ABCDEFGade`'), small).map(([final, count]) => `\u001b[${count}${final}`) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom(...'@PXLMST'), small).map(([final, count]) => `\u001b[${count}${final}`) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('J', 'K'), fc.constantFrom('', '0', '1', '2')).map(([final, what]) => `\u001b[${what}${final}`) },
  { weight: 2, arbitrary: csi('r', small, small) },
  { weight: 1, arbitrary: csi('b', small) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('I', 'Z'), small).map(([final, count]) => `\u001b[${count}${final}`) },
  { weight: 1, arbitrary: fc.constantFrom('\u001b[g', '\u001b[3g') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '\u001b7',
      '\u001b8',
      '\u001b[s',
      '\u001b[u',
      '\u001bD',
      '\u001bE',
      '\u001bM',
      '\u001b(0',
      '\u001b(B',
      '\u001b[?1048h',
      '\u001b[?1048l',
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom('\u001b[4h', '\u001b[4l', '\u001b[?25l', '\u001b[?25h') },
  { weight: 2, arbitrary: fc.constantFrom('\u001b[?1049h', '\u001b[?1049l', '\u001b[?47h', '\u001b[?47l', '\u001b[?1047h', '\u001b[?1047l') },
  // Without wrapping xterm keeps half of a wide character that does not fit.
  { weight: 1, arbitrary: word.map((text) => `\r\u001b[?7l${text}${text}\u001b[?7h`) },
  // Absolute moves only: xterm counts relative ones from the margin.
  { weight: 1, arbitrary: fc.tuple(csi('H', small, small), word).map(([move, text]) => `\u001b[?6h${move}${text}\u001b[?6l`) },
  { weight: 1, arbitrary: fc.constantFrom('\u001bc', '\u001b]0;title\u0007', '\u001b[?1000h', '\u001b[6n', '\u001b[?2004h') },
);
function screenAfter(pieces: readonly Piece[]): TerminalScreen {
  const screen = new TerminalScreen(COLUMNS, ROWS);
  for (const piece of pieces) {
    if (typeof piece === 'string') screen.write(piece);
    else screen.resize(piece.columns, piece.rows);
  }
  return screen;
}

async function told(pieces: readonly Piece[], columns = COLUMNS, rows = ROWS): Promise<object> {
  const reference = new ReferenceScreen(columns, rows);
  await reference.take(pieces);
  return reference.tell();
}

async function same(pieces: readonly Piece[], cut: number): Promise<void> {
  const screen = screenAfter(pieces.slice(0, cut));
  const { columns, rows } = screen.active;
  const rest = [keyframeOf(screen), ...pieces.slice(cut)];
  expect(await told(rest, columns, rows)).toEqual(await told(pieces));
}

/** What the filter lets through, in pieces that are cut at these bytes. */
function filtered(text: string, cuts: readonly number[]): string[] {
  const filter = new TerminalFilter();
  const characters = [...text];
  const places = [...new Set([...cuts.map((cut) => cut % (characters.length + 1)), characters.length])].sort((a, b) => a - b);
  let from = 0;
  return places.map((to) => {
    const piece = filter.write(characters.slice(from, to).join(''));
    from = to;
    return piece;
  });
}

describe('a keyframe', () => {
  it('and the rest of the stream are the screen of the whole stream', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(token, { minLength: 1, maxLength: 40 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        async (tokens, cuts, at) => {
          const pieces = filtered(tokens.join(''), cuts);
          await same(pieces, at % (pieces.length + 1));
        },
      ),
      { numRuns: 600 },
    );
  });

  it.each([
    '\u001b[4he\u0301',
    'rest\r\u001b[4he\u0301x',
    'rest\r\u001b[4h漢\u0301',
    `${'0'.repeat(COLUMNS)}\u001b[4D\u001b[44;4he\u0301`,
    `${'x'.repeat(COLUMNS - 1)}\u001b[4he\u0301`,
  ])('joins a mark to what was drawn just before it where characters are inserted: %j', async (text) => {
    const characters = [...text];
    for (let cut = 0; cut <= characters.length; cut++) await same(filtered(text, [cut]), 1);
  });

  it('wraps a wide character that does not fit into the only row, and leaves nothing behind', () => {
    const screen = screenAfter([{ columns: 5, rows: 1 }, '\u001b[31m漢字漢']);
    expect(keyframeOf(screen)).toBe('\u001bc\u001b[1;1H\u001b[0;31m漢\u001b[1;1H漢');
  });

  // xterm lets its other screen scroll beyond its rows after it became lower, so either it becomes lower or it has another screen.
  it.each([
    ['higher', token, fc.nat({ max: 3 })],
    ['lower and higher, without the other screen', token.filter((text) => !/\?(?:47|1047|1049)/.test(text)), fc.integer({ min: -4, max: 4 })],
  ])('is the same when the terminal becomes %s, before it and after', async (_what, tokens, change) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(tokens, { maxLength: 15 }), fc.nat({ max: 9 }), change), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        async (parts, at) => {
          let [columns, rows] = [COLUMNS, ROWS];
          const filter = new TerminalFilter();
          const pieces = parts.flatMap(([written, wider, higher]): Piece[] => {
            // Wider only: xterm keeps what it cuts off, and shows it again.
            columns += wider;
            // Not one row: there xterm empties the end of its new line when a wide character did not fit into the old one.
            rows = Math.max(2, rows + higher);
            return [filter.write(written.join('')), { columns, rows }];
          });
          await same(pieces, at % (pieces.length + 1));
        },
      ),
      { numRuns: 300 },
    );
  });
});
