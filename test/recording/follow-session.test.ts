/** Who joins a session late sees at once what its terminals show, and then what comes: without all that came before, and the same as who was there from the beginning. */
import { describe, expect, it } from 'vitest';
import { exportSession, followSession } from '../../src/recording/index.js';
import type { SessionItem } from '../../src/recording/recorded.js';
import { playCast, screenOf } from '../support/played-cast.js';

const decision = { effect: 'allow', rule: null, policy: 'sha256:1', reasons: [], hint: null } as const;
const identity = { issuer: 'i', subject: 'ann', kind: 'person', name: 'ann', email: null, groups: [], onBehalfOf: null };
const start = {
  session: 'ses_1',
  startedAt: 0,
  gateway: 'g',
  identity,
  target: 'web-1',
  protocol: 'ssh',
  via: 'native',
  clientAddress: '',
  reason: null,
  client: null,
  decision,
};
const output = (time: number, text: string): SessionItem => ({ kind: 'output', time, sequence: 1, bytes: Buffer.from(text) });
const BEFORE: SessionItem[] = [
  { kind: 'start', time: 0, start } as SessionItem,
  { kind: 'terminal', time: 1, sequence: 1, exact: Buffer.from('vim'), columns: 60, rows: 12 },
  ...Array.from({ length: 2_000 }, (_, at) => output(2 + at, `\u001b[3${at % 8}mline ${at}\u001b[0m\r\n`)),
  output(2_100, '\u001b[?1049h\u001b[2;8r\u001b[H\u001b[1mthe edi'),
  { kind: 'resize', time: 2_200, sequence: 1, columns: 70, rows: 20 },
  output(2_300, 'tor\u001b[0m\u001b[5;3H漢字 e'),
];
const AFTER: SessionItem[] = [output(3_000, '\u0301 here\u001b[7m\u001b[12;1Hlast words'), { kind: 'integrity', intact: true, live: false, problems: [] }];

/** Items, and a word when it has come to those that were not there yet. */
function recorded(): { items: AsyncGenerator<SessionItem, void>; live: Promise<void> } {
  let joined = (): void => undefined;
  const live = new Promise<void>((resolve) => (joined = resolve));
  async function* items(): AsyncGenerator<SessionItem, void> {
    yield* BEFORE;
    joined();
    // As a journal at whose end is waited.
    await new Promise((resolve) => setImmediate(resolve));
    yield* AFTER;
  }
  return { items: items(), live };
}

async function text(cast: AsyncGenerator<string, void>): Promise<string> {
  let all = '';
  for await (const piece of cast) all += piece;
  return all;
}

describe('a session that is joined late', () => {
  it('shows what its terminal shows, and goes on, as for who was there', async () => {
    const { items, live } = recorded();
    const late = await text(followSession(items, live, null));
    const whole = await text(exportSession(recorded().items, 'asciicast', null));
    for (const mark of ['here', 'last words']) expect(await screenOf(await playCast(late), mark)).toEqual(await screenOf(await playCast(whole), mark));
    expect(late.length).toBeLessThan(whole.length / 20);
    expect(late).not.toContain('line 100\u001b');
    expect(late.split('\n').at(-2)).toBe('# record: complete and verified');
  });

  it('says what a terminal showed last that was over before', async () => {
    async function* over(): AsyncGenerator<SessionItem, void> {
      yield* BEFORE;
      yield* AFTER;
    }
    const late = await text(followSession(over(), new Promise(() => undefined), null));
    expect(late.split('\n').at(-2)).toBe('# record: complete and verified');
    expect(JSON.stringify(await screenOf(await playCast(late)))).toContain('last words');
    expect(late).not.toContain('line 100\u001b');
  });

  it('tells in full what more terminals were sent than screens are kept of', async () => {
    async function* many(): AsyncGenerator<SessionItem, void> {
      yield { kind: 'start', time: 0, start } as SessionItem;
      for (let sequence = 1; sequence <= 9; sequence++) {
        yield { kind: 'terminal', time: 1, sequence, exact: Buffer.from('sh'), columns: 60, rows: 12 };
        yield { kind: 'output', time: 2, sequence, bytes: Buffer.from(`from ${sequence}\r\n`) };
      }
      yield { kind: 'integrity', intact: true, live: true, problems: [] };
    }
    const late = await text(followSession(many(), new Promise(() => undefined), null));
    expect(late).toContain('from 9');
    expect(late).not.toContain('from 1\\r');
  });
});
