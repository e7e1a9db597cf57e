/**
 * What detectors do to values that may hold text: what is put in the place of one is a value of the same type whose other parts are as they were, nothing
 * that is found stays, and any bytes, however deep, are looked at in bounded time.
 */

import { describe, expect, it } from 'vitest';
import type { TextScan } from '../../../src/contract/masking-policy.js';
import type { Catalog, CatalogType } from '../../../src/protocols/postgres/catalog/catalog.js';
import { type Literal, readLiteral, writeElement } from '../../../src/protocols/postgres/masking/literal-text.js';
import { textShape } from '../../../src/protocols/postgres/masking/text-shape.js';
import { untaggedSearch } from '../../../src/protocols/postgres/masking/untagged-value.js';
import { fc } from '../../support/fast-check.js';
import { int32 } from '../../support/raw-client.js';

const CANARY = '536-90-4399';
const how = { class: 'ssn' } as never;

/** Finds the canary, where no digit touches it. */
const scan: TextScan = {
  mask: (bytes, start, end, sink) => {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
    const shown = text.replace(/(?<!\d)536-90-4399(?!\d)/g, '****');
    if (shown === text) return null;
    sink.found(how);
    return Buffer.from(shown, 'latin1');
  },
};

const type = (oid: number, more: Partial<CatalogType>): CatalogType => ({
  ...{ oid, name: `t${oid}`, schema: 'public', kind: 'b', base: 0, element: 0, relation: 0, category: 'U' },
  ...more,
});
const [RECORD, TEXT, BYTEA, XML] = [2249, 25, 17, 142];
const TYPES = [
  type(1009, { category: 'A', element: TEXT }),
  type(1007, { category: 'A', element: 23 }),
  type(3904, { category: 'R', kind: 'r' }),
  type(20_001, { category: 'C', kind: 'c', relation: 30_001 }),
  type(20_002, { category: 'A', element: 20_001 }),
  type(20_003, { category: 'C', kind: 'c', relation: 30_002 }),
  type(20_004, { category: 'R', kind: 'r' }),
  type(20_005, { name: 'hstore' }),
  type(20_006, { kind: 'd', base: 20_001, category: 'C' }),
  type(20_007, { kind: 'e', category: 'E' }),
  type(20_008, { kind: 'd', base: 20_009 }),
  type(20_009, { kind: 'd', base: 20_008 }),
  ...Array.from({ length: 200 }, (_, index) => type(40_000 + index, { kind: 'd', base: 40_001 + index })),
];
const COLUMNS: Readonly<Record<number, readonly number[]>> = { 30001: [23, TEXT], 30002: [23, 1184, 20_007] };
const catalog = {
  type: (oid: number) => TYPES.find((each) => each.oid === oid) ?? null,
  relation: (oid: number) => (COLUMNS[oid] === undefined ? null : { columns: COLUMNS[oid].map((each) => ({ type: each })) }),
} as unknown as Catalog;

function shown(oid: number, value: Buffer, binary = false): Buffer | null {
  const search = untaggedSearch(oid, binary, scan, catalog);
  return search === null ? value : search(value, { found: () => undefined });
}
const shownText = (oid: number, value: string): string | null => shown(oid, Buffer.from(value))?.toString() ?? null;

const part = (value: Buffer | null): Buffer => (value === null ? int32(-1) : Buffer.concat([int32(value.length), value]));
const binaryArray = (element: number, ...values: (Buffer | null)[]): Buffer =>
  Buffer.concat([int32(1), int32(0), int32(element), int32(values.length), int32(1), ...values.map(part)]);
const binaryRow = (...values: (readonly [number, Buffer | null])[]): Buffer =>
  Buffer.concat([int32(values.length), ...values.flatMap(([oid, value]) => [int32(oid), part(value)])]);
const cells = fc.array(fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.constant(`a ${CANARY} b`), fc.constantFrom('"', '\\', '{', ')', ',')), {
  minLength: 1,
  maxLength: 6,
});

describe('which types may hold text', () => {
  it.each([
    [23, false],
    [1700, false],
    [1184, false],
    [2950, false],
    [16, false],
    [1007, false],
    [3904, false],
    [20_003, false],
    [20_007, false],
    [TEXT, true],
    [BYTEA, true],
    [XML, true],
    [RECORD, true],
    [1009, true],
    [20_001, true],
    [20_002, true],
    [20_004, true],
    [20_005, true],
    [20_006, true],
    [77_777, true],
    [0, true],
  ])('%i: %s', (oid, may) => {
    expect(textShape(oid, catalog) !== null).toBe(may);
  });

  it('circles and depths of a catalog end', () => {
    for (const oid of [20_008, 40_000]) expect(textShape(oid, catalog)).toEqual({ kind: 'unknown' });
  });
});

