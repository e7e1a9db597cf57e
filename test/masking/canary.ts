/**
 * The search for canaries in bytes, in what character codes and long runs of hex and base64 in them stand for, and in what fields of a result say when they are
 * put side by side. What it knows is in `canary-forms`; the tests show for each kind that it is found wherever it may come.
 */
import { CODES, FIELDS, FORMS, type Form } from './canary-forms.js';

export { CANARIES, DATE, NUMBERS } from './canary-values.js';

export interface Finding {
  readonly of: string;
  readonly kind: string;
  readonly piece: string;
}

/** `words`: text, and numbers of messages. `random`: digests, signatures, ciphertext, that hold four bytes of anything by chance. */
type Among = 'words' | 'random';

interface Known {
  readonly bytes: Buffer;
  readonly forms: readonly Form[];
}

/** Forms by their first bytes, and a table that says of nearly all other bytes that no form begins with them. */
class Beginnings {
  readonly size: 4 | 6;
  readonly #known = new Map<number, Known[]>();
  readonly #table = new Uint8Array(1 << 22);

  constructor(size: 4 | 6) {
    this.size = size;
  }

  add(known: Known): void {
    const [high, low] = [known.bytes.readUIntBE(0, this.size - 3), known.bytes.readUIntBE(this.size - 3, 3)];
    this.#table[slot(high, low)] = 1;
    const key = high * 0x1_00_00_00 + low;
    this.#known.set(key, [...(this.#known.get(key) ?? []), known]);
  }

  at(high: number, low: number): readonly Known[] {
    return this.#table[slot(high, low)] === 1 ? (this.#known.get(high * 0x1_00_00_00 + low) ?? NONE) : NONE;
  }
}
const NONE: readonly Known[] = [];
const slot = (high: number, low: number): number => (Math.imul(high, 0x9e_37_79_b1) ^ Math.imul(low, 0x85_eb_ca_6b)) >>> 10;

const SHORT = new Beginnings(4);
const LONG = new Beginnings(6);
for (const [text, forms] of FORMS) {
  if (text.length < SHORT.size) throw new Error(`a form of ${text.length} bytes is found everywhere: ${JSON.stringify(text)} (${forms[0]?.kind ?? ''})`);
  (text.length < LONG.size ? SHORT : LONG).add({ bytes: Buffer.from(text, 'latin1'), forms });
}

/** A name that the gateway drew by chance: four of its characters may be anything. */
const DRAWN = /[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}/g;
const DRAWN_LENGTH = 30;

function isDrawn(buffer: Buffer, from: number, to: number): boolean {
  const start = Math.max(0, from - DRAWN_LENGTH);
  const near = buffer.toString('latin1', start, to + DRAWN_LENGTH);
  return [...near.matchAll(DRAWN)].some(({ index }) => start + index <= from && to <= start + index + DRAWN_LENGTH);
}

type Take = (forms: readonly Form[], piece: string) => void;

function searchForms(buffer: Buffer, take: Take): void {
  const end = buffer.length;
  // The three bytes before the place, and the three from it on.
  let before = 0;
  let from = ((buffer[0] ?? 0) << 16) | ((buffer[1] ?? 0) << 8) | (buffer[2] ?? 0);
  for (let at = 0; at < end; at++) {
    // Forms that begin three bytes before: six of them are known, and those of four begin with the last of `before` and all of `from`.
    if (at >= 3) for (const known of LONG.at(before, from)) check(buffer, at - 3, known, take);
    if (at >= 1) for (const known of SHORT.at(before & 0xff, from)) check(buffer, at - 1, known, take);
    before = ((before << 8) | (buffer[at] as number)) & 0xff_ff_ff;
    from = ((from << 8) | (at + 3 < end ? (buffer[at + 3] as number) : 0)) & 0xff_ff_ff;
  }
}

function check(buffer: Buffer, at: number, { bytes, forms }: Known, take: Take): void {
  const end = at + bytes.length;
  if (end > buffer.length || buffer.compare(bytes, 0, bytes.length, at, end) !== 0 || isDrawn(buffer, at, end)) return;
  take(forms, bytes.toString('latin1'));
}

const byFirstCodes = new Map<number, (typeof CODES)[number][]>();
const pair = (first: number, second: number): number => first * 1000 + second;
for (const each of CODES) {
  const key = pair(each.codes[0] ?? 0, each.codes[1] ?? 0);
  byFirstCodes.set(key, [...(byFirstCodes.get(key) ?? []), each]);
}

/** Looks for the codes of a canary in numbers; beside each may stand one or two others, such as its place. */
function searchCodes(numbers: readonly number[], take: Take): void {
  for (let at = 0; at < numbers.length; at++) {
    const first = numbers[at] as number;
    if (first < 40 || first > 172) continue;
    for (let stride = 1; stride <= 3; stride++) {
      for (const { of, kind, codes } of byFirstCodes.get(pair(first, numbers[at + stride] ?? -1)) ?? [])
        if (codes.every((code, index) => numbers[at + index * stride] === code)) take([{ of, kind, strong: true }], codes.join());
    }
  }
}

