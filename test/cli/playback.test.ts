import { describe, expect, it } from 'vitest';
import { type CastEvent, CastEvents, type CastEventsOptions } from '../../src/cli/record/cast-events.js';
import { Keyframes } from '../../src/cli/record/keyframes.js';
import { Playback } from '../../src/cli/record/playback.js';
import { type Cast, readCast } from '../../src/cli/record/read-cast.js';
import { fc } from '../support/fast-check.js';

const out = (at: number, text: string) => ({ at, kind: 'output' as const, text });
const mark = (at: number, text: string) => ({ at, kind: 'marker' as const, text });
const DIR = '/nonexistent';
const castOf = (all: readonly CastEvent[], options: Partial<CastEventsOptions> = {}): Cast => {
  const size = { columns: 80, rows: 24 };
  const keyframes = new Keyframes(size, 1_000);
  const events = new CastEvents({ dir: DIR, ...options });
  for (const event of all) {
    events.add(event);
    keyframes.take(event);
  }
  events.end();
  return { title: 't', intact: true, events, size, keyframes };
};
const ALL = [out(0, 'head\r\n'), mark(1_000, '#1'), out(1_000, 'one\r\n'), mark(61_000, '#2'), out(61_000, 'two\r\n'), out(62_000, 'end\r\n')];
const play = ({ idle = null, ...change }: { idle?: number | null; speed?: number; from?: number } = {}) =>
  new Playback(castOf(ALL, { idle }), { speed: 1, from: 0, ...change });

describe('playback', () => {
  it('shows what is due, and says how long nothing will be', () => {
    const playback = play();
    expect([playback.advance(0), playback.wait]).toEqual(['head\n', 1_000]);
    expect([playback.advance(999), playback.wait]).toEqual(['', 1]);
    expect([playback.advance(1), playback.wait]).toEqual(['one\n', 60_000]);
    expect([playback.advance(100_000), playback.over, playback.wait]).toEqual(['two\nend\n', true, null]);
  });

  it('goes faster, begins later, and skips what is idle', () => {
    expect(play({ speed: 4 }).wait).toBe(0);
    const fast = play({ speed: 4 });
    fast.advance(0);
    expect([fast.wait, fast.advance(250)]).toEqual([250, 'one\n']);
    expect(play({ from: 61_000 }).advance(0)).toBe('head\none\ntwo\n');
    const short = play({ idle: 2_000 });
    expect(short.length).toBe(4_000);
    expect(short.advance(3_000)).toBe('head\none\ntwo\n');
  });

  it('pauses: time passes and nothing is shown', () => {
    const playback = play();
    playback.advance(0);
    playback.move('pause');
    expect([playback.advance(5_000), playback.wait, playback.position]).toEqual(['', null, 0]);
    playback.move('pause');
    expect(playback.advance(1_000)).toBe('one\n');
  });

  it('seeks by time and by operation, and draws anew', () => {
    const playback = play();
    playback.advance(1_000);
    expect([playback.move('next'), playback.position]).toEqual(['head\none\ntwo\n', 61_000]);
    expect([playback.move('previous'), playback.position]).toEqual(['head\none\n', 1_000]);
    expect([playback.move('back'), playback.position]).toEqual(['head\n', 0]);
    expect([playback.move('forward'), playback.position]).toEqual(['head\none\n', 5_000]);
    expect([playback.move('next'), playback.move('next'), playback.over]).toEqual(['head\none\ntwo\n', 'head\none\ntwo\nend\n', true]);
  });

  it('seeks to what playing up to there would have shown, cut to the last 200 lines', () => {
    const event = fc.tuple(fc.nat(2_000), fc.constantFrom('a', 'b\r\n', 'x\n\n\ny', '\r', '\n', '1\n'.repeat(150), ''), fc.boolean());
    fc.assert(
      fc.property(
        fc.array(event, { minLength: 1, maxLength: 60 }),
        fc.nat(60_000),
        fc.constantFrom('back', 'forward', 'next', 'previous'),
        (all, from, move) => {
          let at = 0;
          const events = all.map(([after, text, isMark]) => (isMark ? mark((at += after), text) : out((at += after), text)));
          const play = (position: number): Playback => new Playback(castOf(events), { speed: 1, from: position });
          const playback = play(from);
          playback.advance(0);
          const screen = playback.move(move);
          const played = play(playback.position).advance(0);
          expect(screen).toBe(played.split('\n').slice(-200).join('\n'));
          // What follows is shown once.
          expect((played + playback.advance(1e9)).replaceAll(/\r+\n/g, '\n')).toBe(play(1e9).advance(0).replaceAll(/\r+\n/g, '\n'));
        },
      ),
    );
  });

  it('has bounds of speed', () => {
    const playback = play();
    for (let i = 0; i < 20; i++) playback.move('faster');
    expect(playback.speed).toBe(64);
    for (let i = 0; i < 40; i++) playback.move('slower');
    expect(playback.speed).toBe(0.125);
  });
});

describe('a cast that comes', () => {
  const read = (text: string) =>
    readCast(
      (async function* () {
        yield await Promise.resolve(Buffer.from(text));
      })(),
      { dir: DIR },
    );
  const HEAD = '{"version":3,"term":{"cols":80,"rows":24},"title":"t"}\n';
  const END = '# record: complete and verified\n';

  it('is read with its times added up', async () => {
    const { events, ...cast } = await read(`${HEAD}[0.5,"o","a"]\n[0.25,"m","#1"]\n[0,"x","0"]\n${END}`);
    expect(cast).toMatchObject({ title: 't', intact: true, size: { columns: 80, rows: 24 } });
    expect([events.at(0), events.at(1), events.at(2)]).toEqual([out(500, 'a'), mark(750, '#1'), undefined]);
    expect((await read(`${HEAD}# record: NOT INTACT: chain-broken\n`)).intact).toBe(false);
  });

  it.each([
    '',
    HEAD,
    `${HEAD}[0,"o","a"]\n`,
    `${HEAD}[0,"o"\n${END}`,
    `${HEAD}[-1,"o","a"]\n${END}`,
    `{"version":2}\n${END}`,
    `${HEAD}[0,"o","# record: complete and verified"]\n`,
  ])('is refused when it is not whole, or none: %j', async (text) => {
    await expect(read(text)).rejects.toMatchObject({ code: 'gateway.unreachable' });
  });
});
