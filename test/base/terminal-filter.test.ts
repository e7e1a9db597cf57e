/** What of a terminal's output gets to another terminal: drawing, and nothing that acts (redteam 6e). */

import { describe, expect, it } from 'vitest';
import { TerminalFilter } from '../../src/base/terminal-filter.js';
import { fc } from '../support/fast-check.js';

const shown = (text: string): string => new TerminalFilter().write(text);

describe('what draws', () => {
  it.each([
    'plain text\r\nand more\ttabs\b',
    '\u001b[1;31mred\u001b[0m',
    '\u001b[2J\u001b[H\u001b[10;20H',
    '\u001b[?25l\u001b[?25h\u001b[?1049h\u001b[?1049l',
    '\u001b7\u001b8\u001bM\u001bc',
    '\u001b(0lqk\u001b(B',
    'grüße 你好 🙂',
    '\u001b[38;5;196m\u001b[48;2;1;2;3m',
  ])('%j passes as it is', (text) => {
    expect(shown(text)).toBe(text);
  });
});

describe('what acts', () => {
  it.each([
    ['the clipboard', '\u001b]52;c;ZXZpbA==\u0007'],
    ['the clipboard, ended otherwise', '\u001b]52;c;ZXZpbA==\u001b\\'],
    ['the title', '\u001b]0;evil\u0007'],
    ['a link', '\u001b]8;;http://evil\u001b\\'],
    ['device control', '\u001bP$qm\u001b\\'],
    ['an application command', '\u001b_Gevil\u001b\\'],
    ['a privacy message', '\u001b^evil\u001b\\'],
    ['a question about the device', '\u001b[c\u001b[>c\u001b[=c'],
    ['a question about the cursor', '\u001b[6n\u001b[?6n'],
    ['windows', '\u001b[21t\u001b[8;50;100t'],
    ['keys and mouse', '\u001b[?1000h\u001b[?2004h\u001b[>4;2m\u001b[?1h\u001b='],
    ['a bell', '\u0007'],
    ['C1 controls', '\u009b6n\u009d52;c;x\u009c\u0090x\u009c'],
    ['repetition without end', 'x\u001b[999999999b'.slice(1)],
    ['an answerback', '\u0005'],
    ['print', '\u001b[5i\u001b[4i'],
  ])('%s goes', (_, text) => {
    expect(shown(`a${text}b`)).toBe('ab');
  });

  it('does not come back when it is cut anywhere', () => {
    const text = 'a\u001b]52;c;ZXZpbA==\u0007b\u001b[31mc\u001b[6nd\u001bP1;2|x\u001b\\e';
    for (let cut = 0; cut <= text.length; cut++) {
      const filter = new TerminalFilter();
      expect(filter.write(text.slice(0, cut)) + filter.write(text.slice(cut))).toBe('ab\u001b[31mcde');
    }
  });

  it('is nowhere in what is shown, whatever was sent', () => {
    const piece = fc.oneof(
      fc.constantFrom('\u001b', '[', ']', '?', '6', 'n', 'c', 'P', '\\', '\u0007', ';', '\u009b', '\u009d', '\u0018', 'm', 'H', '1049', 'h'),
      fc.string({ maxLength: 3, unit: 'binary' }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const filter = new TerminalFilter();
        const out = pieces.map((each) => filter.write(each)).join('');
        const rest = out.replace(/\u001b(?:\[(?:[0-9;:]*[@A-HJKLMPSTXZ`adefgmrsuI]|\??[0-9;]*[hl])|[78DEMc]|[()][B0])/g, '');
        expect(rest).not.toMatch(/[\u0000-\u0007\u000b\u000c\u000e-\u001f\u007f-\u009f]/);
      }),
      { numRuns: 3_000 },
    );
  });
});
