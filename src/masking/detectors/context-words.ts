/**
 * Words near a number that say what it is: nine digits are an SSN, a routing number or an order, and only their neighbours know. The
 * nearest words count; a word for something harmless (`order`, `invoice`) before the number ends the search.
 */

export const SSN_WORD = 1;
export const EIN_WORD = 2;
export const ABA_WORD = 4;
export const PHONE_WORD = 8;
export const CARD_WORD = 16;
export const ACCOUNT_WORD = 32;
export const BIRTH_WORD = 64;
export const CVV_WORD = 128;
/** Words that mean a security code behind a card only. */
export const CODE_WORD = 256;
const HARMLESS = 1024;
const KNOWN = 511;
const BESIDE_FLAG = 2048;

/** How far a word may be, bytes: before the number, before the first word that was found, and after the number. */
const BEFORE = 48;
const BEFORE_FIRST = 24;
const AFTER = 12;
/** Digits that stand between words and the number as another number would. */
const OTHER_NUMBER = 4;
const LONGEST_WORD = 16;
/** Signs between a label and its number. */
const LABEL_SIGNS = 5;

const WORDS: readonly (readonly [mask: number, words: string])[] = [
  [SSN_WORD, 'ssn ssns social socialsecurity ss itin atin taxpayer'],
  [SSN_WORD | EIN_WORD, 'tin tax taxid'],
  [EIN_WORD, 'ein fein employer'],
  [ABA_WORD, 'aba routing rtn transit wire routingnumber'],
  [PHONE_WORD, 'phone phones tel telephone mobile cell cellphone fax call called calling callback text sms contact ph phonenumber dial reach'],
  [CARD_WORD, 'card cards pan visa mastercard amex cc credit debit creditcard cardnumber discover unionpay maestro jcb'],
  [ACCOUNT_WORD, 'account accounts acct iban dda accountnumber checking savings'],
  [BIRTH_WORD, 'dob birth born birthdate birthday dateofbirth'],
  [CVV_WORD, 'cvv cvc csc cvn'],
  [CODE_WORD, 'cid security verification'],
  [
    HARMLESS,
    'order orders invoice ticket tracking ref reference case po sku build version serial part batch job pid txn transaction trace request confirmation ' +
      'amount total usd isbn item product claim policy model receipt quote shipment parcel line port size bytes offset',
  ],
];

/** First and last letter decide where to look: words by `length * 1024 + first * 32 + last`, so a miss costs one look-up. */
const table = new Map<number, { readonly word: string; readonly mask: number }[]>();
for (const [mask, words] of WORDS) {
  for (const word of words.split(' ')) {
    const key = keyOf(word.length, word.charCodeAt(0), word.charCodeAt(word.length - 1));
    const bucket = table.get(key) ?? [];
    bucket.push({ word, mask });
    table.set(key, bucket);
  }
}

function keyOf(length: number, first: number, last: number): number {
  return length * 1024 + (first & 0x1f) * 32 + (last & 0x1f);
}

/** What the word at `start`…`end` means, 0 for nothing. */
function meaning(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 2 || length > LONGEST_WORD) return 0;
  const bucket = table.get(keyOf(length, bytes[start] ?? 0, bytes[end - 1] ?? 0));
  if (bucket === undefined) return 0;
  next: for (const { word, mask } of bucket) {
    for (let i = 0; i < length; i++) if (((bytes[start + i] ?? 0) | 0x20) !== word.charCodeAt(i)) continue next;
    return mask;
  }
  return 0;
}

