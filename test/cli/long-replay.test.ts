/** A replay that is longer than memory: it shows what a short one shows, and its file is nobody else's and gone whatever happens. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CastEvent, CastEvents, type CastEventsOptions } from '../../src/cli/record/cast-events.js';
import { Playback } from '../../src/cli/record/playback.js';
import { replayJson, replayText } from '../../src/cli/record/print-replay.js';
import { readCast } from '../../src/cli/record/read-cast.js';
import { visibleLines } from '../../src/cli/terminal.js';
import { fc } from '../support/fast-check.js';

const MIB = 2 ** 20;
const HEAD = '{"version":3,"term":{"cols":80,"rows":24},"title":"t"}\n';
const END = '# record: complete and verified\n';
/** All in the file, in parts of a few events, which are joined again and again. */
const SMALL = { inMemory: 0, partSize: 100, parts: 8 };

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gw-replay-'));
});
afterEach(async () => {
  execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited:']);
  await rm(dir, { recursive: true });
});

/** Files of replays that this process has open: they have no name any more. */
async function openFiles(): Promise<string[]> {
  const paths = (await readdir('/proc/self/fd')).map((name) => `/proc/self/fd/${name}`);
  const targets = await Promise.all(paths.map((path) => readlink(path).catch(() => '')));
  return paths.filter((_, at) => targets[at]?.startsWith(join(dir, 'replay-')) === true);
}

function eventsOf(all: readonly CastEvent[], options: Partial<CastEventsOptions>): CastEvents {
  const events = new CastEvents({ dir, ...options });
  for (const event of all) events.add(event);
  events.end();
  return events;
}

const anEvent = fc.oneof(
  fc.record({ at: fc.nat(50), kind: fc.constantFrom('output' as const, 'marker' as const), text: fc.string({ unit: 'binary', maxLength: 60 }) }),
  fc.record({ at: fc.nat(50), kind: fc.constant('resize' as const), columns: fc.nat(300), rows: fc.nat(100) }),
);
const someEvents = fc.array(anEvent, { maxLength: 120 }).map((all) => {
  let at = 0;
  return all.map((event): CastEvent => ({ ...event, at: (at += event.at) }));
});

describe('events in a file', () => {
  it('are those that came, and are found by number, time and mark', () => {
    fc.assert(
      fc.property(someEvents, fc.array(fc.nat(6_000), { maxLength: 10 }), fc.boolean(), (all, times, small) => {
        const events = eventsOf(all, small ? SMALL : {});
        try {
          expect([events.count, events.length]).toEqual([all.length, all.at(-1)?.at ?? 0]);
          expect(all.map((_, number) => events.at(number))).toEqual(all);
          expect([events.at(-1), events.at(all.length)]).toEqual([undefined, undefined]);
          for (const time of times) {
            expect(events.countUntil(time)).toBe(all.filter(({ at }) => at <= time).length);
            expect(events.markerAfter(time)).toBe(all.find(({ kind, at }) => kind === 'marker' && at > time)?.at ?? null);
            expect(events.markerBefore(time)).toBe(all.findLast(({ kind, at }) => kind === 'marker' && at < time)?.at ?? null);
          }
        } finally {
          events.close();
        }
      }),
    );
  });

  it('are in one that has no name, no other readers and nothing to read, and is gone when the replay is', async () => {
    const events = eventsOf([{ at: 0, kind: 'output', text: 'very secret '.repeat(1_000) }], SMALL);
    expect(await readdir(dir)).toEqual([]);
    const [path = ''] = await openFiles();
    const { mode, nlink, size } = await stat(path);
    expect([mode & 0o777, nlink, size > 10_000]).toEqual([0o600, 0, true]);
    expect((await readFile(path)).includes('secret')).toBe(false);
    events.close();
    expect(await openFiles()).toEqual([]);
  });

  it('are in none while they are few', async () => {
    eventsOf([{ at: 0, kind: 'output', text: 'a' }], { dir: join(dir, 'none') });
    expect(await readdir(dir)).toEqual([]);
  });
});

