/** What was masked is counted in the outcome of its operation, each way of masking written once, and read as the event by which older records say it. */
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import type { MaskedAs } from '../../src/contract/masking-policy.js';
import type { SessionSummary } from '../../src/contract/session-store.js';
import { createSessionRecords } from '../../src/gateway/session-records.js';
import { decodeEntries, decodeOutcome, type Entry } from '../../src/recording/entry-decoder.js';
import { KIND, OUTCOME_FIXED_BYTES } from '../../src/recording/format.js';
import { readOperations } from '../../src/recording/read-operations.js';
import { walkJournal } from '../../src/recording/walk-journal.js';
import { allow, bytes, collect, end, facts, integrity, keys, ok, open, start, withDirectory } from './session-fixture.js';

const SSN: MaskedAs = { class: 'ssn', treatment: 'partial', rule: null };
const IBAN: MaskedAs = { class: 'iban', treatment: 'clear', rule: 'bank/clear' };
const ways = (count: number): MaskedAs[] => Array.from({ length: count }, (_, at) => ({ class: `class-${at}`, treatment: 'mask', rule: null }));

async function stored(dir: string): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const item of walkJournal({ dir, bootId: 'w', live: false })) {
    if (item.kind === 'frame') for (const entry of decodeEntries(item.frame.body, item.frame.entries)) if (typeof entry !== 'string') found.push(entry);
  }
  return found;
}

const events = (items: Awaited<ReturnType<typeof collect>>): unknown[] => items.flatMap((item) => (item.kind === 'event' ? [[item.event, item.data]] : []));

describe.each([
  ['encrypted', {}],
  ['not encrypted', { encryption: null }],
])('a journal that is %s', (_, options) => {
  it('counts what was masked in the outcome, and defines each way once', () =>
    withDirectory(async (dir) => {
      const journal = await open(dir, { bootId: 'w', ...options });
      const session = journal.begin(start('ses_1'));
      const read = facts('reads');
      for (let at = 1; at <= 3; at++) {
        session.operation(at, 'query', read, allow, bytes('select'), null);
        session.delivered(at, bytes('###'));
        session.outcome(
          at,
          at === 3 ? { ...ok, message: null } : ok,
          new Map([
            [SSN, at],
            [IBAN, 2 ** 40],
          ]),
        );
      }
      session.end(end);
      await journal.close();
      const items = await collect(dir, 'w', 'ses_1');
      expect(integrity(items).problems).toEqual([]);
      expect(items.map(({ kind }) => kind)).toEqual(['start', 'event', 'operation', 'event', 'operation', 'event', 'operation', 'end', 'integrity']);
      expect(events(items)).toEqual(
        [1, 2, 3].map((operation) => [
          'masked',
          {
            operation,
            values: [
              { ...SSN, values: operation },
              { ...IBAN, values: 2 ** 40 },
            ],
          },
        ]),
      );
      expect(items.flatMap((item) => (item.kind === 'operation' ? [item.operation.outcome?.message] : []))).toEqual(['SELECT 1', 'SELECT 1', null]);
      // Facts, decision, form, and the two ways.
      const written = await stored(dir);
      expect(written.filter(({ kind }) => kind === KIND.define)).toHaveLength(5);
      expect(written.filter(({ kind }) => kind === KIND.event)).toHaveLength(0);
      const indexed = [];
      for await (const { sequence, masked } of readOperations({ dir, bootId: 'w', live: false, keys })) indexed.push([sequence, masked]);
      expect(indexed).toEqual([1, 2, 3].map((sequence) => [sequence, ['ssn', 'iban']]));
    }));

  it('says in an event what an outcome cannot count', () =>
    withDirectory(async (dir) => {
      const journal = await open(dir, { bootId: 'w', ...options });
      const session = journal.begin(start('ses_1'));
      for (const [at, many] of [ways(64), ways(65)].entries()) {
        session.operation(at + 1, 'query', facts('reads'), allow, bytes('select'), null);
        session.outcome(at + 1, ok, new Map(many.map((way, index) => [way, index])));
      }
      session.end(end);
      await journal.close();
      const items = await collect(dir, 'w', 'ses_1');
      expect(integrity(items).problems).toEqual([]);
      expect(events(items)).toEqual(
        [64, 65].map((count, at) => ['masked', { operation: at + 1, values: ways(count).map((way, index) => ({ ...way, values: index })) }]),
      );
      expect((await stored(dir)).filter(({ kind }) => kind === KIND.event)).toHaveLength(1);
    }));

  it('keeps the counts right when definitions are forgotten and numbered anew', () =>
    withDirectory(async (dir) => {
      const journal = await open(dir, { bootId: 'w', ...options });
      const session = journal.begin(start('ses_1'));
      const many = ways(60);
      for (let at = 1; at <= 400; at++) {
        session.operation(at, 'query', facts(`reads ${at}`), allow, bytes('select'), null);
        session.outcome(at, ok, new Map([[many[at % 60] as MaskedAs, at], ...(at % 7 === 0 ? ([[SSN, 1]] as const) : [])]));
      }
      session.end(end);
      await journal.close();
      const items = await collect(dir, 'w', 'ses_1');
      expect(events(items)).toEqual(
        Array.from({ length: 400 }, (_, index) => index + 1).map((at) => [
          'masked',
          { operation: at, values: [{ ...many[at % 60], values: at }, ...(at % 7 === 0 ? [{ ...SSN, values: 1 }] : [])] },
        ]),
      );
      for (const item of items) if (item.kind === 'operation') expect(item.operation.facts?.summary).toBe(`reads ${item.operation.sequence}`);
    }));
});

