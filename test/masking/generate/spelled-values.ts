/**
 * Every way to spell a hidden value that the search knows, each once, with the kinds by which it must be found when its result comes as text or in
 * binary. Not random: the tests of the search go through all of them, in each delivery.
 */
import { DERIVATIONS, NARROW, ROOTS, TOGETHER } from '../canary-values.js';

export interface Spelling {
  readonly name: string;
  /** `@` is the hidden column. */
  readonly sql: string;
  readonly column: 'ssn' | 'card' | 'dob';
  /** By which kinds it may be found: as text, and where the result is in binary. */
  readonly text: readonly string[];
  readonly binary: readonly string[];
  /** A row for each character `g` of the value. */
  readonly each?: true;
  /** One value of all rows. */
  readonly together?: true;
  /** Major version of the first server that can. */
  readonly since?: 18;
}

type More = Partial<Pick<Spelling, 'binary' | 'each' | 'together' | 'since'>>;
const spell =
  (column: Spelling['column']) =>
  (name: string, sql: string, kinds: string | readonly string[], more: More = {}): Spelling => {
    const text = typeof kinds === 'string' ? [kinds] : kinds;
    return { name, sql, column, text, binary: text, ...more };
  };
const [ofText, ofNumber, ofDate] = [spell('ssn'), spell('card'), spell('dob')] as const;
/** Each character of the text, written by `sql` of `c`, joined. */
const characters = (sql: string, between = ''): string =>
  `(select string_agg(${sql}, '${between}' order by g) from (select g, substr(@, g, 1) as c from generate_series(1, length(@)) g) q)`;
const PAIRS = "lpad(to_hex(ascii(c)), 2, '0')";
const SHIFTED = "translate(@, 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 'NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm')";

const base64 = (before: number): string => `encode(convert_to('${'.'.repeat(before)}' || @, 'UTF8'), 'base64')`;

const TEXTS: readonly Spelling[] = [
  ofText('as it is', '@', 'as it is'),
  ofText('in part', 'substr(@, 6, 4)', 'as it is'),
  ofText('its end', 'right(@, 7)', 'as it is'),
  ofText('reversed', 'reverse(@)', 'reversed'),
  ofText('upper case', 'upper(@)', 'upper case'),
  ofText('lower case', 'lower(@)', 'lower case'),
  ofText('upper case, reversed', 'upper(reverse(@))', 'upper case, reversed'),
  ofText('letters shifted', SHIFTED, 'letters shifted'),
  ofText('in JSON', 'to_jsonb(@)', 'as it is'),
  ofText('a row in JSON', 'to_jsonb(c)', 'as it is'),
  ofText('a row', 'c', 'as it is'),
  ofText('in XML', 'xmlelement(name x, @)', 'as it is'),
  ofText('words for search', "to_tsvector('simple', @)", 'lower case'),
  ofText('hex', "encode(convert_to(@, 'UTF8'), 'hex')", 'hex'),
  ofText('HEX', "upper(encode(convert_to(@, 'UTF8'), 'hex'))", 'HEX'),
  ofText('hex, reversed', "reverse(encode(convert_to(@, 'UTF8'), 'hex'))", 'hex, reversed'),
  ofText('bytes', "convert_to(@, 'UTF8')", 'hex', { binary: ['as it is'] }),
  ofText('bytes reversed', "reverse(convert_to(@, 'UTF8'))", 'reversed, hex', { binary: ['reversed'], since: 18 }),
  ofText('escape', "encode(convert_to(@, 'UTF8'), 'escape')", 'as it is'),
  ...[0, 1, 2].flatMap((before) => [
    ofText(`base64 with ${before} in front`, base64(before), 'base64'),
    ofText(`base64 with ${before} in front, reversed`, `reverse(${base64(before)})`, 'base64, reversed'),
    ofText(`base64 of the reversed with ${before} in front`, base64(before).replace('@', 'reverse(@)'), 'reversed, base64'),
  ]),
  ofText('base64 for addresses', `translate(${base64(0)}, '+/', '-_')`, 'base64'),
  ofText('base64 of hex', "encode(convert_to(encode(convert_to(@, 'UTF8'), 'hex'), 'UTF8'), 'base64')", 'document: hex'),
  ofText('hex of base64', `encode(convert_to(${base64(0)}, 'UTF8'), 'hex')`, 'document: base64'),
  ofText('percent', characters(`'%' || ${PAIRS}`), 'percent'),
  ofText('unicode escapes', characters(`'\\u00' || ${PAIRS}`), 'unicode escapes'),
  ofText('hex with gaps', characters(PAIRS, ' '), 'hex of each character'),
  ofText('octal', characters("'\\' || lpad(to_oct(ascii(c)), 3, '0')"), 'octal', { since: 18 }),
  ofText('bits', characters('ascii(c)::bit(8)::text'), 'bits'),
  ofText('references of XML', characters("'&#' || ascii(c) || ';'"), 'character codes'),
  ofText('codes with commas', characters('ascii(c)::text', ','), 'character codes'),
  ofText('codes reversed', `reverse(${characters('ascii(c)::text')})`, 'character codes run together, reversed'),
  ofText('codes run together', characters('ascii(c)::text'), 'character codes run together'),
  ofText('codes in an array', '(select array_agg(ascii(substr(@, g, 1)) order by g) from generate_series(1, length(@)) g)', 'character codes', {
    binary: ['character codes in binary'],
  }),
  ofText('codes in JSON', '(select jsonb_agg(ascii(substr(@, g, 1)) order by g) from generate_series(1, length(@)) g)', 'character codes'),
  ofText('a code in each row', 'ascii(substr(@, g, 1))', 'character codes', { each: true }),
  ofText('a code in each row, as int8', 'ascii(substr(@, g, 1))::int8', 'character codes', { each: true }),
  ofText('a code in each row, beside its place', 'ascii(substr(@, g, 1)), g', 'character codes', { each: true }),
  ofText('a code in each row, from behind', 'ascii(substr(reverse(@), g, 1))', 'reversed, character codes', { each: true }),
  ofText('a character in each row', 'substr(@, g, 1)', 'as it is', { each: true }),
  ofText('hex of a character in each row', 'to_hex(ascii(substr(@, g, 1)))', 'hex', { each: true }),
  ofText('characters in an array', "regexp_split_to_array(@, '')", 'characters apart'),
  ofText('characters with points', "regexp_replace(@, '(.)', '\\1.', 'g')", 'characters apart'),
  ofText('md5', 'md5(@)', 'digest'),
  ofText('sha256', "sha256(convert_to(@, 'UTF8'))", 'digest'),
  ofText('sha512', "encode(sha512(convert_to(@, 'UTF8')), 'hex')", 'digest'),
];

