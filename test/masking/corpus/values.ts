/**
 * Values for the corpus, made from the published rules and not from the detectors: positives in the spellings of people and programs, and
 * negatives that look like them. All are random; none belongs to anybody on purpose.
 */
import type { Random } from './random.js';

/** `spelled`: recognisable by itself. `bare`: digits only, for templates that say what it is. */
export type Spelling = 'spelled' | 'bare';

const wide = (text: string): string => text.replace(/[0-9]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0));
const escapes = (text: string): string => text.replace(/[0-9]/g, (digit) => `\\u00${digit.charCodeAt(0).toString(16)}`);
const pad = (value: number, size: number): string => String(value).padStart(size, '0');

function ssn(random: Random, spelling: Spelling): string {
  let area = random.int(1, 899);
  if (area === 666) area = 667;
  const [a, g, s] = [pad(area, 3), pad(random.int(1, 99), 2), pad(random.int(1, 9999), 4)];
  if (spelling === 'bare') return a + g + s;
  const gap = random.pick(['-', '-', '-', '-', ' ', '.', '\u00a0', '\u2011', ' - ']);
  const text = [a, g, s].join(gap);
  const odd = random.int(1, 20);
  return odd === 1 ? wide(text) : odd === 2 ? `${text.slice(0, 5)}\u200b${text.slice(5)}` : odd === 3 ? escapes(text) : text;
}

