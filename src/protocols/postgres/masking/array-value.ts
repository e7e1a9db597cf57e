/**
 * Arrays of one dimension as PostgreSQL writes them, as text (`array_out`) and in binary (`array_send`): read into their elements, and written with others
 * in their places. What is of another shape is not read. Bytes are untrusted.
 */
import type { Catalog } from '../catalog/catalog.js';
import { type FieldKind, fieldKind } from './field-kind.js';

export interface ArrayValue {
  /** As text; null: NULL, or no text of this type. */
  readonly elements: readonly (string | null)[];
  /** The same array with these in the places of elements; null leaves one as it is. Null: one of them is none of the type. */
  write(values: readonly (string | null)[]): Buffer | null;
}

/** One element: quoted, or bare. */
const ELEMENT = /\s*(?:"((?:[^"\\]|\\.)*)"|([^\s{},"\\](?:[^{},"\\]*[^\s{},"\\])?))\s*(,|\}\s*$)/sy;

export function readArrayText(text: string): ArrayValue | null {
  const begin = /^\s*\{/.exec(text)?.[0].length ?? 0;
  if (begin === 0) return null;
  const elements: (string | null)[] = [];
  if (/^\s*\}\s*$/.test(text.slice(begin))) return { elements, write: () => Buffer.from(text) };
  ELEMENT.lastIndex = begin;
  for (let found = ELEMENT.exec(text); found !== null; found = ELEMENT.exec(text)) {
    const [, quoted, bare = ''] = found;
    elements.push(quoted?.replace(/\\(.)/gs, '$1') ?? (bare.toUpperCase() === 'NULL' ? null : bare));
    if (found[3] !== ',') return { elements, write: (values) => writeText(elements, values) };
  }
  return null;
}

function writeText(elements: readonly (string | null)[], values: readonly (string | null)[]): Buffer {
  const all = elements.map((element, index) => values[index] ?? element);
  return Buffer.from(`{${all.map((each) => (each === null ? 'NULL' : `"${each.replace(/["\\]/g, '\\$&')}"`)).join(',')}}`);
}

/** Dimensions, whether there are NULLs, type; size and lower bound of the one dimension. */
const HEADER = 20;

export function readArrayBinary(bytes: Buffer, catalog: Catalog | null): ArrayValue | null {
  if (bytes.length < HEADER || bytes.readInt32BE(0) !== 1) return null;
  const kind = fieldKind(bytes.readInt32BE(8), catalog);
  const count = bytes.readInt32BE(12);
  const raw: (Buffer | null)[] = [];
  let at = HEADER;
  while (raw.length < count) {
    if (at + 4 > bytes.length) return null;
    const size = bytes.readInt32BE(at);
    at += 4;
    if (size < -1 || at + size > bytes.length) return null;
    raw.push(size < 0 ? null : bytes.subarray(at, at + size));
    at += Math.max(size, 0);
  }
  if (at !== bytes.length) return null;
  const header = bytes.subarray(0, HEADER);
  return { elements: raw.map((each) => textOf(each, kind)), write: (values) => writeBinary(header, raw, values, kind) };
}

function textOf(bytes: Buffer | null, kind: FieldKind): string | null {
  const text = bytes === null ? null : kind.read(bytes);
  return text === null ? null : Buffer.from(text).toString('utf8');
}

function writeBinary(header: Buffer, raw: readonly (Buffer | null)[], values: readonly (string | null)[], kind: FieldKind): Buffer | null {
  const pieces: Uint8Array[] = [header];
  for (const [index, before] of raw.entries()) {
    const value = values[index] ?? null;
    const bytes = value === null ? before : kind.write(Buffer.from(value));
    if (value !== null && bytes === null) return null;
    const length = Buffer.alloc(4);
    length.writeInt32BE(bytes?.length ?? -1);
    pieces.push(length, bytes ?? header.subarray(0, 0));
  }
  return Buffer.concat(pieces);
}