const DERIVED: readonly Spelling[] = [
  ...DERIVATIONS.map(({ name, sql }) => {
    const digits = name === 'negated' ? ['digits', `${name}, digits`] : [`${name}, digits`];
    return ofNumber(name, sql, digits, { binary: [name === 'square' ? `${name}, numeric` : `${name}, int8`] });
  }),
  ...DERIVATIONS.map(({ name, sql }) =>
    ofNumber(`${name}, numeric`, `(${sql})::numeric`, name === 'negated' ? 'digits' : `${name}, digits`, { binary: [`${name}, numeric`, 'numeric'] }),
  ),
  ...DERIVATIONS.filter(({ name }) => name !== 'square').map(({ name, sql }) => ofNumber(`${name}, hex`, `to_hex(${sql})`, `${name}, hex of the number`)),
  ...ROOTS.map(({ name, sql }) => ofNumber(name, sql, `${name}, digits`, { binary: [`${name}, float8`] })),
  ...TOGETHER.map(({ name, sql }) => ofNumber(name, sql, `${name}, digits`, { together: true, binary: [`${name}, numeric`, `${name}, int8`] })),
];

const NUMBERS: readonly Spelling[] = [
  ofNumber('a number', '@', 'digits', { binary: ['int8'] }),
  ofNumber('numeric', '@::numeric', 'digits', { binary: ['numeric'] }),
  ofNumber('numeric with a scale', '@::numeric(20, 2)', 'digits', { binary: ['numeric'] }),
  ofNumber('float8', '@::float8', 'digits', { binary: ['float8'] }),
  ofNumber('float4', '@::float4', 'digits with an exponent', { binary: ['float4'] }),
  ofNumber('int4', NARROW.int4.sql, 'digits', { binary: ['int4'] }),
  ofNumber('int2', NARROW.int2.sql, 'digits of a part', { binary: ['int2'] }),
  ofNumber('money', '@::numeric::money', 'digits in groups', { binary: ['cents, int8'] }),
  ofNumber('a number reversed', 'reverse(@::text)', 'digits, reversed'),
  ofNumber('a number in an array', 'array[@]', 'digits', { binary: ['int8'] }),
  ofNumber('a number in a row', 'row(@, 1)', 'digits', { binary: ['int8'] }),
  ofNumber('a range', 'int8range(@, @ + 1)', 'digits', { binary: ['int8'] }),
  ofNumber('a range of numeric', 'numrange(@::numeric, @::numeric + 1)', 'digits', { binary: ['numeric'] }),
  ofNumber('a number in JSON', 'to_jsonb(@)', 'digits'),
  ofNumber('hex of a number', 'to_hex(@)', 'hex of the number'),
  ofNumber('HEX of a number', 'upper(to_hex(@))', 'hex of the number'),
  ofNumber('hex of a number, reversed', 'reverse(to_hex(@))', 'hex of the number, reversed'),
  ofNumber('octal of a number', 'to_oct(@)', 'octal of the number', { since: 18 }),
  ofNumber('bits of a number', '@::bit(64)::text', 'bits of the number'),
  ofNumber('bits', '@::bit(64)', 'bits of the number', { binary: ['int8'] }),
  ofNumber('what int8send gives', 'int8send(@)', 'int8 in hex', { binary: ['int8'] }),
  ofNumber('what numeric_send gives', "encode(numeric_send(@::numeric), 'hex')", 'numeric in hex'),
  ofNumber('what float8send gives', "encode(float8send(@::float8), 'hex')", 'float8 in hex'),
  ofNumber('what int8send gives, in base64', "encode(int8send(@), 'base64')", 'int8 in base64'),
  ofNumber('what numeric_send gives, in base64', "encode(numeric_send(@::numeric), 'base64')", 'numeric in base64'),
  ofNumber('digits in hex', "encode(convert_to(@::text, 'UTF8'), 'hex')", 'digits, hex'),
  ofNumber('digits in base64', "encode(convert_to(@::text, 'UTF8'), 'base64')", 'digits, base64'),
  ofNumber('digits in base64, one in front', "encode(convert_to('.' || @::text, 'UTF8'), 'base64')", 'digits, base64'),
  ofNumber('digits in groups', "to_char(@, 'FM9G999G999G999')", 'digits in groups'),
  ofNumber('with an exponent', "to_char(@::numeric, '9.999999999EEEE')", 'digits with an exponent'),
  ofNumber('in words', 'cash_words(@::numeric::money)', 'number in words'),
  ofNumber('a digit in each row', 'substr(@::text, g, 1)', 'digits', { each: true }),
  ofNumber('the code of a digit in each row', 'ascii(substr(@::text, g, 1))', 'digits, character codes', { each: true }),
];

