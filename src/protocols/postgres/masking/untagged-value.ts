/**
 * Values without a tag that are no text and may hold some (arrays, rows, XML, bytes, types of others): what detectors find in them is masked where
 * the value stays one of its type, and where it may not, the whole of it is hidden. Bytes are untrusted.
 */
import { isUtf8 } from 'node:buffer';
import type { ClassView, TextScan } from '../../../contract/masking-policy.js';
import type { Catalog } from '../catalog/catalog.js';
import { ELEMENTS_LIMIT, type Literal, literalKind, readLiteral, writeElement } from './literal-text.js';
import { type TextShape, textShape } from './text-shape.js';

interface Sink {
  found(how: ClassView): void;
}

/** What stands in the place of a value; null: NULL. The same buffer where nothing was found. */
export type ValueSearch = (value: Buffer, sink: Sink) => Buffer | null;

/** Null: values of this type are not looked at. */
export function untaggedSearch(type: number, binary: boolean, scan: TextScan, catalog: Catalog | null): ValueSearch | null {
  const shape = textShape(type, catalog);
  if (shape === null) return null;
  return (value, sink) => {
    const mask: Mask = (text) => {
      const shown = scan.mask(text, 0, text.length, sink);
      return shown === null ? text : Buffer.from(shown);
    };
    return binary ? inBinary(value, shape, mask, catalog, 0) : asText(value, shape, mask, 0);
  };
}

type Mask = (text: Buffer) => Buffer;

/** Values within values: what is deeper is looked at as a whole. */
const DEPTH = 12;
const UNTYPED: TextShape = { kind: 'untyped' };

function asText(value: Buffer, shape: TextShape, mask: Mask, depth: number): Buffer | null {
  switch (shape.kind) {
    case 'text':
    case 'quoted':
      return mask(value);
    case 'xml':
      return inXml(value, mask);
    case 'bytes':
      return asBytes(value, mask);
    case 'array':
    case 'row':
      return elements(value, shape.kind, shape, mask, depth) ?? hiddenIfFound(value, mask);
    case 'unknown':
    case 'untyped': {
      const literal = literalKind(value);
      const shown = literal === null ? undefined : elements(value, literal, null, mask, depth);
      if (shown !== undefined && shown !== value) return shown;
      if (isHex(value)) return asBytes(value, mask);
      return shape.kind === 'untyped' ? mask(value) : hiddenIfFound(value, mask);
    }
    case 'opaque':
      return hiddenIfFound(value, mask);
    default:
      return shape satisfies never;
  }
}

const hiddenIfFound = (value: Buffer, mask: Mask): Buffer | null => (mask(value) === value ? value : null);

/** Each element is looked at by itself, as columns are. Undefined: it is no such literal. `shape` null: nothing is known of the elements. */
function elements(value: Buffer, literal: Literal, shape: TextShape | null, mask: Mask, depth: number): Buffer | null | undefined {
  const read = depth < DEPTH ? readLiteral(value, literal) : null;
  if (read === null) return undefined;
  return spliced(
    value,
    read.map(({ start, end, value: element }, index) => {
      const inner = elementShape(shape, index, read.length);
      const shown = inner === null ? element : asText(element, inner, mask, depth + 1);
      return { start, end, shown: shown === element ? undefined : shown && writeElement(shown, literal) };
    }),
  );
}

function elementShape(shape: TextShape | null, index: number, count: number): TextShape | null {
  if (shape?.kind === 'array') return shape.element;
  const fields = shape?.kind === 'row' ? shape.fields : null;
  return fields?.length === count ? (fields[index] ?? null) : UNTYPED;
}

interface Piece {
  readonly start: number;
  readonly end: number;
  /** Undefined: it stays. Null: it may not, and cannot be replaced. */
  readonly shown: Uint8Array | null | undefined;
}

function spliced(value: Buffer, pieces: readonly Piece[]): Buffer | null {
  const parts: Uint8Array[] = [];
  let kept = 0;
  for (const { start, end, shown } of pieces) {
    if (shown === null) return null;
    if (shown === undefined) continue;
    parts.push(value.subarray(kept, start), shown);
    kept = end;
  }
  return parts.length === 0 ? value : Buffer.concat([...parts, value.subarray(kept)]);
}

const AMPERSAND = 0x26;
const SEMICOLON = 0x3b;
/** Longer than any name of a character. */
const ENTITY_BYTES = 32;

