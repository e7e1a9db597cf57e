/**
 * A recording of ten hours at a terminal, as `gw sessions play` has it: an editor, a list of processes that is drawn anew, and builds that scroll, in turns.
 * What a seek takes, to a screen that is what was there; what reading it takes before, keyframes included; and what these hold.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Playback } from '../../src/cli/record/playback.js';
import { readCast } from '../../src/cli/record/read-cast.js';
import { INTACT_WORDS } from '../../src/contract/api-types.js';
import { median, type Row } from '../support/record.js';

const HOURS = 10;
const COLUMNS = 120;
const ROWS = 40;
const MIB = 2 ** 20;
/** Seconds that one kind of work goes on. */
const TURN = 600;

const row = (name: string, unit: string, runs: readonly number[]): Row => {
  const rounded = runs.map((value) => Number(value.toPrecision(4)));
  const found = { case: name, unit, medians: { gw: median(rounded) }, runs: { gw: rounded }, ratios: {} };
  process.stdout.write(`${name.padEnd(60)} ${found.medians.gw} ${unit}\n`);
  return found;
};

function processes(second: number): string {
  let text = '\u001b[H';
  for (let line = 0; line < ROWS; line++) {
    const load = (line * 37 + second * 11) % 100;
    text += `\u001b[${line + 1};1H\u001b[3${line % 8}m${String(1_000 + line).padStart(7)} user${line % 5}  20   0 \u001b[1m${load.toFixed(1).padStart(5)}\u001b[0m ${'|'.repeat(load / 4)}\u001b[K`;
  }
  return text;
}

function editor(second: number, step: number): string {
  const line = 1 + ((second + step) % (ROWS - 1));
  return `\u001b[?25l\u001b[${line};9H\u001b[32mconst\u001b[m value_${second}_${step} = \u001b[31m'text'\u001b[m;\u001b[K\u001b[${ROWS};1H\u001b[7m file.ts  ${second},${step} \u001b[0m\u001b[${line};${20 + step}H\u001b[?25h`;
}

function* writes(second: number): Generator<string> {
  const kind = Math.floor(second / TURN) % 3;
  if (second % TURN === 0) yield kind === 2 ? '\u001b[?1049l\r\n' : '\u001b[?1049h\u001b[2J';
  if (kind === 0) for (let step = 0; step < 5; step++) yield editor(second, step);
  else if (kind === 1) yield processes(second);
  else
    for (let line = 0; line < 20; line++)
      yield `\u001b[32m[${second}.${line}]\u001b[0m CC build/objects/module_${line}.o -O2 -Wall \u001b[33mwarning:\u001b[0m unused value\r\n`;
}

async function* longCast(): AsyncGenerator<Buffer> {
  yield Buffer.from(`{"version":3,"term":{"cols":${COLUMNS},"rows":${ROWS}},"title":"ten hours"}\n`);
  for (let second = 0; second < HOURS * 3_600; second++) {
    const texts = [...writes(second)];
    let lines = second % 60 === 0 ? `[0,"m","#${second / 60}"]\n` : '';
    for (const text of texts) lines += `[${1 / texts.length},"o",${JSON.stringify(text)}]\n`;
    yield Buffer.from(lines);
  }
  yield Buffer.from(`# ${INTACT_WORDS}\n`);
}

export async function terminal(rounds: number): Promise<Row[]> {
  const pieces: Buffer[] = [];
  for await (const piece of longCast()) pieces.push(piece);
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  const loads: number[] = [];
  const dir = join(tmpdir(), 'gw-bench-replay');
  let cast = await readCast(givenIn(pieces), { dir });
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    cast.events.close();
    cast = await readCast(givenIn(pieces), { dir });
    loads.push(performance.now() - began);
  }
  const probe = new Playback(cast, { speed: 1, from: 0 });
  const hours = Math.round(probe.length / 3_600_000);
  const runs: number[] = [];
  for (let at = 0; at < rounds * 40; at++) {
    // Anywhere, back and on from there, and from marker to marker.
    const playback = new Playback(cast, { speed: 1, from: (probe.length * (1 + ((at * 7_919) % 999))) / 1_000 });
    for (const seek of [() => playback.advance(0), () => playback.move('back'), () => playback.move('forward'), () => playback.move('previous')]) {
      const began = performance.now();
      if ((seek() ?? '') === '') throw new TypeError('nothing is shown');
      runs.push(performance.now() - began);
    }
  }
  runs.sort((one, other) => one - other);
  const name = `seek in a recording of ${hours} hours, ${cast.events.count} events, ${Math.round(bytes / MIB)} MiB`;
  cast.events.close();
  return [
    row(
      name,
      'ms',
      runs.filter((_, at) => at % 10 === 5),
    ),
    row('the same, the slowest of a hundred', 'ms', [runs[Math.floor(runs.length * 0.99)] ?? Number.NaN]),
    row('the same, the slowest of all', 'ms', [Math.max(...runs)]),
    row('reading it whole before, keyframes included', 'ms', loads),
    row('keyframes that are kept', 'keyframes', [cast.keyframes.count]),
  ];
}

async function* givenIn(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield await Promise.resolve(piece);
}
