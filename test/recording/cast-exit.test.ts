/** The last event of a cast says how the program of a session ended, where it had one. */
import { expect, it } from 'vitest';
import { exportSession } from '../../src/recording/index.js';
import type { RecordedOperation, SessionItem } from '../../src/recording/recorded.js';

const decision = { effect: 'allow', rule: 'web/shell', policy: 'sha256:1', reasons: [], hint: null } as const;
const identity = { issuer: 'i', subject: 'ann', kind: 'person', name: 'ann', email: null, groups: [], onBehalfOf: null };
const at = { session: 'ses_1', startedAt: 0, gateway: 'g', target: 'web-1', protocol: 'ssh', via: 'native', clientAddress: '', reason: null, client: null };
const stream = { bytes: Buffer.alloc(0), cut: false, total: 0, digest: null };

async function* session(messages: readonly (string | null)[], terminal: boolean): AsyncGenerator<SessionItem, void> {
  yield { kind: 'start', time: 0, start: { ...at, identity, decision } } as unknown as SessionItem;
  for (const [index, message] of messages.entries()) {
    const outcome = { status: message === 'exit status 0' ? 'ok' : 'error', rows: 0, bytes: 1, durationUs: 1_000, message };
    const text = { exact: Buffer.from('sh'), exactBytes: 2, parameters: null, redacted: false, delivered: stream, received: stream };
    const operation = { sequence: index + 1, time: 1, form: 'shell', facts: null, decision, ...text, outcome, endedAt: 3, shortened: false, terminal };
    yield { kind: 'operation', operation: operation as unknown as RecordedOperation };
  }
  yield { kind: 'end', time: 4, end: { endedAt: 4, reason: 'client', message: null } } as unknown as SessionItem;
  yield { kind: 'integrity', intact: true, live: false, problems: [] };
}

it.each([
  [['exit status 9'], '9'],
  [['exit status 0'], '0'],
  [['exit status 9', 'exit status 3'], '0'],
  [['an error that says: exit status 9'], '0'],
  [[null], '0'],
  [[], '0'],
])('%j is %s', async (messages, status) => {
  for (const terminal of [true, false]) {
    let cast = '';
    for await (const piece of exportSession(session(messages, terminal), 'asciicast', null)) cast += piece;
    const events = cast.split('\n').filter((line) => line.startsWith('['));
    expect((JSON.parse(events.at(-1) ?? '[]') as unknown[]).slice(1)).toEqual(['x', status]);
  }
});
