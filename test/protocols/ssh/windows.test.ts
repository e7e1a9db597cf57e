/** Flow control by itself: room that cannot be, room that is lent, and what is typed in it. */
import { describe, expect, it } from 'vitest';
import { LENT_BYTES, TypeAhead } from '../../../src/protocols/ssh/type-ahead.js';
import { Windows } from '../../../src/protocols/ssh/windows.js';

describe('a window', () => {
  it.each(['client', 'target'] as const)(
    'of the %s that is widened beyond what a window can have is a violation, and not however much goes through it',
    (side) => {
      const windows = new Windows();
      const most = 0xff_ff_ff_ff;
      for (let round = 0; round < 5; round++) {
        windows[side].give(most);
        windows[side].take(most);
      }
      windows[side].give(most);
      expect(() => windows[side].give(1)).toThrow(expect.objectContaining({ code: 'protocol.violation' }));
    },
  );

  it('counts what the target offered when it opened the channel', () => {
    const windows = new Windows();
    windows.fromTarget(0xff_ff_ff_ff);
    expect(() => windows.fromTarget(1_000)).toThrow(expect.objectContaining({ code: 'protocol.violation' }));
  });

  it('is lent from only where the target gave none, once, and what was lent comes off what the target gives', () => {
    const given = new Windows(true);
    given.fromTarget(1);
    expect(given.lend(10)).toBe(false);
    const windows = new Windows(true);
    windows.fromTarget(0);
    expect(windows.lend(10)).toBe(true);
    expect(windows.lend(10)).toBe(false);
    expect([windows.fromTarget(4), windows.fromTarget(4), windows.fromTarget(4), windows.fromTarget(4)]).toEqual([0, 0, 2, 4]);
  });
});

describe('what is typed ahead', () => {
  it('goes up as far as the target has room, in order, and its end behind it', () => {
    const sent: string[] = [];
    const ahead = new TypeAhead((bytes) => void sent.push(bytes.toString()));
    ahead.take(Buffer.from('one '));
    ahead.take(Buffer.from('two'));
    expect(sent).toEqual([]);
    ahead.widened(5);
    ahead.end(() => void sent.push('END'));
    expect(sent).toEqual(['one t']);
    ahead.widened(1);
    ahead.widened(LENT_BYTES);
    expect(sent).toEqual(['one t', 'w', 'o', 'END']);
    ahead.take(Buffer.from('more'));
    expect(sent.at(-1)).toBe('more');
  });
});
