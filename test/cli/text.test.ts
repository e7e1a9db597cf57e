/** What the CLI prints: nothing of other people's text moves the cursor; columns line up; times read well. */

import { Chalk } from 'chalk';
import { describe, expect, it } from 'vitest';
import { displayWidth } from '../../src/base/display-width.js';
import { visibleJson } from '../../src/base/visible-text.js';
import { isWebAddress, mayOpenBrowser } from '../../src/cli/login/announce-device.js';
import { withCommand } from '../../src/cli/main.js';
import { duration, relativeTime } from '../../src/cli/render/relative-time.js';
import { renderTable } from '../../src/cli/render/table.js';
import { visible, visibleLines } from '../../src/cli/terminal.js';
import { fc } from '../support/fast-check.js';

describe('visible (redteam 6h)', () => {
  it('leaves no control or reordering character of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(visible(text)).not.toMatch(/\p{Cc}|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
        expect(visibleLines(text).replaceAll(/[\n\t]/g, '')).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  it('leaves none in JSON either, and JSON says the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        for (const json of [JSON.stringify({ [text]: text }), JSON.stringify({ [text]: text }, null, 2)]) {
          expect(visibleJson(json).replaceAll('\n', '')).not.toMatch(/\p{Cc}|\p{Cf}/u);
          expect(JSON.parse(visibleJson(json))).toEqual(JSON.parse(json));
        }
      }),
    );
  });

  it('leaves ordinary text as it is, in every language', () => {
    for (const text of ['select 1', 'Grüße', '日本語', 'שלום', 'emoji 🎉']) expect(visible(text)).toBe(text);
    expect(visible('a\u001b[31m\r\nb\u202ec')).toBe('a\\u{1b}[31m\\r\\nb\\u{202e}c');
  });
});

describe('tables', () => {
  it('line up with wide characters, and keep no trailing blanks', () => {
    const text = renderTable(
      ['A', 'B'],
      [
        ['日本', 'x'],
        ['ab', ''],
      ],
      new Chalk({ level: 0 }),
    );
    expect(text).toBe('A     B\n日本  x\nab\n');
    expect(displayWidth('日本')).toBe(4);
  });

  it('put numbers to the right, and nothing that only looks like one', () => {
    const text = renderTable(
      ['ROWS', 'AGENT', 'ID', 'NOTE'],
      [
        ['12', '–', '7', 'a'],
        ['–', '–', 'op_7', ''],
        ['1,204', '', '', 'b'],
      ],
      new Chalk({ level: 0 }),
    );
    expect(text).toBe(' ROWS  AGENT  ID    NOTE\n   12  –      7     a\n    –  –      op_7\n1,204               b\n');
  });

  it('cut their last column to what the terminal has room for, and keep some of it on any', () => {
    const statement = `select ${'名前, '.repeat(20)} from bank`;
    const draw = (terminal?: number) =>
      renderTable(
        ['#', 'TEXT'],
        [
          ['1', statement],
          ['2', 'select 1'],
        ],
        new Chalk({ level: 0 }),
        ['so it was', null],
        terminal,
      ).split('\n');
    const [head, cut, note, short] = draw(40);
    expect([head, note, short]).toEqual(['#  TEXT', '   so it was', '2  select 1']);
    expect(cut).toMatch(/^1 {2}select (名前, )+.*…$/);
    expect([39, 40]).toContain(displayWidth(cut ?? ''));
    expect(draw()[1]).toBe(`1  ${statement}`);
    expect(displayWidth(draw(5)[1] ?? '')).toBeGreaterThan(24);
    expect(draw(200)[1]).toBe(`1  ${statement}`);
  });
});

describe('times', () => {
  it('use the largest unit that gives at least two', () => {
    expect([0, 1500, 119_000, 120_000, 7_199_000, 7_200_000, 200_000_000].map(duration)).toEqual(['0 s', '1 s', '119 s', '2 min', '119 min', '2 h', '2 d']);
    expect(relativeTime('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:05:00Z'))).toBe('5 min ago');
    expect(relativeTime('2026-01-01T00:05:00Z', Date.parse('2026-01-01T00:00:00Z'))).toBe('in 5 min');
    expect(relativeTime(null, 0)).toBe('');
  });
});

describe('the command line', () => {
  it('without a command is the overview; help and version stay', () => {
    expect(withCommand([])).toEqual(['overview']);
    expect(withCommand(['--json'])).toEqual(['overview', '--json']);
    expect(withCommand(['--help'])).toEqual(['--help']);
    expect(withCommand(['-h'])).toEqual(['--help']);
    expect(withCommand(['ls', '--json'])).toEqual(['ls', '--json']);
  });
});

describe('a browser', () => {
  const here = { ci: false, overSsh: false, display: true, noInput: false };
  it('opens only before the person who asked, and only for web addresses', () => {
    expect(mayOpenBrowser(here, true)).toBe(true);
    expect(mayOpenBrowser(here, false)).toBe(false);
    for (const change of [{ ci: true }, { overSsh: true }, { display: false }, { noInput: true }])
      expect(mayOpenBrowser({ ...here, ...change }, true)).toBe(false);
    expect(['https://a.test/x', 'http://127.0.0.1:1/', 'file:///etc/passwd', 'javascript:1', 'calc.exe'].map(isWebAddress)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
