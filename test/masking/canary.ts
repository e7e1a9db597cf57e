/**
 * Values that must never leave, and a search for them in bytes: as they are, cut to four characters and more, reversed, in hex, base64,
 * character codes, upper case, URL-escaped, UTF-16, and as the numbers that arithmetic makes of them.
 */
export interface Canary {
  readonly name: string;
  /** Made so that no run of four characters of it occurs anywhere else. */
  readonly text: string;
}

/** Text of a canary, cut into pieces that occur nowhere else. */
export const CANARIES: readonly Canary[] = [
  { name: 'ssn of the first', text: 'Kq7X-Wz3v-9bTn-R4mJ' },
  { name: 'ssn of the second', text: 'Yd8P-Hg2c-6sLf-V5xQ' },
  { name: 'secret note', text: 'Zu1G-Nk8w-3tBj-C7yF' },
];

/** Numbers that are hidden: their digits, in any run of six and more, forwards and backwards. */
export const NUMBERS: readonly string[] = ['7391846205', '8264097153'];

/** A date that is hidden. */
export const DATE = '1971-03-19';

const WINDOW = 4;

function windows(text: string, size: number): string[] {
  return Array.from({ length: Math.max(0, text.length - size + 1) }, (_, at) => text.slice(at, at + size));
}

function forms(text: string): Map<string, string> {
  const found = new Map<string, string>();
  const add = (how: string, form: string): void => void found.set(form, how);
  const reversed = [...text].reverse().join('');
  for (const [how, whole] of [
    ['as it is', text],
    ['reversed', reversed],
    ['upper case', text.toUpperCase()],
    ['lower case', text.toLowerCase()],
  ] as const) {
    for (const part of windows(whole, WINDOW)) {
      // Pieces with a hyphen at an end say too little.
      if (/^[A-Za-z0-9].*[A-Za-z0-9]$/.test(part)) add(how, part);
    }
    const bytes = Buffer.from(whole);
    for (let at = 0; at + 6 <= bytes.length; at++) {
      add(`${how}, hex`, bytes.subarray(at, at + 6).toString('hex'));
      add(
        `${how}, HEX`,
        bytes
          .subarray(at, at + 6)
          .toString('hex')
          .toUpperCase(),
      );
      if (at + 9 <= bytes.length) add(`${how}, base64`, bytes.subarray(at, at + 9).toString('base64'));
      for (const separator of [',', ', ', ' ', '-', ';', '|']) add(`${how}, character codes`, [...bytes.subarray(at, at + 6)].join(separator));
      add(`${how}, UTF-16`, Buffer.from(whole.slice(at, at + 6), 'utf16le').toString('latin1'));
    }
  }
  return found;
}

const FORMS: ReadonlyMap<string, string> = new Map([
  ...CANARIES.flatMap(({ name, text }) => [...forms(text)].map(([form, how]): [string, string] => [form, `${name}, ${how}`])),
  ...NUMBERS.flatMap((digits) =>
    [digits, [...digits].reverse().join('')].flatMap((whole) => windows(whole, 7).map((part): [string, string] => [part, `number ${digits}`])),
  ),
  [DATE, 'the date'],
  [DATE.replaceAll('-', ''), 'the date without hyphens'],
  ['19.03.1971', 'the date, otherwise'],
  ['03/19/1971', 'the date, otherwise'],
]);

/** By the first three bytes of a form: the lengths that forms with this beginning have. */
const LENGTHS = new Map<number, readonly number[]>();
for (const form of FORMS.keys()) {
  const key = (form.charCodeAt(0) << 16) | (form.charCodeAt(1) << 8) | form.charCodeAt(2);
  LENGTHS.set(key, [...new Set([...(LENGTHS.get(key) ?? []), form.length])]);
}
const BEGINS = new Uint8Array(1 << 21);
for (const key of LENGTHS.keys()) BEGINS[key >> 3] = (BEGINS[key >> 3] ?? 0) | (1 << (key & 7));

/** A name that the gateway drew by chance: four of its characters may be anything. */
const DRAWN = /[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}/g;
const DRAWN_LENGTH = 30;

function isDrawn(buffer: Buffer, from: number, to: number): boolean {
  const start = Math.max(0, from - DRAWN_LENGTH);
  const near = buffer.toString('latin1', start, to + DRAWN_LENGTH);
  return [...near.matchAll(DRAWN)].some(({ index }) => start + index <= from && to <= start + index + DRAWN_LENGTH);
}

/** What is found of canaries in `bytes`, in words; empty: nothing. */
export function canariesIn(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = new Set<string>();
  let key = 0;
  for (let at = 0; at < buffer.length; at++) {
    key = ((key << 8) | (buffer[at] ?? 0)) & 0xff_ff_ff;
    if (at < 2 || ((BEGINS[key >> 3] ?? 0) & (1 << (key & 7))) === 0) continue;
    for (const length of LENGTHS.get(key) ?? []) {
      const part = buffer.toString('latin1', at - 2, at - 2 + length);
      const how = FORMS.get(part);
      if (how !== undefined && !isDrawn(buffer, at - 2, at - 2 + length)) found.add(`${how}: ${JSON.stringify(part)}`);
    }
  }
  return [...found];
}