/** What stands in the place of a finding is no markup, but may take a part of a character's name. */
function inXml(value: Buffer, mask: Mask): Buffer | null {
  const shown = mask(value);
  if (shown === value) return value;
  for (let at = shown.indexOf(AMPERSAND); at >= 0; at = shown.indexOf(AMPERSAND, at + 1)) {
    const end = shown.subarray(at, at + ENTITY_BYTES).indexOf(SEMICOLON);
    if (end < 0 || !/^&#?\w+$/.test(shown.toString('latin1', at, at + end))) return null;
  }
  return shown;
}

const BACKSLASH = 0x5c;
const LETTER_X = 0x78;
const HEX_STEP = 4096;

const isHex = (value: Buffer): boolean => value[0] === BACKSLASH && value[1] === LETTER_X;

/** `bytea` as text, in hex or escaped (`bytea_output`). */
function asBytes(value: Buffer, mask: Mask): Buffer | null {
  const bytes = isHex(value) ? printableHex(value) : unescaped(value);
  if (bytes === null || !isPrintable(bytes)) return value;
  const shown = mask(bytes);
  return shown === bytes ? value : Buffer.from(`\\x${shown.toString('hex')}`);
}

/** Null: it is no hex, or says at its beginning that it is no text. */
function printableHex(value: Buffer): Buffer | null {
  const out = Buffer.allocUnsafe((value.length - 2) >> 1);
  for (let at = 2; at < value.length; at += HEX_STEP) {
    const from = (at - 2) >> 1;
    const written = out.write(value.toString('latin1', at, at + HEX_STEP), from, 'hex');
    if (written !== Math.min(HEX_STEP, value.length - at) >> 1 || hasControl(out, from, from + written)) return null;
  }
  return out;
}

function unescaped(value: Buffer): Buffer {
  if (!value.includes(BACKSLASH)) return value;
  const out = Buffer.allocUnsafe(value.length);
  let length = 0;
  for (let at = 0; at < value.length; at++) {
    const octal = value[at] === BACKSLASH && value[at + 1] !== BACKSLASH;
    if (value[at] === BACKSLASH) at++;
    out[length++] = octal ? Number.parseInt(value.toString('latin1', at, at + 3), 8) : (value[at] as number);
    if (octal) at += 2;
  }
  return out.subarray(0, length);
}

/** Bytes that text of people has none of. */
const CONTROL = new Uint8Array(256).fill(1, 0, 0x20).fill(0, 0x09, 0x0e);
CONTROL[0x7f] = 1;

function hasControl(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (CONTROL[bytes[at] as number] === 1) return true;
  return false;
}

const isPrintable = (bytes: Buffer): boolean => !hasControl(bytes, 0, bytes.length) && isUtf8(bytes);

function inBinary(value: Buffer, shape: TextShape, mask: Mask, catalog: Catalog | null, depth: number): Buffer | null {
  switch (shape.kind) {
    case 'text':
      return mask(value);
    case 'xml':
      return inXml(value, mask);
    case 'bytes':
      return isPrintable(value) ? mask(value) : value;
    case 'untyped':
      return isPrintable(value) ? mask(value) : holdsFound(value, mask) ? null : value;
    case 'array':
    case 'row': {
      const parts = depth < DEPTH ? (shape.kind === 'array' ? arrayParts(value) : rowParts(value)) : null;
      if (parts !== null) return binaryElements(value, parts, mask, catalog, depth);
      return holdsFound(value, mask) ? null : value;
    }
    case 'quoted':
    case 'unknown':
    case 'opaque':
      return holdsFound(value, mask) ? null : value;
    default:
      return shape satisfies never;
  }
}

interface Part {
  readonly type: number;
  /** Of its length; the value is behind it. */
  readonly start: number;
  readonly end: number;
}

/** `array_send`: dimensions, whether there are NULLs, type; size and lower bound of each dimension; the elements. Null: it is none. */
function arrayParts(value: Buffer): readonly Part[] | null {
  const dimensions = value.length < 12 ? -1 : value.readInt32BE(0);
  if (dimensions < 0 || dimensions > 6) return null;
  const type = value.readUInt32BE(8);
  const parts: Part[] = [];
  let at = 12 + 8 * dimensions;
  for (; at + 4 <= value.length; at = (parts.at(-1) as Part).end) if (!addPart(parts, value, type, at)) return null;
  return at === value.length ? parts : null;
}

/** `record_send`: number of columns; type and value of each. Null: it is none. */
function rowParts(value: Buffer): readonly Part[] | null {
  const count = value.length < 4 ? -1 : value.readInt32BE(0);
  const parts: Part[] = [];
  let at = 4;
  while (parts.length < count) {
    if (at + 8 > value.length || !addPart(parts, value, value.readUInt32BE(at), at + 4)) return null;
    at = (parts.at(-1) as Part).end;
  }
  return count >= 0 && at === value.length ? parts : null;
}

function addPart(parts: Part[], value: Buffer, type: number, start: number): boolean {
  const length = value.readInt32BE(start);
  const end = start + 4 + Math.max(0, length);
  if (length < -1 || end > value.length || parts.length >= ELEMENTS_LIMIT) return false;
  parts.push({ type, start, end });
  return true;
}

function binaryElements(value: Buffer, parts: readonly Part[], mask: Mask, catalog: Catalog | null, depth: number): Buffer | null {
  return spliced(
    value,
    parts.map(({ type, start, end }) => {
      const element = value.subarray(start + 4, end);
      const shape = textShape(type, catalog);
      const shown = shape === null || start + 4 >= end ? element : inBinary(element, shape, mask, catalog, depth + 1);
      if (shown === element || shown === null) return { start, end, shown: shown && undefined };
      const length = Buffer.alloc(4);
      length.writeInt32BE(shown.length);
      return { start, end, shown: Buffer.concat([length, shown]) };
    }),
  );
}

/** Shorter than any value that detectors find. */
const FEWEST = 6;
const LENGTH_BYTES = 4;

/**
 * Something is found in a run of printable bytes of what cannot be read. A length before a text may end with bytes that look like a part of it, so the
 * text is looked at without them as well.
 */
function holdsFound(value: Buffer, mask: Mask): boolean {
  for (let at = 0; at < value.length; at++) {
    const start = at;
    while (at < value.length && CONTROL[value[at] as number] === 0) at++;
    if (at - start < FEWEST) continue;
    if (isFound(value.subarray(start, at), mask)) return true;
    for (let text = Math.max(start + 1, LENGTH_BYTES); text <= start + LENGTH_BYTES && text < at; text++) {
      const length = value.readInt32BE(text - LENGTH_BYTES);
      if (length >= FEWEST && text + length <= value.length && isFound(value.subarray(text, at), mask)) return true;
    }
  }
  return false;
}

const isFound = (text: Buffer, mask: Mask): boolean => mask(text) !== text;