function luhnDigit(body: string): number {
  let sum = 0;
  for (let i = 0; i < body.length; i++) {
    const digit = Number(body[body.length - 1 - i]);
    sum += i % 2 === 1 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return (10 - (sum % 10)) % 10;
}

const CARD_RANGES: readonly (readonly [prefix: string, length: number])[] = [
  ['4', 16],
  ['4', 16],
  ['4', 16],
  ['51', 16],
  ['53', 16],
  ['55', 16],
  ['2221', 16],
  ['2599', 16],
  ['34', 15],
  ['37', 15],
  ['6011', 16],
  ['65', 16],
  ['648', 16],
  ['3530', 16],
  ['36', 14],
  ['301', 14],
  ['62', 16],
  ['62', 19],
  ['4', 13],
  ['5018', 16],
  ['6759', 18],
];

function pan(random: Random, spelling: Spelling): string {
  const [prefix, length] = random.pick(CARD_RANGES);
  const body = prefix + random.digits(length - prefix.length - 1);
  const number = body + String(luhnDigit(body));
  if (spelling === 'bare' || random.int(1, 2) === 1) return random.int(1, 40) === 1 ? wide(number) : random.int(1, 40) === 1 ? escapes(number) : number;
  const sizes = length === 15 ? [4, 6, 5] : length === 14 ? [4, 6, 4] : [4, 4, 4, 4, 4];
  const gap = random.pick([' ', ' ', ' ', '-', '-', '\u00a0', '.']);
  let at = 0;
  return sizes
    .map((size) => number.slice(at, (at += size)))
    .filter((group) => group !== '')
    .join(gap);
}

/** Country, and the shape of the rest: `n` digits, `a` capitals, `c` either. From the SWIFT registry. */
const IBAN_SHAPES =
  'DE n18|GB a4 n14|FR n10 c11 n2|ES n20|NL a4 n10|CH n5 c12|IT a1 n10 c12|BE n12|AT n16|PL n24|NO n11|SE n20|MT a4 n5 c18|BR n23 a1 c1|SA n2 c18|AE n19|PT n21|IE a4 n14';

function iban(random: Random, spelling: Spelling): string {
  const [country = '', ...parts] = random.pick(IBAN_SHAPES.split('|')).split(' ');
  const bban = parts
    .map((part) => {
      const count = Number(part.slice(1));
      return part[0] === 'n'
        ? random.digits(count)
        : random.text(part[0] === 'a' ? 'ABCDEFGHIJKLMNOPQRSTUVWXYZ' : '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', count);
    })
    .join('');
  const numeric = [...`${bban}${country}00`].map((char) => Number.parseInt(char, 36)).join('');
  const compact = `${country}${pad(98 - Number(BigInt(numeric) % 97n), 2)}${bban}`;
  if (spelling === 'bare') return compact;
  const style = random.int(1, 12);
  if (style <= 5) return compact;
  if (style === 6) return compact.toLowerCase();
  return (compact.match(/.{1,4}/g) ?? []).join(style === 7 ? '-' : style === 8 ? '\u00a0' : ' ');
}

const NAMES = 'ada lovelace grace hopper alan turing mary kelly juan garcia wei chen fatima khan olga petrova lars jensen amelie dubois kofi mensah'.split(' ');
const HOSTS = ['example.com', 'example.org', 'mail.example.net', 'bank.co.uk', 'firm.de', 'uni.edu', 'corp.local', 'x.io', '163.com', 'post.museum'];

function email(random: Random, _spelling: Spelling): string {
  const [first, second] = [random.pick(NAMES), random.pick(NAMES)];
  const local = random.pick([
    first,
    `${first}.${second}`,
    `${first[0]}${second}`,
    `${first}_${second}${random.int(1, 99)}`,
    `${first}+${random.pick(['news', 'bank', 'x1'])}`,
    `${first}-${second}`,
    `${first}${random.int(1950, 2010)}`,
  ]);
  const address = `${local}@${random.pick(HOSTS)}`;
  const odd = random.int(1, 40);
  return odd === 1 ? address.toUpperCase() : odd === 2 ? address.replace('@', '\\u0040') : odd === 3 ? address.replace('@', '＠') : address;
}

function phone(random: Random, spelling: Spelling): string {
  const area = random.pick(['202', '212', '305', '312', '404', '415', '503', '512', '602', '617', '702', '713', '801', '919']);
  const [exchange, line] = [`${random.int(2, 9)}${random.pick(['05', '55', '23', '47', '60', '82'])}`, random.digits(4)];
  if (spelling === 'bare') return area + exchange + line;
  return random.pick([
    () => `(${area}) ${exchange}-${line}`,
    () => `(${area})${exchange}-${line}`,
    () => `${area}-${exchange}-${line}`,
    () => `${area}.${exchange}.${line}`,
    () => `+1 ${area} ${exchange} ${line}`,
    () => `+1-${area}-${exchange}-${line}`,
    () => `+1${area}${exchange}${line}`,
    () => `1-${area}-${exchange}-${line}`,
    () => `+44 20 ${random.digits(4)} ${random.digits(4)}`,
    () => `+4479${random.digits(8)}`,
    () => `+49 30 ${random.int(1, 9)}${random.digits(6)}`,
    () => `+33 ${random.int(1, 6)} ${random.digits(2)} ${random.digits(2)} ${random.digits(2)} ${random.digits(2)}`,
    () => `+91-98${random.digits(3)}-${random.digits(5)}`,
    () => `+353 1 ${random.digits(3)} ${random.digits(4)}`,
  ])();
}

function aba(random: Random, _spelling: Spelling): string {
  const body = pad(random.pick([random.int(1, 12), random.int(21, 32), random.int(61, 72)]), 2) + random.digits(6);
  const weights = [3, 7, 1, 3, 7, 1, 3, 7];
  const sum = weights.reduce((total, weight, i) => total + weight * Number(body[i]), 0);
  return body + String((10 - (sum % 10)) % 10);
}

/** Classes that the corpus labels. */
export const POSITIVES = { ssn, pan, iban, email, phone, aba } as const;
export type CorpusClass = keyof typeof POSITIVES;

const HEX = '0123456789abcdef';

/** What looks like a value and is none, by the name that templates use. */
export const NEGATIVES = {
  order: (r: Random) =>
    r.pick([`ORD-${r.int(2019, 2026)}-${r.digits(6)}`, r.digits(9), r.digits(10), `${r.digits(3)}-${r.digits(7)}-${r.digits(7)}`, `#${r.digits(7)}`]),
  uuid: (r: Random) => [8, 4, 4, 4, 12].map((size) => r.text(HEX, size)).join('-'),
  digituuid: (r: Random) => [8, 4, 4, 4, 12].map((size) => r.digits(size)).join('-'),
  hash: (r: Random) => r.text(HEX, r.pick([32, 40, 64])),
  timestamp: (r: Random) =>
    `${r.int(2015, 2026)}-${pad(r.int(1, 12), 2)}-${pad(r.int(1, 28), 2)}${r.pick(['T', ' '])}${pad(r.int(0, 23), 2)}:${pad(r.int(0, 59), 2)}:${pad(r.int(0, 59), 2)}${r.pick(['', 'Z', '+02:00', `.${r.digits(3)}`, `.${r.digits(6)}Z`])}`,
  epoch: (r: Random) => `1${r.int(5, 7)}${r.digits(r.pick([8, 11, 14, 17]))}`,
  date: (r: Random) => `${pad(r.int(1, 12), 2)}/${pad(r.int(1, 28), 2)}/${r.int(1990, 2026)}`,
  ip: (r: Random) => [0, 0, 0, 0].map(() => r.int(0, 255)).join('.'),
  version: (r: Random) =>
    r.pick([`${r.int(1, 30)}.${r.int(0, 40)}.${r.int(0, 9)}`, `${r.int(90, 140)}.0.${r.int(1000, 7000)}.${r.int(10, 200)}`, `v${r.int(1, 9)}.${r.digits(2)}`]),
  amount: (r: Random) => `${r.pick(['$', '€', 'USD ', ''])}${r.int(1, 999)},${r.digits(3)}${r.pick(['', `,${r.digits(3)}`])}.${r.digits(2)}`,
  decimal: (r: Random) => `${r.int(0, 99)}.${r.digits(r.int(9, 16))}`,
  tracking: (r: Random) =>
    r.pick([
      `1Z999AA1${r.digits(10)}`,
      `94${r.digits(2)} ${[0, 0, 0, 0].map(() => r.digits(4)).join(' ')} ${r.digits(2)}`,
      `7${r.digits(11)}`,
      `RR${r.digits(9)}DE`,
    ]),
  isbn: (r: Random) => r.pick([`978${r.digits(10)}`, `978-${r.digits(1)}-${r.digits(4)}-${r.digits(4)}-${r.digits(1)}`]),
  zip: (r: Random) => `${r.digits(5)}-${r.digits(4)}`,
  account: (r: Random) => r.digits(r.pick([6, 8, 10, 12])),
  part: (r: Random) => `${r.text('ABCDEFGHJK', 2)}${r.digits(2)}-${r.digits(4)}-${r.text('ABCXYZ', 1)}`,
  handle: (r: Random) =>
    r.pick([`@${r.pick(NAMES)}`, `git@github.com:acme/${r.pick(NAMES)}.git`, `icon@2x.png`, `${r.pick(NAMES)}@localhost`, `react@18.${r.int(0, 9)}.0`]),
  count: (r: Random) => String(r.int(1, 5000)),
  longid: (r: Random) => `1${r.digits(r.pick([14, 17, 18]))}`,
  coordinates: (r: Random) => `${r.int(-89, 89)}.${r.digits(6)}, ${r.int(-179, 179)}.${r.digits(6)}`,
  table: (r: Random) => Array.from({ length: r.int(4, 12) }, () => r.digits(r.int(2, 5))).join(' '),
  imei: (r: Random) => {
    const body = r.pick(['35', '86', '01', '99']) + r.digits(12);
    return body + String(luhnDigit(body));
  },
  iccid: (r: Random) => `89${r.digits(17)}`,
  random16: (r: Random) => r.pick([r.digits(16), [0, 0, 0, 0].map(() => r.digits(4)).join('-')]),
  fakessn: (r: Random) => r.pick(['123-45-6789', '078-05-1120', '000-12-3456', '666-45-1234', '987-65-4321', '219-09-9999']),
} as const;