const isLetter = (byte: number): boolean => (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
const isUpper = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;

/** Bits of the farther words in what `contextOf` gives; those of the nearer are below. */
export const FARTHER = 16;
/** A word after the number that begins within so many bytes, and not after a comma, is nearer than any before: `536904399 (SSN)`. */
const BESIDE = 3;

/**
 * Meanings of the words around a number that stands at `start`…`end`: the nearer ones in the low 16 bits, the farther ones above. Looks at
 * 90 bytes at most, none beyond `floor` and `limit`.
 */
export function contextOf(bytes: Uint8Array, start: number, end: number, floor: number, limit: number): number {
  const before = wordsBefore(bytes, start, floor);
  const after = wordAfter(bytes, end, limit);
  const beside = after & BESIDE_FLAG;
  const meant = after & KNOWN;
  if (meant !== 0 && (before === 0 || beside !== 0)) return meant | ((before & KNOWN) << FARTHER);
  return before === HARMLESS ? 0 : before | (meant << FARTHER);
}

/** Whether the letters right before the number are a word that explains it, with nothing in between: `ssn536904399`. */
export function isLabelled(bytes: Uint8Array, start: number, floor: number): boolean {
  const lowest = Math.max(floor, start - LONGEST_WORD - 1);
  let at = start;
  while (at > lowest && isLetter(bytes[at - 1] ?? 0)) at--;
  return (meaning(bytes, at, start) & KNOWN) !== 0;
}

/** Whether any word around the number, near or far, has this meaning. */
export function isCalled(mask: number, bytes: Uint8Array, start: number, end: number, floor: number, limit: number): boolean {
  const words = contextOf(bytes, start, end, floor, limit);
  return ((words | (words >> FARTHER)) & mask) !== 0;
}

/** Meanings of the nearest words before `start`. A harmless word that is the nearest gives `HARMLESS`. */
function wordsBefore(bytes: Uint8Array, start: number, floor: number): number {
  let lowest = Math.max(floor, start - BEFORE);
  let found = 0;
  let digits = 0;
  let words = 0;
  let at = start;
  while (at > lowest) {
    const byte = bytes[at - 1] ?? 0;
    if (!isLetter(byte)) {
      digits = byte >= 0x30 && byte <= 0x39 ? digits + 1 : 0;
      // Numbers in a list share the words before it; with a word in between they do not.
      if (words > 0 && digits >= OTHER_NUMBER) return found;
      at--;
      continue;
    }
    const stop = at;
    words++;
    at--;
    // A word begins at its first letter, and at a capital after a small letter (`customerSsn`).
    while (at > lowest && isLetter(bytes[at - 1] ?? 0) && !(isUpper(bytes[at] ?? 0) && !isUpper(bytes[at - 1] ?? 0))) at--;
    const mask = meaning(bytes, at, stop);
    if (mask === HARMLESS) return found === 0 ? HARMLESS : found;
    if (mask !== 0 && found === 0) lowest = Math.max(lowest, at - BEFORE_FIRST);
    found |= mask;
  }
  return found;
}

/** Meaning of the first known word after the number, with `BESIDE_FLAG` when it stands right there; 0 when it is a label of the next number. */
function wordAfter(bytes: Uint8Array, end: number, limit: number): number {
  const highest = Math.min(limit, end + AFTER);
  let at = end;
  while (at < highest) {
    const byte = bytes[at] ?? 0;
    if (byte === 0x0a || (byte >= 0x30 && byte <= 0x39)) return 0;
    if (!isLetter(byte)) {
      at++;
      continue;
    }
    const begin = at;
    while (at < limit && at - begin <= LONGEST_WORD && isLetter(bytes[at] ?? 0)) at++;
    const mask = meaning(bytes, begin, at);
    if (mask === 0) continue;
    const beside = begin - end <= BESIDE && bytes[end] !== 0x2c && bytes[end] !== 0x3b;
    return labelsNext(bytes, at, limit) ? 0 : mask | (beside ? BESIDE_FLAG : 0);
  }
  return 0;
}

/** Whether a number follows as it does after its label: `phone 212…`, `ssn: "536…`. */
function labelsNext(bytes: Uint8Array, from: number, limit: number): boolean {
  const highest = Math.min(limit, from + LABEL_SIGNS + 1);
  for (let at = from; at < highest; at++) {
    const byte = bytes[at] ?? 0;
    if ((byte >= 0x30 && byte <= 0x39) || byte === 0x2b) return true;
    if (byte !== 0x20 && byte !== 0x3a && byte !== 0x3d && byte !== 0x23 && byte !== 0x27 && byte !== 0x22 && byte !== 0x28) return false;
  }
  return false;
}
