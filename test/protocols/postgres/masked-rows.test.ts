/**
 * Rows of any values, in every format, masked in their own memory or in a new one: what comes out is what a plain reader and writer of the
 * format makes with the transform of each value, however the stretch is cut, and no byte beside the stretch is touched.
 */

import { describe, expect, it } from 'vitest';
import { DETECTED_CLASSES, type Treatment } from '../../../src/contract/masking.js';
import type { ClassView, MaskingDoor, MaskingView } from '../../../src/contract/masking-policy.js';
import type { Guard } from '../../../src/contract/protocol.js';
import type { Verdict } from '../../../src/contract/verdict.js';
import { sourceColumns } from '../../../src/protocols/postgres/lineage/lineage.js';
import type { CopyFormat } from '../../../src/protocols/postgres/masking/copy-format.js';
import { ResultMasker } from '../../../src/protocols/postgres/masking/result-masker.js';
import type { TracedStatement } from '../../../src/protocols/postgres/masking/traced-text.js';
import { fc } from '../../support/fast-check.js';
import { maskingForTests } from '../../support/masking.js';
import { frame, int32 } from '../../support/raw-client.js';
import { writtenCatalog } from './lineage/written-catalog.js';

type Row = readonly (string | null)[];

const NAMES = 'abcdef';
const FIRST_OID = 16_384;
const TEXT = 25;
const int16 = (value: number): Buffer => {
  const out = Buffer.alloc(2);
  out.writeInt16BE(value);
  return out;
};

interface Column {
  readonly treatment: Treatment | 'untagged';
  readonly class: string;
}

const how = ({ treatment, class: name }: Column): ClassView => ({
  class: name,
  treatment: treatment === 'untagged' ? 'clear' : treatment,
  rule: null,
  keepLength: false,
  showBin: false,
  conditions: 'allow',
  detect: false,
  screen: false,
  output: false,
  resolvedBy: null,
  onApproval: null,
});

interface World {
  readonly door: MaskingDoor;
  readonly counts: Map<string, number>;
  readonly masker: ResultMasker;
}

/** `format`: null for a result of rows. */
function world(columns: readonly Column[], format: CopyFormat | null): World {
  const catalog = writtenCatalog({ tables: { 'public.t': columns.map((_, index) => NAMES[index]).join(' ') } });
  const relation = catalog.relation(FIRST_OID);
  if (relation === null) throw new Error('no relation');
  const detectors = DETECTED_CLASSES.map((name) => ({ ...how({ treatment: 'mask', class: name }), detect: true }));
  const view: MaskingView = {
    classes: [...columns.filter(({ treatment }) => treatment !== 'untagged').map(how), ...detectors],
    hides: true,
    resolvesTokens: false,
    unknown: how({ treatment: 'mask', class: 'unknown' }),
    opensDetected: false,
    detectedClasses: () => [],
    columnClasses: (_, name) => {
      const column = columns[NAMES.indexOf(name)];
      return column === undefined || column.treatment === 'untagged' ? [] : [how(column)];
    },
  };
  const door = maskingForTests()(view);
  const outputs = [...sourceColumns(relation).values()].map((source) => ({
    name: source.column.name,
    many: false,
    lineage: { columns: new Set([source]), exact: true, unknown: null },
  }));
  const statement = { lineage: { outputs }, copy: format } as unknown as TracedStatement;
  const counts = new Map<string, number>();
  const guard: Pick<Guard, 'masked'> = { masked: (_, view, values) => void counts.set(view.class, (counts.get(view.class) ?? 0) + values) };
  return { door, counts, masker: new ResultMasker({ door, catalog, statements: [statement], touches: true }, null, guard, {} as Verdict) };
}

/** What anybody sees of a value, by the door's own transforms, one value at a time. */
function shown(door: MaskingDoor, column: Column, value: string | null): string | null {
  if (value === null || column.treatment === 'clear') return value;
  const bytes = Buffer.from(value);
  const masked =
    column.treatment === 'untagged'
      ? (door.scan?.mask(bytes, 0, bytes.length, { found: () => undefined }) ?? bytes)
      : door.transform(how(column), 'text', 32)(bytes);
  return masked === null ? null : Buffer.from(masked).toString();
}

/** Masks frames in pieces of whole frames, from the middle of a larger buffer, and checks that nothing else of that is touched. */
function masked(masker: ResultMasker, frames: readonly Buffer[], cuts: readonly boolean[]): Buffer {
  const out: Buffer[] = [];
  let piece: Buffer[] = [];
  for (const [index, each] of frames.entries()) {
    piece.push(each);
    if (cuts[index] !== true && index < frames.length - 1) continue;
    const length = piece.reduce((sum, { length: more }) => sum + more, 0);
    const memory = Buffer.alloc(length + 20, 0xee);
    Buffer.concat(piece).copy(memory, 10);
    out.push(Buffer.from(masker.frames(memory.subarray(10, 10 + length))));
    expect(memory.subarray(0, 10).every((byte) => byte === 0xee) && memory.subarray(10 + length).every((byte) => byte === 0xee)).toBe(true);
    piece = [];
  }
  return Buffer.concat(out);
}

