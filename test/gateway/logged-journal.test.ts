/** The journal whose sessions are in the log too: it hands everything on, and the log says what was shown in clear and what was masked in all. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { logState } from '../../src/audit/live-log.js';
import type { MaskedAs } from '../../src/contract/masking-policy.js';
import { assuranceOf, type Facts } from '../../src/contract/operation.js';
import { LoggedJournal } from '../../src/gateway/logged-journal.js';
import { leavesOf, openTrail, withDirectory } from '../audit/log-world.js';
import { allow, bytes, collect, deny, end, facts, integrity, ok, open, operations, start } from '../recording/session-fixture.js';

const MASKED: MaskedAs = { class: 'ssn', treatment: 'partial', rule: 'bank/mask' };
const CLEAR: MaskedAs = { class: 'iban', treatment: 'clear', rule: 'bank/clear' };

it('sums up what was masked, under equal words of different policies too, and tells each clear read', () =>
  withDirectory(async (dir) => {
    const trail = await openTrail(dir, 0, 'w');
    const journal = new LoggedJournal(await open(join(dir, 'journal'), { bootId: 'w' }), trail);
    const session = journal.begin(start('ses_1'));
    for (let at = 1; at <= 3; at++) {
      session.operation(at, 'query', facts('reads'), allow, bytes('select'), null);
      const masked = new Map([[at === 3 ? { ...MASKED } : MASKED, at], ...(at === 2 ? ([[CLEAR, 5]] as const) : [])]);
      session.outcome(at, ok, masked);
    }
    session.operation(4, 'query', facts('reads'), allow, bytes('select'), null);
    session.outcome(4, ok);
    session.end(end);
    await journal.close();
    await trail.close();
    const told = (await leavesOf(join(dir, '0'), (await logState(join(dir, '0')))?.size ?? 0)).filter(({ kind }) => kind.startsWith('data.'));
    expect(told.map(({ kind, data }) => [kind, data])).toEqual([
      ['data.clear', expect.objectContaining({ operation: 2, values: [{ class: 'iban', rule: 'bank/clear', values: 5 }] })],
      ['data.masked', expect.objectContaining({ values: [{ ...MASKED, values: 6 }] })],
    ]);
    const counted = (await collect(join(dir, 'journal'), 'w', 'ses_1')).flatMap((item) => (item.kind === 'event' ? [item.data['values']] : []));
    expect(counted).toEqual([
      [{ ...MASKED, values: 1 }],
      [
        { ...MASKED, values: 2 },
        { ...CLEAR, values: 5 },
      ],
      [{ ...MASKED, values: 3 }],
    ]);
  }));

it('keeps whole what is to be kept whole, beyond the cap of a result', () =>
  withDirectory(async (dir) => {
    const trail = await openTrail(dir, 0, 'w');
    const journal = new LoggedJournal(await open(join(dir, 'journal'), { bootId: 'w', resultCap: 16 }), trail);
    const session = journal.begin(start('ses_1'));
    const terminal = bytes('what a terminal showed, longer than the cap');
    for (const [sequence, whole] of [
      [1, true],
      [2, false],
    ] as const) {
      session.operation(sequence, 'shell', facts('a shell'), allow, bytes(''), null, whole);
      session.delivered(sequence, terminal);
      session.outcome(sequence, ok);
    }
    session.end(end);
    await journal.close();
    await trail.close();
    const items = await collect(join(dir, 'journal'), 'w', 'ses_1');
    expect(integrity(items).problems).toEqual([]);
    expect(operations(items).map(({ delivered }) => [delivered.cut, delivered.bytes.length])).toEqual([
      [false, terminal.length],
      [true, 16],
    ]);
  }));

const effect = (assurance?: string): Facts['effects'][number] => ({ action: 'a', resource: null, facts: assurance === undefined ? {} : { assurance } });
const worth = (...levels: readonly (string | undefined)[]): Facts => ({ effects: levels.map(effect), unknown: [], summary: '', redacted: null });

it('takes the weakest of what effects say, that of the protocol for those that say nothing, and no word that it does not know', () => {
  expect(assuranceOf(worth('enforced', 'observed', 'parsed'), 'enforced')).toBe('observed');
  expect(assuranceOf(worth('enforced'), 'parsed')).toBe('enforced');
  expect(assuranceOf(worth('enforced', undefined), 'parsed')).toBe('parsed');
  expect(assuranceOf(worth(), 'observed')).toBe('observed');
  expect(assuranceOf(worth('certain'), 'parsed')).toBe('parsed');
  expect(assuranceOf(worth(undefined), null)).toBeNull();
  expect(assuranceOf(worth('parsed', undefined), null)).toBe('parsed');
});

it('says what the decision is worth in each entry about an operation, and with the session; where nobody said it, it says nothing', () =>
  withDirectory(async (dir) => {
    const trail = await openTrail(dir, 0, 'w');
    const journal = new LoggedJournal(await open(join(dir, 'journal'), { bootId: 'w' }), trail);
    const session = journal.begin({ ...start('ses_1'), assurance: 'parsed' });
    const clear = new Map([[CLEAR, 1]]);
    for (const [sequence, told, decision] of [
      [1, worth('enforced'), deny],
      [2, worth(undefined), deny],
      [3, worth('observed'), allow],
      [4, worth(undefined), allow],
    ] as const) {
      session.operation(sequence, 'exec', told, decision, bytes('x'), null);
      if (decision === allow) session.outcome(sequence, ok, clear);
    }
    session.end(end);
    // As in a journal of before.
    const before = journal.begin(start('ses_2'));
    before.operation(1, 'query', worth(undefined), deny, bytes('x'), null);
    before.end(end);
    await journal.close();
    await trail.close();
    const told = await leavesOf(join(dir, '0'), (await logState(join(dir, '0')))?.size ?? 0);
    expect(
      told
        .filter(({ kind }) => ['session.start', 'operation.deny', 'data.clear'].includes(kind))
        .map(({ kind, data }) => [kind, data['session'], data['operation'], data['assurance']]),
    ).toEqual([
      ['session.start', 'ses_1', undefined, 'parsed'],
      ['operation.deny', 'ses_1', 1, 'enforced'],
      ['operation.deny', 'ses_1', 2, 'parsed'],
      ['data.clear', 'ses_1', 3, 'observed'],
      ['data.clear', 'ses_1', 4, 'parsed'],
      ['session.start', 'ses_2', undefined, undefined],
      ['operation.deny', 'ses_2', 1, undefined],
    ]);
    const begins = (await collect(join(dir, 'journal'), 'w', 'ses_1')).flatMap((item) => (item.kind === 'start' ? [item.start.assurance] : []));
    expect(begins).toEqual(['parsed']);
  }));
