/** What is told behind a terminal that ended stands below what it showed, and covers none of it. */
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { exportSession } from '../../src/recording/index.js';
import type { RecordedOperation, SessionItem } from '../../src/recording/recorded.js';
import { playCast } from '../support/played-cast.js';

const { Terminal } = createRequire(import.meta.url)('@xterm/headless') as typeof import('@xterm/headless');

const decision = { effect: 'allow', rule: 'web/shell', policy: 'sha256:1', reasons: [], hint: null } as const;
const identity = { issuer: 'i', subject: 'ann', kind: 'person', name: 'ann', email: null, groups: [], onBehalfOf: null };
const at = { session: 'ses_1', startedAt: 0, gateway: 'g', target: 'web-1', protocol: 'ssh', via: 'native', clientAddress: '', reason: null, client: null };
const stream = { bytes: Buffer.alloc(0), cut: false, total: 0, digest: null };
const lines = Array.from({ length: 50 }, (_, n) => `line ${n}`);

async function* session(shown: string): AsyncGenerator<SessionItem, void> {
  yield { kind: 'start', time: 0, start: { ...at, identity, decision } } as unknown as SessionItem;
  yield { kind: 'terminal', time: 1, sequence: 1, exact: Buffer.from('sh'), columns: 60, rows: 12 };
  yield { kind: 'output', time: 2, sequence: 1, bytes: Buffer.from(shown) };
  const outcome = { status: 'ok', rows: 0, bytes: 1, durationUs: 1_000, message: null };
  const text = { exact: Buffer.from('sh'), exactBytes: 2, parameters: null, redacted: false, delivered: stream, received: stream };
  const operation = { sequence: 1, time: 1, form: 'shell', facts: null, decision, ...text, outcome, endedAt: 3, shortened: false, terminal: true };
  yield { kind: 'operation', operation: operation as unknown as RecordedOperation };
  yield { kind: 'integrity', intact: true, live: false, problems: [] };
}

/** All lines of the screen and above it. */
async function played(shown: string): Promise<string[]> {
  let cast = '';
  for await (const piece of exportSession(session(shown), 'asciicast', null)) cast += piece;
  const terminal = new Terminal({ allowProposedApi: true, cols: 80, rows: 24 });
  for (const each of await playCast(cast)) {
    if ('output' in each) await new Promise<void>((resolve) => terminal.write(each.output, resolve));
    else terminal.resize(each.cols, each.rows);
  }
  const { active } = terminal.buffer;
  return Array.from({ length: active.length }, (_, row) => active.getLine(row)?.translateToString(true) ?? '');
}

it.each([
  ['a long one', ''],
  ['one with a region left that scrolls', '\u001b[2;5r\u001b[12;1H'],
  ['one with a cursor kept at the top', '\u001b7\u001b[12;1H'],
])('%s', async (_what, before) => {
  const shown = await played(`${lines.slice(0, 40).join('\r\n')}\r\n${before}${before === '' ? `${lines.slice(40).join('\r\n')}\r\n` : 'last'}`);
  const kept = before === '' ? lines.slice(38) : lines.slice(30, 40);
  for (const line of kept) expect(shown, line).toContain(line);
  const note = shown.findIndex((line) => line.startsWith('[allow by web/shell'));
  expect(note).toBeGreaterThan(shown.indexOf(before === '' ? 'line 49' : 'last'));
});