describe('literals', () => {
  it.each<Literal>(['array', 'row'])('of an %s are read as they are written', (literal) => {
    const [open, close] = literal === 'array' ? ['{', '}'] : ['(', ')'];
    fc.assert(
      fc.property(cells, (values) => {
        const written = Buffer.from(`${open}${values.map((each) => Buffer.from(writeElement(Buffer.from(each), literal)).toString()).join(',')}${close}`);
        expect(readLiteral(written, literal)?.map(({ value }) => value.toString())).toEqual(values.map((each) => Buffer.from(each).toString()));
        const masked = shown(literal === 'array' ? 1009 : RECORD, written);
        const expected = values.map((each) => each.replace(CANARY, '****'));
        expect(masked === null ? null : readLiteral(masked, literal)?.map(({ value }) => value.toString())).toEqual(expected);
      }),
    );
  });

  it.each(['', '{', '{}x', '{"a}', '{a"b}', '{{a}}', '[0:1]={a,b}', '(a,b', '{a,b)', '{"a\\'])('are not read: %s', (text) => {
    expect(readLiteral(Buffer.from(text), 'array')).toBeNull();
    expect(shownText(1009, text)).toBe(text);
    expect(shownText(1009, `${text} ${CANARY}`)).toBeNull();
  });

  it('as text', () => {
    expect(shownText(20_002, `{"(1,\\"x ${CANARY}\\")","(2,)"}`)).toBe('{"(1,\\"x ****\\")","(2,)"}');
    expect(shownText(20_001, `(${CANARY},x)`)).toBe(`(${CANARY},x)`);
    expect(shownText(RECORD, `(${CANARY},x)`)).toBe('("****",x)');
    expect(shownText(20_005, `"k"=>"${CANARY}"`)).toBe('"k"=>"****"');
    expect(shownText(20_004, `[a,${CANARY}]`)).toBeNull();
    expect(shownText(77_777, `<${CANARY}>`)).toBeNull();
    expect(shownText(77_777, `(${CANARY},1)`)).toBe('("****",1)');
    expect(shownText(0, `x ${CANARY}`)).toBe('x ****');
    expect(shownText(0, `\\x${Buffer.from(CANARY).toString('hex')}`)).toBe('\\x2a2a2a2a');
    expect(shownText(XML, `<a b="&#53;${CANARY}"/>`)).toBe('<a b="&#53;****"/>');
    expect(shownText(XML, `<a>&${CANARY};</a>`)).toBeNull();
  });
});

describe('bytes', () => {
  const hex = (bytes: string | Buffer): string => `\\x${Buffer.from(bytes as string).toString('hex')}`;
  it('that are text, written in hex or escaped', () => {
    expect(shownText(BYTEA, hex(`é ${CANARY}`))).toBe(hex('é ****'));
    expect(shownText(BYTEA, `\\303\\251 \\\\ ${CANARY}`)).toBe(hex('é \\ ****'));
    expect(shown(BYTEA, Buffer.from(`x ${CANARY}`), true)?.toString()).toBe('x ****');
  });
  it.each([hex('nothing'), hex(`\0${CANARY}`), hex(Buffer.concat([Buffer.of(0xff), Buffer.from(CANARY)])), '\\x123', '\\xzz', '\\99', ''])(
    'that are not: %s',
    (text) => {
      expect(shownText(BYTEA, text)).toBe(text);
    },
  );
});

describe('in binary', () => {
  it('arrays and rows keep what is beside a finding', () => {
    const found = Buffer.from(`x ${CANARY}`);
    const masked = Buffer.from('x ****');
    const plain = Buffer.from('plain');
    expect(shown(1009, binaryArray(TEXT, plain, null, found), true)).toEqual(binaryArray(TEXT, plain, null, masked));
    expect(shown(RECORD, binaryRow([23, int32(7)], [TEXT, null], [TEXT, found]), true)).toEqual(binaryRow([23, int32(7)], [TEXT, null], [TEXT, masked]));
    expect(shown(20_002, binaryArray(20_001, binaryRow([TEXT, found])), true)).toEqual(binaryArray(20_001, binaryRow([TEXT, masked])));
    expect(shown(1009, Buffer.concat([int32(0), int32(0), int32(TEXT)]), true)).toHaveLength(12);
    expect(shown(RECORD, binaryRow([20_004, part(found)]), true)).toBeNull();
  });

  it('what cannot be read is hidden as a whole, also where a length looks like a digit', () => {
    for (const length of [11, 0x31, 0x39, 0x3131, 0x41]) {
      const text = Buffer.from(CANARY.padEnd(length, ' x'));
      for (const oid of [20_004, 20_005, 77_777, 1009]) expect(shown(oid, Buffer.concat([Buffer.of(3), part(text), part(Buffer.from('z'))]), true)).toBeNull();
    }
    expect(shown(20_004, part(Buffer.from('nothing to find')), true)).toHaveLength(19);
  });
});

describe('any bytes', () => {
  it('are looked at, and stay where nothing is found', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom(0, BYTEA, XML, RECORD, 1009, 20_001, 20_002, 20_004, 77_777),
        fc.boolean(),
        (bytes, oid, binary) => {
          const value = Buffer.from(bytes);
          expect(shown(oid, value, binary)).toBe(value);
        },
      ),
    );
  });

  it('in time that grows with their number', () => {
    const size = 400_000;
    const deep = Array.from({ length: 14 }).reduce<string>((inner) => `("${inner.replace(/["\\]/g, '$&$&')}")`, CANARY);
    const hostile = [
      '{'.repeat(size),
      `{${'"",'.repeat(size)}""}`,
      `{"${'\\"'.repeat(size)}"}`,
      `(${','.repeat(size)})`,
      `\\x${'31'.repeat(size)}`,
      '&'.repeat(size),
      deep,
    ];
    const begin = process.cpuUsage();
    for (const text of hostile) for (const oid of [0, BYTEA, XML, RECORD, 1009]) for (const binary of [false, true]) shown(oid, Buffer.from(text), binary);
    // Of the processor: on a machine that is busy all takes longer, and costs no more.
    expect(process.cpuUsage(begin).user).toBeLessThan(20_000_000);
    expect(shownText(RECORD, deep)).not.toContain(CANARY);
  });
});
