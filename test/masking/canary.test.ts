/** The search itself: what it finds, and what it knows to be chance. */
import { expect, it } from 'vitest';
import { newId } from '../../src/base/id.js';
import { CANARIES, canariesIn, findCanariesInBinary, findCanariesInDocument, findCanariesInRows, NUMBERS } from './canary.js';
import { FORMS } from './canary-forms.js';

const found = (text: string): string[] => canariesIn(Buffer.from(text));

it('finds four characters of a canary anywhere but in a name that the gateway drew', () => {
  const id = 'ses_01m8d7rh8p5b71ewz3v5f15f0d';
  expect(id).toMatch(/^[a-z]{3}_[0-9a-z]{26}$/);
  expect(found(`{"session":"${id}"}`)).toEqual([]);
  expect(found(`{"session":"${id}","text":"wz3v"}`)).toHaveLength(1);
  expect(found(`${id}wz3v`)).toHaveLength(1);
  expect(found('ses_wz3v')).toHaveLength(1);
});

it('finds every form that it knows, in the midst of other bytes', () => {
  const missed = [...FORMS.keys()].filter((form) => canariesIn(Buffer.from(`\0~${form}~\0`, 'latin1')).length === 0);
  expect(missed).toEqual([]);
});

it('finds nothing in what is no canary', () => {
  const words = '*** -10513 6204 7391 1971 1971-01-01 1234567 0x1b8 NULL {1,2,3} 75,113 Kq Wz Zu 2000-01-01 12:00:00.123456+00';
  expect(found(words)).toEqual([]);
  const numbers = Buffer.concat(Array.from({ length: 10_000 }, (_, value) => Buffer.from([0, 0, 0, 4, 0, 0, value >> 8, value & 0xff])));
  expect(canariesIn(numbers)).toEqual([]);
});

it('takes four bytes of random ones for chance, and six not', () => {
  const { text } = CANARIES[0] as (typeof CANARIES)[number];
  const digest = (part: string): string => Buffer.concat([Buffer.alloc(40, 0xb7), Buffer.from(part)]).toString('hex');
  expect(findCanariesInDocument(`sha: ${digest(text.slice(0, 4))}`)).toEqual([]);
  expect(findCanariesInDocument(`sha: ${digest(text.slice(0, 6))}`).length).toBeGreaterThan(0);
});

it('takes four bytes between the texts of a record for chance, and four characters in a text not', () => {
  const number = [...FORMS].find(([form, forms]) => form.length === 4 && form.includes('\0') && forms.every(({ strong }) => !strong))?.[0] ?? '';
  expect(number).not.toBe('');
  const { text } = CANARIES[0] as (typeof CANARIES)[number];
  const entry = (said: string, between: string): Buffer => Buffer.from(`\x00\x07${between}\x03select '${said}'\x00`, 'latin1');
  expect(findCanariesInBinary(entry('hello', number))).toEqual([]);
  expect(findCanariesInBinary(entry('hello', text.slice(0, 4)))).toEqual([]);
  expect(findCanariesInBinary(entry(text.slice(0, 4), '')).length).toBeGreaterThan(0);
  expect(findCanariesInBinary(entry('hello', text.slice(0, 6))).length).toBeGreaterThan(0);
});

it('puts together what comes in several fields: down a column, and along a row', () => {
  const { text } = CANARIES[0] as (typeof CANARIES)[number];
  const codes = [...Buffer.from(text)];
  const field = (code: number, size: number): Buffer => {
    const bytes = Buffer.alloc(size);
    bytes.writeUIntBE(code, Math.max(0, size - 6), Math.min(size, 6));
    return bytes;
  };
  const kinds = (rows: Buffer[][]): string[] => findCanariesInRows(rows).map(({ kind }) => kind);
  expect(kinds([...text].map((letter, row) => [Buffer.from(String(row)), Buffer.from(letter)]))).toContain('as it is');
  expect(kinds([[...text].map((letter) => Buffer.from(letter))])).toContain('as it is');
  expect(kinds(codes.map((code) => [Buffer.from(String(code))]))).toContain('character codes');
  for (const size of [2, 4, 8]) expect(kinds(codes.map((code, row) => [field(row, size), field(code, size)]))).toContain('character codes');
  expect(kinds([...(NUMBERS[0] ?? '')].map((digit) => [Buffer.from(digit)]))).toContain('digits');
  expect(kinds(codes.slice(0, 3).map((code) => [Buffer.from(String(code))]))).toEqual([]);
});

it('knows the names that the gateway draws', () => {
  expect(newId('ses')).toMatch(/^[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}$/);
});
