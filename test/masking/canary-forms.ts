/**
 * How canaries may be written, in bytes: each spelling of a text, a number or a date that a SELECT can make and that is told apart from chance. A form has a
 * kind, by which the tests of the search show that every one is found. `strong`: not even random bytes (digests, ciphertext) hold it by chance.
 */
import { hash } from 'node:crypto';
import { CANARIES, DATE, DERIVATIONS, NARROW, NUMBERS, NUMBERS_IN_WORDS, ROOTS, TOGETHER } from './canary-values.js';

export interface Form {
  readonly of: string;
  readonly kind: string;
  readonly strong: boolean;
}

/** By their bytes, as latin1. */
export const FORMS = new Map<string, Form[]>();
/** Sequences of character codes that are those of a canary, in order. */
export const CODES: { readonly of: string; readonly kind: string; readonly codes: readonly number[] }[] = [];
/** Values that are too short to be looked for anywhere but as a whole field. */
export const FIELDS = new Map<string, Form[]>();

/** What a date is shown as to those who see its year. */
const SHOWN = `${DATE.slice(0, 4)}-01-01`;

const PIECE = 4;
const RUN = 6;
const DIGITS = 7;

const reversed = (text: string): string => [...text].reverse().join('');
const windows = (text: string, size: number): string[] => Array.from({ length: Math.max(0, text.length - size + 1) }, (_, at) => text.slice(at, at + size));

function add(to: Map<string, Form[]>, of: string, kind: string, form: string, strong = form.length >= RUN): void {
  const forms = to.get(form) ?? [];
  if (!forms.some((each) => each.kind === kind)) forms.push({ of, kind, strong });
  to.set(form, forms);
}

/** The form and its mirror. */
function both(of: string, kind: string, form: string, strong = form.length >= RUN): void {
  add(FORMS, of, kind, form, strong);
  add(FORMS, of, `${kind}, reversed`, reversed(form), strong);
}

const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
const octal = (byte: number): string => byte.toString(8).padStart(3, '0');

/** One character after the other, each written in this way; `2` and `3` stand for one and two characters more in front. */
const CHARACTERS: readonly (readonly [kind: string, write: (byte: number) => string])[] = [
  ['hex', hex],
  ['HEX', (byte) => hex(byte).toUpperCase()],
  ...[' ', ':', ',', '-', '\\x', '%', '&#x', ', '].flatMap((before): [string, (byte: number) => string][] => {
    const kind = before === '%' ? 'percent' : 'hex of each character';
    return [
      [kind, (byte) => before + hex(byte)],
      [kind, (byte) => before + hex(byte).toUpperCase()],
    ];
  }),
  ['unicode escapes', (byte) => `\\u00${hex(byte)}`],
  ['unicode escapes', (byte) => `\\u00${hex(byte).toUpperCase()}`],
  ['octal', (byte) => `\\${octal(byte)}`],
  ['octal', octal],
  ['bits', (byte) => byte.toString(2).padStart(8, '0')],
  ['character codes run together', (byte) => String(byte)],
  ['character codes', (byte) => `&#${byte};`],
  ...['.', ' ', ',', '_', '", "', '","', '|', '\0\0\0\x01'].map((after): [string, (byte: number) => string] => [
    'characters apart',
    (byte) => String.fromCharCode(byte) + after,
  ]),
  ['character codes in binary', (byte) => `${String.fromCharCode(byte)}\0\0\0\x04\0\0\0`],
  ['character codes in binary', (byte) => `${String.fromCharCode(byte)}\0\0\0\x02\0`],
  ['character codes in binary', (byte) => `${String.fromCharCode(byte)}\0\0\0\x08\0\0\0\0\0\0\0`],
  ['UTF-16', (byte) => `${String.fromCharCode(byte)}\0`],
];

