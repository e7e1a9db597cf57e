/** The parameters of a Bind, as people read them and as an approval binds them. */

import { describe, expect, it } from 'vitest';
import { readBoundParameters, withTextResults } from '../../../src/protocols/postgres/bound-parameters.js';
import { fc } from '../../support/fast-check.js';

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const i32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

function raw(values: readonly (Buffer | null)[], formats: readonly number[] = [], results: readonly number[] = []): Buffer {
  return Buffer.concat([
    u16(formats.length),
    ...formats.map(u16),
    u16(values.length),
    ...values.flatMap((value) => (value === null ? [i32(-1)] : [i32(value.length), value])),
    u16(results.length),
    ...results.map(u16),
  ]);
}
const types = (...oids: number[]): Buffer => Buffer.concat([u16(oids.length), ...oids.map(i32)]);

describe('bound parameters', () => {
  it('are read with declared type, form and value; null is not an empty text', () => {
    expect(readBoundParameters(raw([Buffer.from('42'), null, Buffer.from('')]), types(23, 0))).toEqual([
      { type: '23', form: 'text', value: '42' },
      { type: null, form: 'null', value: '' },
      { type: null, form: 'text', value: '' },
    ]);
  });

  it('are bytes where they are binary, or no text: two values are never one', () => {
    const [binary] = readBoundParameters(raw([Buffer.from([0, 0, 0, 42])], [1]), null) ?? [];
    expect(binary).toEqual({ type: null, form: 'hex', value: '0000002a' });
    const broken = readBoundParameters(raw([Buffer.from([0xff]), Buffer.from([0xfe])], [0]), null) ?? [];
    expect(broken.map(({ value }) => value)).toEqual(['ff', 'fe']);
  });

  it('of different bytes are different, and the forms of results are no part of them', () => {
    const value = fc.option(fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)));
    const list = fc.array(value, { maxLength: 3 });
    fc.assert(
      fc.property(list, list, fc.constantFrom(0, 1), (a, b, format) => {
        const same = raw(a).equals(raw(b));
        const read = (values: readonly (Buffer | null)[], results: number[]): string =>
          JSON.stringify(readBoundParameters(raw(values, [format], results), null));
        return (read(a, [0]) === read(b, [1, 1])) === same;
      }),
    );
  });

  it('that do not end are refused at every cut, and never read past their end', () => {
    const whole = raw([Buffer.from('abc'), null], [0, 1]);
    for (let cut = 0; cut < whole.length - 2; cut++) expect(readBoundParameters(whole.subarray(0, cut), null)).toBeNull();
    expect(readBoundParameters(Buffer.concat([u16(0), u16(1), i32(-7)]), null)).toBeNull();
  });

  it('go with another statement with all results as text', () => {
    const values = [Buffer.from('1'), null];
    expect(withTextResults(raw(values, [0, 1], [1, 1, 1]))).toEqual(raw(values, [0, 1]));
  });
});