async function* long(mebibytes: number): AsyncGenerator<Buffer> {
  yield Buffer.from(HEAD);
  // Marks cost no drawing; what is drawn between them tells where one is.
  const mark = Buffer.from(`[0.5,"m","${'#'.repeat(MIB - 100)}"]\n`);
  for (let number = 0; number < mebibytes; number++) {
    yield Buffer.from(`[0.5,"o","\\u001b[${1 + (number % 20)};1Hnumber ${number}\\u001b[K"]\n`);
    yield await Promise.resolve(mark);
  }
  yield Buffer.from(END);
}

describe('a long replay', () => {
  it('of more than 512 MiB plays, seeks to its end and back, and takes no more memory for it', async () => {
    const mebibytes = 640;
    const before = process.memoryUsage();
    let most = 0;
    const look = (): void => {
      const { heapUsed, external } = process.memoryUsage();
      most = Math.max(most, heapUsed + external - before.heapUsed - before.external);
    };
    const watched = async function* (): AsyncGenerator<Buffer> {
      for await (const piece of long(mebibytes)) {
        look();
        yield piece;
      }
    };
    const cast = await readCast(watched(), { dir });
    expect(await openFiles()).toHaveLength(1);
    const playback = new Playback(cast, { speed: 1, from: 10_500 });
    /** The number that was drawn last at that time, and not the one after it. */
    const shows = (screen: string | null, time: number): void => {
      const last = Math.floor(time / 1_000 - 0.5);
      expect([screen?.includes(`number ${last}\u001b[`), screen?.includes(`number ${last + 1}\u001b[`)]).toEqual([true, false]);
    };
    shows(playback.advance(0), 10_500);
    while (playback.position < playback.length) {
      shows(playback.move('forward'), playback.position);
      look();
    }
    shows(playback.move('back'), playback.length - 5_000);
    const again = new Playback(cast, { speed: 1, from: 0 });
    shows(again.advance(10_500), 10_500);
    shows(again.move('next'), 11_000);
    while (again.position > 6_000) again.move('back');
    shows(again.move('back'), again.position);
    look();
    cast.events.close();
    expect([await openFiles(), await readdir(dir)]).toEqual([[], []]);
    expect(most).toBeLessThan(256 * MIB);
  });

  it('is printed like a short one, as text and as JSON', async () => {
    const line = fc.constantFrom('a', 'b\\r\\n', '\\r', '\\u001b[1m', 'x'.repeat(400_000), 'ä\\n');
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), fc.boolean(), async (texts, small) => {
        const text = `${HEAD}${texts.map((each) => `[1,"o","${each}"]\n[0,"r","90x30"]\n[0,"m","#"]\n`).join('')}${END}`;
        const cast = await readCast(
          (async function* () {
            yield await Promise.resolve(Buffer.from(text));
          })(),
          { dir, ...(small ? SMALL : {}) },
        );
        const all = Array.from({ length: cast.events.count }, (_, number) => cast.events.at(number));
        const events = all.filter((event) => event !== undefined && event.kind !== 'resize');
        expect([...replayJson('ses_1', cast)].join('')).toBe(`${JSON.stringify({ session: 'ses_1', title: 't', events, intact: true }, null, 2)}\n`);
        const output = all.map((event) => (event?.kind === 'output' ? event.text : '')).join('');
        const straight = cast.keyframes.draws ? output.replaceAll(/(?<!\r)\n/g, '\u001bD') : output;
        expect([...replayText(new Playback(cast, { speed: 1, from: 0 }))].join('')).toBe(visibleLines(straight.replaceAll('\r\n', '\n')));
        cast.events.close();
      }),
      { numRuns: 40 },
    );
  });

  it('that finds no room is refused, says where room is needed, and leaves nothing', async () => {
    execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${4 * MIB}:`]);
    await expect(readCast(long(40), { dir, inMemory: MIB })).rejects.toMatchObject({
      code: 'recording.local',
      message: expect.stringContaining('EFBIG'),
      hint: expect.stringContaining('XDG_STATE_HOME'),
    });
    expect([await openFiles(), await readdir(dir)]).toEqual([[], []]);
  });

  it('that comes damaged leaves nothing', async () => {
    const cut = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from(HEAD);
      yield Buffer.from(`[0,"o","${'x'.repeat(1_000)}"]\n`);
      yield await Promise.resolve(Buffer.from('[0,"o'));
    };
    await expect(readCast(cut(), { dir, ...SMALL })).rejects.toMatchObject({ code: 'gateway.unreachable' });
    expect(await openFiles()).toEqual([]);
  });
});