/** What every run of so many characters of a text may be written as, by whatever letters it is made of. */
function encoded(of: string, how: string, text: string, size: number): void {
  for (const part of windows(text, size)) {
    const bytes = [...Buffer.from(part)];
    for (const [kind, write] of CHARACTERS) {
      const form = bytes.map(write).join('');
      // Between codes of a message in binary are zeros, with which a mirrored form would begin as nearly everything does.
      (form.includes('\0') ? add.bind(null, FORMS) : both)(of, how + kind, form);
    }
    CODES.push({ of, kind: `${how}character codes`, codes: bytes });
    CODES.push({ of, kind: `${how}octal`, codes: bytes.map((byte) => Number(byte.toString(8))) });
  }
  // One of three windows stands at each alignment, if there are three; three bytes fill four letters.
  for (const part of windows(text, text.length < 11 ? 6 : 9)) {
    if (SHOWN.includes(part)) continue;
    const base64 = Buffer.from(part).toString('base64');
    both(of, `${how}base64`, base64);
    both(of, `${how}base64`, base64.replaceAll('+', '-').replaceAll('/', '_'));
    add(FORMS, of, `${how}base64 in one case`, base64.toUpperCase());
    add(FORMS, of, `${how}base64 in one case`, base64.toLowerCase());
  }
}

const rotated = (text: string): string =>
  text.replace(/[a-z]/gi, (letter) => {
    const first = letter <= 'Z' ? 65 : 97;
    return String.fromCharCode(((letter.charCodeAt(0) - first + 13) % 26) + first);
  });

for (const { name, text } of CANARIES) {
  for (const [kind, whole] of [
    ['as it is', text],
    ['upper case', text.toUpperCase()],
    ['lower case', text.toLowerCase()],
    ['letters shifted', rotated(text)],
  ] as const) {
    for (const part of windows(whole, PIECE)) {
      // Pieces with a hyphen at an end say too little.
      if (/^[A-Za-z0-9].*[A-Za-z0-9]$/.test(part)) {
        add(FORMS, name, kind, part);
        add(FORMS, name, kind === 'as it is' ? 'reversed' : `${kind}, reversed`, reversed(part));
      }
    }
    for (const part of windows(whole, RUN)) {
      add(FORMS, name, kind, part);
      add(FORMS, name, kind === 'as it is' ? 'reversed' : `${kind}, reversed`, reversed(part));
    }
    const how = kind === 'as it is' ? '' : `${kind}, `;
    encoded(name, how, whole, RUN);
    // The mirror of what is written so is not what is written of the mirror.
    encoded(name, `${how}reversed, `, reversed(whole), RUN);
  }
  for (const algorithm of ['md5', 'sha224', 'sha256', 'sha384', 'sha512']) {
    const digest = hash(algorithm, text, 'buffer');
    for (const form of [digest.toString('hex'), digest.toString('latin1'), digest.toString('base64').slice(0, -4)]) both(name, 'digest', form);
  }
}

/** The letters of base64 that say something of these bytes alone, at each alignment. */
function base64Of(bytes: Buffer): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes, Buffer.alloc(3)]).toString('base64');
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
}

/** As it is in a message in binary, and what `…send` and bytea make of it. `telling`: where the bytes begin that are not zeros of nearly every number. */
function binary(of: string, kind: string, bytes: Buffer, telling = 0): void {
  const rest = bytes.subarray(telling);
  const strong = rest.length >= RUN;
  add(FORMS, of, kind, rest.toString('latin1'), strong);
  add(FORMS, of, `${kind}, bytes reversed`, Buffer.from(rest).reverse().toString('latin1'), strong);
  both(of, `${kind} in hex`, rest.toString('hex'), strong);
  both(of, `${kind} in hex`, rest.toString('hex').toUpperCase(), strong);
  for (const form of base64Of(bytes)) if (/[^A/]{4}/.test(form)) both(of, `${kind} in base64`, form, strong && form.length >= 9);
}

function int(value: bigint, size: 2 | 4 | 8): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes.subarray(8 - size);
}

function float(value: number, size: 4 | 8): Buffer {
  const bytes = Buffer.alloc(size);
  if (size === 4) bytes.writeFloatBE(value);
  else bytes.writeDoubleBE(value);
  return bytes;
}

/** The digits of `numeric_send`, four in each; those behind the last that is not zero are left out, so the end may be missing. */
function numeric(value: bigint): Buffer {
  let digits = (value < 0n ? -value : value).toString();
  digits = digits.padStart(Math.ceil(digits.length / 4) * 4, '0');
  const groups = windowsBy(digits, 4).map(Number);
  while (groups.at(-1) === 0) groups.pop();
  return Buffer.concat(groups.map((group) => int(BigInt(group), 2)));
}
const windowsBy = (text: string, size: number): string[] =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, at) => text.slice(at * size, at * size + size));

const FITS = (value: bigint): boolean => BigInt.asIntN(64, value) === value;

