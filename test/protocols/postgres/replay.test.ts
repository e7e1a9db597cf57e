/** Recorded results as lines: hostile bytes, every cut, values of both formats. What real sessions look like stands in test/session/exports.test.ts. */

import { describe, expect, it } from 'vitest';
import { parameterLiterals } from '../../../src/protocols/postgres/replay/parameter-literals.js';
import { renderResult } from '../../../src/protocols/postgres/replay/render-result.js';
import { scriptStatement } from '../../../src/protocols/postgres/replay/script-statement.js';
import { fc } from '../../support/fast-check.js';
import { frame, int32 } from '../../support/raw-client.js';

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const column = (name: string, type: number, format = 0): Buffer =>
  Buffer.concat([Buffer.from(`${name}\0`), int32(0), int16(0), int32(type), int16(4), int32(-1), int16(format)]);
const description = (...columns: Buffer[]): Buffer => frame('T', int16(columns.length), ...columns);
const row = (...values: (Buffer | string | null)[]): Buffer =>
  frame('D', int16(values.length), ...values.flatMap((value) => (value === null ? [int32(-1)] : [int32(Buffer.from(value).length), Buffer.from(value)])));
const complete = (tag: string): Buffer => frame('C', `${tag}\0`);
const clean = (lines: readonly string[]): boolean => lines.every((line) => !/[\p{Cc}\p{Cf}]/u.test(line));

describe('a recorded result', () => {
  it('shows values of the binary format of common types, and the bytes of others', () => {
    const uuid = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
    const result = Buffer.concat([
      description(column('u', 2950, 1), column('f', 701, 1), column('i', 869, 1), column('d', 1082, 1)),
      row(uuid, Buffer.from('3ff8000000000000', 'hex'), Buffer.from('0220', 'hex'), Buffer.from('00000001', 'hex')),
      complete('SELECT 1'),
    ]);
    expect(renderResult(result, null)).toEqual([
      '                  u                   |  f  |   i    |     d',
      '--------------------------------------+-----+--------+------------',
      ' 00112233-4455-6677-8899-aabbccddeeff | 1.5 | \\x0220 | 2000-01-02',
      '(1 row)',
    ]);
  });

  it('without a description has numbered columns, in the formats that the Bind asked for', () => {
    const bind = Buffer.concat([int16(0), int16(1), int32(2), Buffer.from('ab'), int16(2), int16(0), int16(1)]);
    expect(renderResult(Buffer.concat([row('text', Buffer.from([1, 2])), complete('SELECT 1')]), bind)).toEqual([
      ' column 1 | column 2',
      '----------+----------',
      ' text     | \\x0102',
      '(1 row)',
    ]);
  });

  it('cuts long values with their length, and does not align what would become much larger than it is', () => {
    expect(renderResult(Buffer.concat([description(column('a', 25)), row('x'.repeat(5_000))]), null)[2]).toBe(` ${'x'.repeat(200)}… (5000 characters)`);
    const wide = Buffer.concat([row(...Array.from({ length: 5_000 }, () => null)), ...Array.from({ length: 500 }, () => row('a'))]);
    expect(renderResult(wide, null).join('\n').length).toBeLessThan(200_000);
  });

  it('is shown as far as it goes wherever it ends', () => {
    const whole = Buffer.concat([
      description(column('a\u001b[2J', 25), column('b', 23)),
      row('one', '1'),
      row(null, '22'),
      complete('SELECT 2'),
      frame('E', 'SERROR\0VERROR\0C42P01\0Mno\u0007\0Dwhy\0Hhow\0\0'),
      frame('A', int32(7), 'ch\0p\u001b\0'),
      frame('S', 'TimeZone\0UTC\0'),
    ]);
    for (let end = 0; end <= whole.length; end++) {
      const lines = renderResult(whole.subarray(0, end), null);
      expect(clean(lines)).toBe(true);
    }
    expect(renderResult(whole, null)).toEqual([
      ' a\\u{1b}[2J | b',
      '------------+----',
      ' one        |  1',
      '            | 22',
      '(2 rows)',
      'ERROR:  no\\u{7} (SQLSTATE 42P01)',
      'DETAIL:  why',
      'HINT:  how',
      'Asynchronous notification "ch" with payload "p\\u{1b}" received from server process with PID 7.',
      "(the server's setting TimeZone is now UTC)",
    ]);
  });

  it('is never anything that acts on a terminal, whatever the bytes are', () => {
    const types = fc.constantFrom('T', 'D', 'C', 'E', 'N', 'H', 'd', 'A', 'S', 's', 'I', '?');
    const frames = fc.array(
      fc.tuple(types, fc.uint8Array({ maxLength: 60 })).map(([type, body]) => frame(type, Buffer.from(body))),
      { maxLength: 12 },
    );
    fc.assert(fc.property(frames, fc.uint8Array({ maxLength: 40 }), (some, rest) => clean(renderResult(Buffer.concat([...some, rest]), rest))));
    fc.assert(fc.property(fc.uint8Array(), (raw) => (parameterLiterals(raw) ?? []).every((literal) => typeof literal === 'string')));
  });
});

describe('a statement of a script', () => {
  it('ends in what psql reads as its end, whatever stands in it', () => {
    const parts = fc.constantFrom("'", '"', '$$', '$a$', '--', '/*', '*/', '\\', '\n', ' ', 'e', 'a', '1', ';', '$1', "''");
    fc.assert(
      fc.property(
        fc.array(parts, { maxLength: 14 }).map((some) => some.join('')),
        (text) => {
          const statement = scriptStatement(text);
          // Behind it nothing is open: what follows is a statement of its own.
          return statement === null || scriptStatement(`${statement}\nselect 1`) === `${statement}\nselect 1;`;
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
