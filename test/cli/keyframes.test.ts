/** A seek in a recording that draws shows what playing up to there would have shown, cell by cell, and playing goes on from it. */

import { describe, expect, it } from 'vitest';
import { TerminalFilter } from '../../src/base/terminal-filter.js';
import { CastEvents } from '../../src/cli/record/cast-events.js';
import { Keyframes } from '../../src/cli/record/keyframes.js';
import { Playback } from '../../src/cli/record/playback.js';
import type { Cast } from '../../src/cli/record/read-cast.js';
import { fc } from '../support/fast-check.js';
import { ReferenceScreen } from '../support/reference-screen.js';

const SIZE = { columns: 40, rows: 10 };

/** Like an editor and a build in turns: a screen that is drawn anew here and there, lines that scroll, marks. */
const step = fc.oneof(
  fc
    .tuple(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 40 }), fc.string({ maxLength: 12 }))
    .map(([row, column, text]) => `\u001b[${row};${column}H\u001b[3${row % 8}m${text.replaceAll(/[^ -~]/g, '.')}\u001b[K`),
  fc.constantFrom('\u001b[?1049h\u001b[2J', '\u001b[?1049l', '\u001b[2;8r', '\u001b[r', '\u001bM', '\u001b[L', '\u001b[7m'),
  fc.string({ maxLength: 30 }).map((text) => `${text.replaceAll(/[^ -~]/g, '漢')}\r\n`),
);

function castOf(texts: readonly string[], apart: number): Cast {
  const keyframes = new Keyframes(SIZE, apart);
  const events = new CastEvents({ dir: '/nonexistent' });
  for (const [at, text] of ['\u001bc', ...texts].entries()) {
    const event = { at: at * 100, kind: 'output', text } as const;
    events.add(event);
    keyframes.take(event);
  }
  events.end();
  return { title: 't', intact: true, events, size: SIZE, keyframes };
}

async function shown(...texts: string[]): Promise<object> {
  const screen = new ReferenceScreen(SIZE.columns, SIZE.rows);
  const filter = new TerminalFilter();
  // A terminal that reads lines goes to the left at a line feed.
  await screen.take(texts.map((text) => filter.write(text).replaceAll('\n', '\r\n')));
  return screen.tell();
}

describe('a seek', () => {
  it('shows what was there, and goes on', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 80 }), fc.nat(8_000), fc.integer({ min: 1, max: 400 }), async (steps, from, apart) => {
        const cast = castOf(steps, apart);
        const played = new Playback(cast, { speed: 1, from: 0 });
        const whole = played.advance(from);
        const begun = new Playback(cast, { speed: 1, from: Math.min(from, played.length) });
        const at = begun.advance(0);
        expect(await shown(at)).toEqual(await shown(whole));
        const sought = new Playback(cast, { speed: 1, from: begun.length });
        sought.advance(0);
        const back = sought.move('back') ?? '';
        const before = new Playback(cast, { speed: 1, from: 0 });
        const first = before.advance(sought.position);
        expect(await shown(back)).toEqual(await shown(first));
        expect(await shown(back, sought.advance(1e9))).toEqual(await shown(first, before.advance(1e9)));
        expect(await shown(at, begun.advance(1e9))).toEqual(await shown(whole, played.advance(1e9)));
      }),
      { numRuns: 150 },
    );
  });

  it('costs the way from a keyframe, and keeps no more of them than fit', () => {
    const line = `\u001b[32m${'x'.repeat(60)}\u001b[0m\r\n`;
    const cast = castOf(
      Array.from({ length: 5_000 }, () => line),
      1_000,
    );
    expect(cast.keyframes.count).toBeGreaterThan(300);
    const many = Array.from({ length: 300 }, (_, at) => `\u001b[38;2;${at % 256};1;2my`).join('');
    const wide = new Keyframes({ columns: 300, rows: 100 }, 1);
    for (let at = 0; at < 300; at++) wide.take({ kind: 'output', text: `\u001b[${1 + (at % 100)};1H${many}` });
    expect(wide.count).toBeLessThan(300);
    expect(wide.at(300, [])).toContain('y');
  });

  it('of a recording without a drawing keeps its lines, and of a terminal that is too small says so', () => {
    const plain = new Playback({ ...castOf([], 10), ...{ keyframes: new Keyframes(SIZE) } }, { speed: 1, from: 0 });
    expect(plain.size).toBeNull();
    expect(new Playback(castOf(['a'], 10), { speed: 1, from: 0 }).size).toEqual(SIZE);
  });
});