/** A whole number in all that it may be written as; `how` is in front of each kind. */
function number(of: string, how: string, value: bigint): void {
  const digits = (value < 0n ? -value : value).toString();
  both(of, `${how}digits`, digits);
  for (const mark of [',', '.', ' ', "'", '_']) both(of, `${how}digits in groups`, digits.replace(/\B(?=(\d{3})+$)/g, mark));
  both(of, `${how}digits with an exponent`, `${digits.slice(0, 1)}.${digits.slice(1, 7)}`);
  const [base = 0n, bits] = FITS(value) ? [BigInt.asUintN(64, value)] : [value, 0];
  for (const [kind, radix] of [
    ['hex of the number', 16],
    ['octal of the number', 8],
    ['bits of the number', 2],
  ] as const) {
    both(of, how + kind, base.toString(radix));
    both(of, how + kind, base.toString(radix).toUpperCase());
  }
  binary(of, `${how}numeric`, numeric(value));
  binary(of, `${how}float8`, float(Number(value), 8).subarray(0, 6));
  binary(of, `${how}float4`, float(Number(value), 4));
  if (bits === undefined)
    binary(
      of,
      `${how}int8`,
      int(value, 8),
      [...int(value, 8)].findIndex((byte) => byte !== 0),
    );
}

for (const [at, digits] of NUMBERS.entries()) {
  const of = `number ${digits}`;
  const value = BigInt(digits);
  for (const part of windows(digits, DIGITS)) {
    both(of, 'digits', part);
  }
  encoded(of, 'digits, ', digits, DIGITS);
  encoded(of, 'digits, reversed, ', reversed(digits), DIGITS);
  number(of, '', value);
  both(of, 'number in words', NUMBERS_IN_WORDS[at] ?? '');
  for (const { name, of: derive } of DERIVATIONS) number(of, `${name}, `, derive(value));
  const [int4, int2] = [NARROW.int4.of(value), NARROW.int2.of(value)];
  binary(of, 'int4', int(int4, 4));
  add(FORMS, of, 'int2', `\0\x02${int(int2, 2).toString('latin1')}`, false);
  add(FIELDS, of, 'int2', int(int2, 2).toString('latin1'));
  add(FIELDS, of, 'digits of a part', String(int2));
  for (const { name, of: derive } of ROOTS) {
    const root = derive(Number(value));
    both(of, `${name}, digits`, String(root).slice(0, 11));
    binary(of, `${name}, float8`, float(root, 8).subarray(0, 6));
  }
}
for (const { name, of } of TOGETHER) number('numbers together', `${name}, `, of(0n));

const DAY_MS = 86_400_000;
const EPOCH = Date.UTC(2000, 0, 1);
for (const later of [0, 1, 7]) {
  const moment = Date.parse(DATE) + later * DAY_MS;
  const [of, how] = later === 0 ? ['the date', ''] : [`${later} days later`, 'later, '];
  const iso = new Date(moment).toISOString().slice(0, 10);
  const [year = '', month = '', day = ''] = iso.split('-');
  for (const form of [iso, year + month + day, `${year}/${month}/${day}`]) both(of, `${how}date`, form);
  for (const mark of ['.', '/', '-', ' ']) {
    both(of, `${how}date otherwise`, [day, month, year].join(mark));
    both(of, `${how}date otherwise`, [month, day, year].join(mark));
  }
  for (const name of ['Mar', 'March', 'MAR', 'MARCH', 'mar', 'march'])
    for (const form of [
      `${day} ${name} ${year}`,
      `${name} ${day}, ${year}`,
      `${name} ${day} ${year}`,
      `${day}-${name}-${year}`,
      `${name} ${day} 00:00:00 ${year}`,
    ])
      both(of, `${how}date in words`, form);
  encoded(of, `${how}date, `, iso, 8);
  const days = (moment - EPOCH) / DAY_MS;
  binary(of, `${how}date in binary`, int(BigInt(days), 4));
  binary(of, `${how}time in binary`, int(BigInt(moment - EPOCH) * 1000n, 8));
  number(of, `${how}seconds, `, BigInt(moment / 1000));
  both(of, `${how}Julian day`, String(moment / DAY_MS + 2_440_588));
  add(FIELDS, of, `${how}days`, String(days));
  add(FIELDS, of, `${how}days`, int(BigInt(days), 4).toString('latin1'));
}
// A year may be shown, a month not.
both('the date', 'month', DATE.slice(0, 7));