function bodies(stream: Buffer, type: string): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const next = at + 1 + stream.readUInt32BE(at + 1);
    expect(next).toBeLessThanOrEqual(stream.length);
    if (stream.toString('latin1', at, at + 1) === type) found.push(stream.subarray(at + 5, next));
    at = next;
  }
  return found;
}

const column: fc.Arbitrary<Column> = fc.record({
  treatment: fc.constantFrom<Column['treatment']>('untagged', 'clear', 'mask', 'partial', 'token', 'null', 'generalise'),
  class: fc.constantFrom('ssn', 'pan', 'email', 'account', 'zip', 'other'),
});
const value = fc.oneof(
  fc.constantFrom(
    '536-90-4399',
    '536904399',
    '4111111111111111',
    '4111 1111 1111 1111',
    'ada@example.com',
    'a',
    '',
    '****',
    '94110',
    'ssn 536-90-4399 and ada@example.com',
    'x'.repeat(300),
  ),
  fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !text.includes('\0')),
  fc.stringMatching(/^[-\\,"\t\n\r*0-9a]{0,20}$/),
);
const rowsOf = (width: number): fc.Arbitrary<Row[]> =>
  fc.array(fc.array(fc.option(value, { freq: 8 }), { minLength: width, maxLength: width }), { maxLength: 12 });
const results = fc
  .array(column, { minLength: 1, maxLength: 6 })
  .chain((columns) => fc.tuple(fc.constant(columns), rowsOf(columns.length), fc.array(fc.boolean(), { maxLength: 14 })));

function expectedCounts(columns: readonly Column[], rows: readonly Row[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const row of rows)
    for (const [index, each] of row.entries()) {
      const { treatment, class: name } = columns[index] ?? { treatment: 'clear', class: '' };
      if (each !== null && treatment !== 'untagged' && treatment !== 'clear') counts[name] = (counts[name] ?? 0) + 1;
    }
  return counts;
}

/** Of tagged columns alone: what detectors find is counted by them. */
function checkCounts(columns: readonly Column[], rows: readonly Row[], counts: ReadonlyMap<string, number>): void {
  if (columns.some(({ treatment }) => treatment === 'untagged' || treatment === 'clear')) return;
  expect(Object.fromEntries(counts)).toEqual(expectedCounts(columns, rows));
}

const expected = (door: MaskingDoor, columns: readonly Column[], rows: readonly Row[]): Row[] =>
  rows.map((row) => row.map((each, index) => shown(door, columns[index] as Column, each)));

const fieldsOf = (row: Row): (Buffer | string)[] => row.flatMap((each) => (each === null ? [int32(-1)] : [int32(Buffer.from(each).length), each]));

function readFields(body: Buffer, from: number, count: number): { readonly fields: Row; readonly end: number } {
  const fields: (string | null)[] = [];
  let at = from;
  for (let left = count; left > 0; left--) {
    const length = body.readInt32BE(at);
    fields.push(length < 0 ? null : body.toString('utf8', at + 4, at + 4 + length));
    at += 4 + Math.max(0, length);
  }
  return { fields, end: at };
}

it('rows are masked value by value', () => {
  fc.assert(
    fc.property(results, ([columns, rows, cuts]) => {
      const { door, counts, masker } = world(columns, null);
      const fields = columns.map((_, index) => [`${NAMES[index]}\0`, int32(FIRST_OID), int16(index + 1), int32(TEXT), int16(-1), int32(-1), int16(0)]);
      const frames = [
        frame('T', int16(columns.length), ...fields.flat()),
        ...rows.map((row) => frame('D', int16(row.length), ...fieldsOf(row))),
        frame('C', `SELECT ${rows.length}\0`),
      ];
      const seen = bodies(masked(masker, frames, cuts), 'D').map((body) => {
        const row = readFields(body, 2, body.readInt16BE(0));
        expect(row.end).toBe(body.length);
        return row.fields;
      });
      expect(seen).toEqual(expected(door, columns, rows));
      checkCounts(columns, rows, counts);
    }),
    { numRuns: 1500 },
  );
});

/** The data of a COPY after masking. `write`: one row in the format. */
function copied(
  { masker }: World,
  { kind }: CopyFormat,
  columns: readonly Column[],
  rows: readonly Row[],
  cuts: readonly boolean[],
  write: (row: Row) => Buffer,
  head: readonly Buffer[],
  tail: readonly Buffer[],
): Buffer {
  const code = kind === 'binary' ? 1 : 0;
  const frames = [
    frame('H', Buffer.of(code), int16(columns.length), ...columns.map(() => int16(code))),
    ...[...head, ...rows.map(write), ...tail].map((each) => frame('d', each)),
    frame('c'),
  ];
  return Buffer.concat(bodies(masked(masker, frames, cuts), 'd'));
}

const LETTERS: Readonly<Record<string, string>> = { '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '\v': 'v' };

it.each(['\t', '*', '-', '1', '|'])('COPY as text, delimiter %j, is masked value by value', (delimiter) => {
  const format: CopyFormat = { kind: 'text', delimiter: delimiter.charCodeAt(0), nullText: Buffer.from('\\N'), header: true, quote: 34, escape: 34 };
  const escaped = (text: string): string =>
    [...text]
      .map((char) => (LETTERS[char] !== undefined && char !== delimiter ? `\\${LETTERS[char]}` : char === '\\' || char === delimiter ? `\\${char}` : char))
      .join('');
  const write = (row: Row): Buffer => Buffer.from(`${row.map((each) => (each === null ? '\\N' : escaped(each))).join(delimiter)}\n`);
  const read = (line: string): Row => {
    const fields: (string | null)[] = [];
    let field = '';
    for (let i = 0; i <= line.length; i++) {
      const char = line[i];
      if (char === undefined || char === delimiter) {
        fields.push(field === '\0N' ? null : field);
        field = '';
      } else if (char === '\\') {
        const next = line[++i] ?? '';
        const meant = Object.keys(LETTERS).find((each) => LETTERS[each] === next);
        field += next === 'N' ? '\0N' : (meant ?? next);
      } else field += char;
    }
    return fields;
  };
  fc.assert(
    fc.property(results, ([columns, rows, cuts]) => {
      const all = world(columns, format);
      const text = copied(all, format, columns, rows, cuts, write, [Buffer.from('head\n')], []).toString();
      const lines = text.split('\n');
      expect([lines[0], lines.at(-1)]).toEqual(['head', '']);
      expect(lines.slice(1, -1).map(read)).toEqual(expected(all.door, columns, rows));
      checkCounts(columns, rows, all.counts);
    }),
    { numRuns: 500 },
  );
});

describe.each([
  [',', '"', '"'],
  ['*', '"', '"'],
  ['-', "'", '\\'],
  [';', '*', '\\'],
])('COPY as CSV, delimiter %j, quote %j, escape %j', (delimiter, quote, escaping) => {
  const format: CopyFormat = {
    kind: 'csv',
    delimiter: delimiter.charCodeAt(0),
    nullText: Buffer.from(''),
    header: false,
    quote: quote.charCodeAt(0),
    escape: escaping.charCodeAt(0),
  };
  const quoted = (text: string): string => quote + [...text].map((char) => (char === quote || char === escaping ? escaping + char : char)).join('') + quote;
  // As the server does, and now and then quotes where there is no need to (FORCE_QUOTE).
  const needs = (text: string): boolean =>
    text === '' || text === '\\.' || [delimiter, quote, escaping, '\n', '\r'].some((each) => text.includes(each)) || text.length % 3 === 0;
  const write = (row: Row): Buffer => Buffer.from(`${row.map((each) => (each === null ? '' : needs(each) ? quoted(each) : each)).join(delimiter)}\n`);
  const read = (text: string): Row[] => {
    const rows: Row[] = [];
    let row: (string | null)[] = [];
    let at = 0;
    while (at < text.length) {
      let field: string | null = '';
      if (text[at] === quote) {
        at++;
        while (text[at] !== quote || (escaping === quote && text[at + 1] === quote)) {
          if (text[at] === escaping && (text[at + 1] === quote || text[at + 1] === escaping)) at++;
          field += text[at++];
        }
        at++;
      } else {
        while (text[at] !== delimiter && text[at] !== '\n') field += text[at++];
        if (field === '') field = null;
      }
      row.push(field);
      if (text[at++] !== '\n') continue;
      rows.push(row);
      row = [];
    }
    return rows;
  };
  it('is masked value by value', () => {
    fc.assert(
      fc.property(results, ([columns, rows, cuts]) => {
        const all = world(columns, format);
        const text = copied(all, format, columns, rows, cuts, write, [], []).toString();
        expect(read(text)).toEqual(expected(all.door, columns, rows));
        checkCounts(columns, rows, all.counts);
      }),
      { numRuns: 500 },
    );
  });
});

it('COPY as binary is masked value by value', () => {
  const format: CopyFormat = { kind: 'binary', delimiter: 9, nullText: Buffer.from('\\N'), header: false, quote: 34, escape: 34 };
  const head = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), int32(0), int32(0)]);
  const write = (row: Row): Buffer => Buffer.concat([int16(row.length), ...fieldsOf(row).map((each) => Buffer.from(each))]);
  fc.assert(
    fc.property(results, ([columns, rows, cuts]) => {
      const all = world(columns, format);
      const data = copied(all, format, columns, rows, cuts, write, [head], [int16(-1)]);
      expect(data.subarray(0, head.length)).toEqual(head);
      const seen: Row[] = [];
      let at = head.length;
      while (data.readInt16BE(at) !== -1) {
        const { fields, end } = readFields(data, at + 2, data.readInt16BE(at));
        seen.push(fields);
        at = end;
      }
      expect(at + 2).toBe(data.length);
      expect(seen).toEqual(expected(all.door, columns, rows));
      checkCounts(columns, rows, all.counts);
    }),
    { numRuns: 500 },
  );
});
