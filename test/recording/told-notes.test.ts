/** Notes of an operation stand where they were written: that it was held for approval before its result, what was masked behind it. */
import { expect, it } from 'vitest';
import { exportSession } from '../../src/recording/index.js';
import type { RecordedOperation, SessionItem } from '../../src/recording/recorded.js';

const decision = { effect: 'allow', rule: 'web/asks', policy: 'sha256:1', reasons: [], hint: null } as const;
const identity = { issuer: 'i', subject: 'ann', kind: 'person', name: 'ann', email: null, groups: [], onBehalfOf: null };
const at = { session: 'ses_1', startedAt: 0, gateway: 'g', target: 'web-1', protocol: 'ssh', via: 'native', clientAddress: '', reason: null, client: null };
const outcome = { status: 'ok', rows: 0, bytes: 1, durationUs: 1_000, message: null };
const stream = (text: string) => ({ bytes: Buffer.from(text), cut: false, total: text.length, digest: null });

const start = { kind: 'start', time: 0, start: { ...at, identity, decision } } as unknown as SessionItem;
const hold: SessionItem = { kind: 'event', time: 2_000, event: 'approval.hold', data: { operation: 1, request: 'apr_1', groups: ['dba'] } };
const answer: SessionItem = { kind: 'event', time: 5_000, event: 'approval.answer', data: { operation: 1, request: 'apr_1', state: 'approved', voters: [] } };
const masked: SessionItem = {
  kind: 'event',
  time: 6_000,
  event: 'masked',
  data: { operation: 1, values: [{ class: 'ssn', treatment: 'partial', rule: null, values: 1 }] },
};
const ended = (change: object = {}): SessionItem => {
  const text = { exact: Buffer.from('sh'), exactBytes: 2, parameters: null, redacted: false, delivered: stream('it ran'), received: stream('') };
  const operation = { sequence: 1, time: 1_000, form: 'exec', facts: null, decision, ...text, outcome, endedAt: 6_000, shortened: false, ...change };
  return { kind: 'operation', operation: operation as unknown as RecordedOperation };
};
const end: SessionItem = { kind: 'integrity', intact: true, live: false, problems: [] };

/** What is shown when, in seconds. */
async function told(...items: readonly SessionItem[]): Promise<(readonly [number, string])[]> {
  async function* session(): AsyncGenerator<SessionItem, void> {
    yield* [start, ...items, end];
  }
  let cast = '';
  for await (const piece of exportSession(session(), 'asciicast', null)) cast += piece;
  let now = 0;
  return cast
    .split('\n')
    .filter((line) => line.startsWith('['))
    .map((line) => {
      const [after, , text] = JSON.parse(line) as [number, string, string];
      now += after;
      return [now, text];
    });
}

it('tells of the approval before the result that came by it, when it happened', async () => {
  const shown = await told(hold, answer, masked, ended());
  const [marker, typed, held, approved, result] = shown.slice(1);
  expect([marker, typed]).toEqual([
    [1, '#1'],
    [1, '> sh\r\n'],
  ]);
  expect(held).toEqual([2, '[held for approval: request apr_1, asking dba]\r\n']);
  expect(approved).toEqual([5, '[request apr_1 approved]\r\n']);
  expect(result?.[0]).toBe(6);
  expect(result?.[1]).toMatch(/^\[6 bytes of results\]\r\n\[masked: 1 ssn/);
});

it('tells what came later behind the result, also of an operation without an end', async () => {
  const [, , , , held, rest] = await told(hold, answer, ended({ endedAt: 3_000 }));
  expect(held?.[1]).toContain('[6 bytes of results]\r\n[request apr_1 approved]');
  expect(rest).toBeUndefined();
  expect((await told(hold, ended({ endedAt: null, outcome: null }))).at(-1)?.[1]).toContain('[held for approval: request apr_1');
});

it('tells it of a terminal before what that shows', async () => {
  const shown = await told(
    hold,
    answer,
    { kind: 'terminal', time: 5_500, sequence: 1, exact: Buffer.from('sh'), columns: 80, rows: 24 },
    { kind: 'output', time: 5_600, sequence: 1, bytes: Buffer.from('$ ') },
    masked,
    ended({ terminal: true }),
  );
  const place = (words: string): number => shown.findIndex(([, text]) => text.includes(words));
  const places = ['held for approval', 'request apr_1 approved', '[terminal: sh]', '$ ', 'masked: 1 ssn'].map(place);
  expect(places).not.toContain(-1);
  expect(places).toEqual(places.toSorted((one, other) => one - other));
  expect(shown.filter(([, text]) => text.includes('held for approval'))).toHaveLength(1);
});