/** Numbers that stand in text, whatever is between them. */
function numbersIn(buffer: Buffer): number[] {
  const numbers: number[] = [];
  let value = 0;
  let digits = 0;
  for (let at = 0; at <= buffer.length; at++) {
    const byte = buffer[at] ?? 0;
    if (byte >= 0x30 && byte <= 0x39) {
      value = value * 10 + byte - 0x30;
      digits++;
    } else if (digits > 0) {
      numbers.push(digits <= 3 ? value : -1);
      value = 0;
      digits = 0;
    }
  }
  return numbers;
}

/** What a field says as a number: in digits, or in binary. */
function numberOf(field: Buffer): number {
  if (field.length > 0 && field.length <= 3 && /^\d+$/.test(field.toString('latin1'))) return Number(field.toString('latin1'));
  if (field.length === 2) return field.readUInt16BE(0);
  if (field.length === 4) return field.readUInt32BE(0);
  return field.length === 8 && field.readUInt32BE(0) === 0 ? field.readUInt32BE(4) : -1;
}

/** Identifiers made of digests and dashes hold any four characters by chance, and so do digests, signatures and other bytes in hex or base64. */
const UUID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;
const HEX = /[0-9a-f]{40,}/g;
const BASE64 = /[A-Za-z0-9+/]{40,}/g;
const DEPTH = 4;

/** What is looked through: the text without long runs of hex and base64, and what stands in these, wherever it begins in them. */
function layersOf(text: string, depth = DEPTH): { readonly rest: string; readonly inner: readonly string[] } {
  const inner: string[] = [];
  let rest = text.replaceAll(UUID, 'uuid');
  for (const [runs, encoding, step] of [
    [HEX, 'hex', 2],
    [BASE64, 'base64', 4],
  ] as const) {
    rest = rest.replaceAll(runs, (run) => {
      for (let at = 0; at < step && depth > 0; at++) {
        const decoded = layersOf(Buffer.from(run.slice(at), encoding).toString('latin1'), depth - 1);
        inner.push(decoded.rest, ...decoded.inner);
      }
      return ` ${encoding} `;
    });
  }
  return { rest, inner };
}

function search(buffer: Buffer, among: Among, found: Map<string, Finding>): void {
  const take: Take = (forms, piece) => {
    for (const { of, kind, strong } of forms) if (strong || among === 'words') found.set(`${of}, ${kind}`, { of, kind, piece });
  };
  searchForms(buffer, take);
  searchCodes(numbersIn(buffer), take);
}

/** What is found of canaries in `bytes`. */
export function findCanaries(bytes: Uint8Array, among: Among = 'words'): Finding[] {
  const found = new Map<string, Finding>();
  search(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), among, found);
  return [...found.values()];
}

/** In a text that holds digests and the like between its words: long runs of hex and base64 are looked through as what they stand for. */
export function findCanariesInDocument(content: string | Uint8Array): Finding[] {
  const found = new Map<string, Finding>();
  const { rest, inner } = layersOf(Buffer.from(content as Uint8Array).toString('latin1'));
  search(Buffer.from(rest, 'latin1'), 'words', found);
  for (const each of inner) search(Buffer.from(each, 'latin1'), 'random', found);
  // A form may itself be such a run.
  search(Buffer.from(content as Uint8Array), 'random', found);
  return [...found.values()];
}

/** Text of so many characters between numbers, lengths and digests is no chance. */
const TEXT = /[\t\n\r\x20-\x7e]{8,}/g;

/** In bytes that hold text between numbers, lengths and digests, as entries of a journal do: short forms in the text, long ones in all of it. */
export function findCanariesInBinary(content: Uint8Array): Finding[] {
  const found = new Map<string, Finding>();
  const take = (each: Finding): void => void found.set(`${each.of}, ${each.kind}`, each);
  for (const [text] of Buffer.from(content).toString('latin1').matchAll(TEXT))
    for (const each of findCanariesInDocument(Buffer.from(text, 'latin1'))) take(each);
  for (const each of findCanaries(content, 'random')) take(each);
  return [...found.values()];
}

/** In the fields of a result, row by row: what columns and rows say when they are read on, and fields that are a value by themselves. */
export function findCanariesInRows(rows: readonly (readonly Buffer[])[]): Finding[] {
  const found = new Map<string, Finding>();
  const take: Take = (forms, piece) => {
    for (const { of, kind } of forms) found.set(`${of}, ${kind}`, { of, kind, piece });
  };
  const width = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const streams: Buffer[][] = Array.from({ length: width }, (_, column) => rows.flatMap((row) => row[column] ?? []));
  if (width > 1) streams.push(rows.flat());
  for (const fields of streams) {
    search(Buffer.concat(fields), 'words', found);
    searchCodes(fields.map(numberOf), take);
  }
  for (const field of rows.flat()) {
    const forms = field.length <= 8 ? FIELDS.get(field.toString('latin1')) : undefined;
    if (forms !== undefined) take(forms, field.toString('latin1'));
  }
  return [...found.values()];
}

export const inWords = ({ of, kind, piece }: Finding): string => `${of}, ${kind}: ${JSON.stringify(piece)}`;

/** What is found of canaries in `bytes`, in words; empty: nothing. */
export function canariesIn(bytes: Uint8Array): string[] {
  return findCanaries(bytes).map(inWords);
}