it('counts each column by itself, and what people read has one sum of each class, treatment and rule', () =>
  withDirectory(async (dir) => {
    const journal = await open(dir, { bootId: 'w' });
    const session = journal.begin(start('ses_1'));
    session.operation(1, 'query', facts('reads'), allow, bytes('select'), null);
    session.event('tokens.resolved', { operation: 1, classes: [1, 2].map((values) => ({ class: 'ssn', rule: 'bank/desk', values })) });
    // A view of a column is an object of its own, also where it says the same.
    const columns: MaskedAs[] = [SSN, { ...SSN }, { ...SSN, rule: 'bank/ssn' }, IBAN, { ...SSN }, { ...SSN, treatment: 'mask' }];
    session.outcome(1, ok, new Map(columns.map((way, at) => [way, at + 1])));
    session.end(end);
    await journal.close();
    expect((events(await collect(dir, 'w', 'ses_1'))[1] as [string, { values: unknown[] }])[1].values).toHaveLength(6);
    const records = createSessionRecords(dir, keys, () => Promise.reject(new Error('nothing is erased here')), silentLogger);
    const found = { id: 'ses_1', journal: 'w', content: 'kept', protocol: 'postgres' } as SessionSummary;
    const masked = [
      { ...SSN, values: 8 },
      { ...SSN, rule: 'bank/ssn', values: 3 },
      { ...IBAN, values: 4 },
      { ...SSN, treatment: 'mask', values: 6 },
    ];
    const { operations } = await records.read(found, { after: 0, limit: 10 });
    expect(operations).toMatchObject([{ masked, resolved: [{ class: 'ssn', rule: 'bank/desk', values: 3 }] }]);
    let script = '';
    for await (const part of records.export(found, 'sql')) script += part;
    expect(script).toContain('-- masked: 8 ssn (partial), 3 ssn (partial by bank/ssn), 4 iban (clear by bank/clear), 6 ssn (mask)\n');
    expect(script).toContain('-- tokens resolved: 3 ssn by bank/desk\n');
  }));

describe('an outcome that nobody wrote', () => {
  const whole = Buffer.concat([Buffer.alloc(OUTCOME_FIXED_BYTES), Buffer.of(2), Buffer.alloc(20, 1), Buffer.from('SELECT 1')]);
  whole[6] = 1;
  whole[25] = 5;

  it('is none when its counts are cut, at every byte', () => {
    expect(decodeOutcome(whole)).toMatchObject({ outcome: { message: 'SELECT 1' }, masked: [{ definition: 0x01010101 }, { definition: 0x01010101 }] });
    for (let length = 0; length < OUTCOME_FIXED_BYTES + 21; length++) expect(decodeOutcome(whole.subarray(0, length)), String(length)).toBeNull();
    const claims = Buffer.from(whole);
    claims[OUTCOME_FIXED_BYTES] = 255;
    expect(decodeOutcome(claims)).toBeNull();
  });

  it('that names ways which were never defined counts nothing, and is read', () =>
    withDirectory(async (dir) => {
      const journal = await open(dir, { bootId: 'w', encryption: null });
      const session = journal.begin(start('ses_1'));
      session.operation(1, 'query', facts('reads'), allow, bytes('select'), null);
      session.outcome(1, ok, new Map([[SSN, 1]]));
      session.end(end);
      await journal.close();
      const { SessionJoiner } = await import('../../src/recording/session-joiner.js');
      const joiner = new SessionJoiner();
      const items = (await stored(dir)).flatMap((entry) => (entry.kind === KIND.define && entry.payload[4] === 4 ? [] : [...joiner.take(entry, 0)]));
      expect(events(items as Awaited<ReturnType<typeof collect>>)).toEqual([['masked', { operation: 1, values: [] }]]);
      expect(items.some(({ kind }) => kind === 'operation')).toBe(true);
    }));
});
