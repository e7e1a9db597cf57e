/** What was delivered to a terminal, found again in what was recorded of another one: what may stand between, what may differ, and what may not. */
import { describe, expect, it } from 'vitest';
import { type DeliveredPiece, type Sameness, SameOutput } from '../../src/recording/client/same-output.js';

/** Cuts a text into pieces of so many bytes. */
function* cut(text: string, size: number): Generator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function* delivered(text: string, size: number): AsyncGenerator<DeliveredPiece, void> {
  let time = 0;
  for (const bytes of cut(text, size)) yield { bytes, time: time++ };
}

async function compare(gateway: string, client: string, hidden = 0, sizes: readonly [number, number] = [7, 5]): Promise<Sameness> {
  const same = new SameOutput(delivered(gateway, sizes[0]), hidden);
  for (const piece of cut(client, sizes[1])) await same.push(piece);
  return same.end();
}

const SAME = { kind: 'same' };
const LINES = Array.from({ length: 400 }, (_, at) => `line ${at} says ${at * 7919} of something\r\n`);
const TEXT = LINES.join('');

describe.each([
  [1, 1],
  [3, 4_096],
  [4_096, 3],
  [100_000, 100_000],
] as const)('in pieces of %i and %i bytes', (...sizes) => {
  it.each([
    ['the same', TEXT, TEXT],
    ['nothing delivered', '', 'a local program'],
    ['other line ends', TEXT, TEXT.replaceAll('\r\n', '\r\r\n')],
    ['line ends of programs', TEXT.replaceAll('\r\n', '\n'), TEXT],
    ['a carriage return alone', 'progress 10%\rprogress 20%\rdone\r\n', 'progress 10%\rprogress 20%\rdone\r\n'],
    ['words before and after', TEXT, `$ ssh web-1\r\nwelcome\r\n${TEXT}Connection closed.\r\n$ `],
    ['words before that begin alike', TEXT, `${LINES[0] ?? ''}not that${TEXT}`],
    ['words in between', TEXT, LINES.map((line, at) => (at % 50 === 49 ? `[gw: somebody says something]${line}` : line)).join('')],
    ['words in the middle of a line', TEXT, `${TEXT.slice(0, 1_000)}\r\n[job 1 done]\r\n${TEXT.slice(1_000)}`],
    ['the same twice', TEXT, TEXT + TEXT],
    ['less than an anchor', 'ok', '$ ok'],
  ])('%s', async (_what, gateway, client) => {
    expect(await compare(gateway, client, 0, sizes)).toEqual(SAME);
  });

  it.each([
    ['one word changed', TEXT.replace('says 7919 ', 'says 7918 '), 'different'],
    ['one word changed in the last line', TEXT.replace(/of something\r\n$/, 'of nothing\r\n'), 'different'],
    ['a line removed', LINES.toSpliced(200, 1).join(''), 'different'],
    ['two lines swapped', LINES.toSpliced(200, 2, LINES[201] ?? '', LINES[200] ?? '').join(''), 'different'],
    ['all of it replaced', 'all quiet\r\n'.repeat(1_000), 'different'],
    ['nothing there', '', 'different'],
    ['a piece inserted instead of another', TEXT.replace(LINES[300] ?? '', 'all quiet\r\n'), 'different'],
    ['the end missing', TEXT.slice(0, -100), 'short'],
    ['the end missing, and other words there', `${TEXT.slice(0, -100)}\r\nConnection closed.\r\n`, 'different'],
  ])('differs: %s', async (_what, client, kind) => {
    expect(await compare(TEXT, client, 0, sizes)).toMatchObject({ kind });
  });
});

it('says from which line on, and when that was delivered', async () => {
  const [line = ''] = LINES.slice(250, 251);
  const found = await compare(TEXT, TEXT.replace(line, 'x'), 0, [line.length, 1_000]);
  expect(found).toMatchObject({ kind: 'different', line: 251, begun: true });
  expect(await compare(TEXT, 'all quiet')).toMatchObject({ kind: 'different', line: 1, begun: false });
});

describe('values that the record hides and the screen showed', () => {
  const people = Array.from({ length: 50 }, (_, at) => `ann.smith${at * 31}@example.com`);
  const rows = (value: (at: number) => string): string => people.map((_, at) => `${at * 13} writes ${value(at)} and more of it\r\n`).join('');

  it.each([
    ['one in a line', rows(() => '****'), rows((at) => people[at] ?? '')],
    ['tokens that look like them', rows((at) => `ann.t0k3n${at}@example.org`), rows((at) => people[at] ?? '')],
    ['at the end', `${TEXT}the value is: ****`, `${TEXT}the value is: ann@example.com`],
    ['at the beginning', '**** is the value, and more comes after it\r\n', 'Welcome to this host\r\nann@example.com is the value, and more comes after it\r\n'],
    ['two close to each other', 'a **** b **** c, and then a tail of text\r\n', 'a ann@example.com b bob@example.com c, and then a tail of text\r\n'],
  ])('%s', async (_what, gateway, client) => {
    expect(await compare(gateway, client, 60)).toEqual(SAME);
  });

  it('so close that no place between them is found are no proof, and no difference', async () => {
    const found = await compare(people.map(() => '****\r\n').join(''), `${people.join('\r\n')}\r\n`, 50);
    expect(found.kind).toMatch(/^(same|hidden)$/);
  });

  it.each([
    ['as many as are counted', rows(() => '****'), rows((at) => people[at] ?? ''), 10],
    ['and not another word', rows(() => '****'), rows((at) => people[at] ?? '').replaceAll(' and more of it', ' and less of it'), 50],
    ['nor all of it', `${TEXT}****`, 'all quiet\r\n'.repeat(500), 1],
    ['nor a line removed', rows(() => '****'), rows((at) => people[at] ?? '').replace(/13 writes .*\r\n/, ''), 50],
  ])('account for %s', async (what, gateway, client, hidden) => {
    const { kind } = await compare(gateway, client, hidden);
    // Each value accounts for the rest of its line at the most, where nothing tells it apart.
    expect(what === 'and not another word' ? ['same', 'different', 'hidden'] : ['different', 'short', 'hidden']).toContain(kind);
    if (what === 'nor all of it' || what === 'as many as are counted') expect(kind).toBe('different');
  });
});

it('a long output is compared as it comes', async () => {
  async function* numbers(): AsyncGenerator<DeliveredPiece, void> {
    for (let at = 0; at < 20_000; at++) yield { bytes: Buffer.from(`${at} of many\r\n`.repeat(20)), time: at };
  }
  const same = new SameOutput(numbers(), 0);
  for await (const { bytes } of numbers()) await same.push(bytes);
  expect(await same.end()).toEqual(SAME);
});