const DATES: readonly Spelling[] = [
  ofDate('a date', '@', 'date', { binary: ['date in binary'] }),
  ofDate('a date as text', '@::text', 'date'),
  ofDate('a date reversed', 'reverse(@::text)', 'date, reversed'),
  ofDate('a day later', '@ + 1', 'later, date', { binary: ['later, date in binary'] }),
  ofDate('a week later', '@ + 7', 'later, date', { binary: ['later, date in binary'] }),
  ofDate('a timestamp', '@::timestamp', 'date', { binary: ['time in binary'] }),
  ofDate('a timestamp with a zone', "@::timestamp at time zone 'UTC'", 'date', { binary: ['time in binary'] }),
  ofDate('a date in an array', 'array[@]', 'date', { binary: ['date in binary'] }),
  ofDate('a date in a range', 'daterange(@, @ + 1)', 'date', { binary: ['date in binary'] }),
  ofDate('a date in JSON', 'to_jsonb(@)', 'date'),
  ofDate('a month', "to_char(@, 'YYYY-MM')", 'month'),
  ofDate('a date without hyphens', "to_char(@, 'YYYYMMDD')", 'date'),
  ofDate('a date with points', "to_char(@, 'DD.MM.YYYY')", 'date otherwise'),
  ofDate('a date with strokes', "to_char(@, 'MM/DD/YYYY')", 'date otherwise'),
  ofDate('a date in words', "to_char(@, 'DD Mon YYYY')", 'date in words'),
  ofDate('a Julian day', "to_char(@, 'J')", 'Julian day'),
  ofDate('seconds', 'extract(epoch from @)', 'seconds, digits', { binary: ['seconds, numeric'] }),
  ofDate('seconds as float8', 'extract(epoch from @)::float8', 'seconds, digits', { binary: ['seconds, float8'] }),
  ofDate('seconds as int8', 'extract(epoch from @)::int8', 'seconds, digits', { binary: ['seconds, int8'] }),
  ofDate('days since 2000', "@ - date '2000-01-01'", 'days'),
  ofDate('what date_send gives', "encode(date_send(@), 'hex')", 'date in binary in hex'),
  ofDate('what timestamp_send gives', "encode(timestamp_send(@::timestamp), 'hex')", 'time in binary in hex'),
  ofDate('a date in hex', "encode(convert_to(@::text, 'UTF8'), 'hex')", 'date, hex'),
  ofDate('a date in base64', "encode(convert_to(@::text, 'UTF8'), 'base64')", 'date, base64'),
];

export const SPELLINGS: readonly Spelling[] = [...TEXTS, ...NUMBERS, ...DERIVED, ...DATES];
