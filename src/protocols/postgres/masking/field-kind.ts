/**
 * What the values of a type look like to masking, and how the binary format of a type becomes canonical text and text becomes binary
 * (PostgreSQL's `*send` and `*recv` functions). A type that is not listed is `other`: masking can only take its value away.
 */
import type { ValueKind } from '../../../contract/masking.js';
import type { Catalog } from '../catalog/catalog.js';

export interface FieldKind {
  readonly kind: ValueKind;
  /** Of an integer. */
  readonly bits: 16 | 32 | 64;
  /** Canonical text of a binary value; null: it cannot be read. */
  readonly read: (value: Buffer) => Uint8Array | null;
  /** The binary value of canonical text; null: it is none of this type. */
  readonly write: (text: Uint8Array) => Uint8Array | null;
}

/** Detectors look at its values where they carry no tag. */
export const isSearched = ({ kind }: FieldKind): boolean => kind === 'text' || kind === 'json';

const same = (value: Uint8Array): Uint8Array => value;
const never = (): null => null;
const ascii = (value: Uint8Array): string => Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1');

/** OID of `text`. */
export const TEXT_TYPE = 25;
const TEXT: FieldKind = { kind: 'text', bits: 32, read: same, write: same };
const STAR = Uint8Array.of(0x2a);
const STARS = Buffer.from('****');
/** `"char"` is one byte: what is longer in the place of a value is one star. */
const ONE_BYTE: FieldKind = { ...TEXT, write: (text) => (text.length === 1 ? text : STAR) };
/** Bytes that a `name` holds (NAMEDATALEN − 1). Its receive function takes no more; the token of a class with a long name has more. */
const NAME_BYTES = 63;
const NAME: FieldKind = { ...TEXT, write: (text) => (text.length <= NAME_BYTES ? text : STARS) };
const OTHER: FieldKind = { kind: 'other', bits: 32, read: never, write: never };
const JSON_TEXT: FieldKind = { kind: 'json', bits: 32, read: same, write: same };

/** jsonb_send: a version in front. */
const JSONB: FieldKind = {
  kind: 'json',
  bits: 32,
  read: (value) => (value[0] === 1 ? value.subarray(1) : null),
  write: (text) => Buffer.concat([Uint8Array.of(1), text]),
};

function integer(bits: 16 | 32 | 64): FieldKind {
  const bytes = bits / 8;
  return {
    kind: 'integer',
    bits,
    read: (value) => {
      if (value.length !== bytes) return null;
      return Buffer.from(String(bits === 16 ? value.readInt16BE(0) : bits === 32 ? value.readInt32BE(0) : value.readBigInt64BE(0)));
    },
    write: (text) => {
      const words = ascii(text);
      if (!/^-?\d{1,19}$/.test(words)) return null;
      const number = BigInt(words);
      if (BigInt.asIntN(bits, number) !== number) return null;
      const out = Buffer.alloc(8);
      out.writeBigInt64BE(number);
      return out.subarray(8 - bytes);
    },
  };
}

function float(bytes: 4 | 8): FieldKind {
  return {
    kind: 'decimal',
    bits: 32,
    read: (value) => (value.length === bytes ? Buffer.from(String(bytes === 4 ? value.readFloatBE(0) : value.readDoubleBE(0))) : null),
    write: (text) => {
      const number = Number(ascii(text));
      if (!Number.isFinite(number)) return null;
      const out = Buffer.alloc(bytes);
      if (bytes === 4) out.writeFloatBE(number);
      else out.writeDoubleBE(number);
      return out;
    },
  };
}

const UUID: FieldKind = {
  kind: 'uuid',
  bits: 32,
  read: (value) => {
    if (value.length !== 16) return null;
    const hex = value.toString('hex');
    return Buffer.from(`${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`);
  },
  write: (text) => {
    const hex = ascii(text).replaceAll('-', '');
    return /^[0-9a-f]{32}$/i.test(hex) ? Buffer.from(hex, 'hex') : null;
  },
};

/** 2000-01-01, from which PostgreSQL counts. */
const EPOCH_MS = Date.UTC(2000, 0, 1);
const DAY_MS = 86_400_000;

const DATE: FieldKind = {
  kind: 'date',
  bits: 32,
  read: (value) => {
    if (value.length !== 4) return null;
    const day = new Date(EPOCH_MS + value.readInt32BE(0) * DAY_MS);
    const year = day.getUTCFullYear();
    return Number.isNaN(year) || year < 1 || year > 9999 ? null : Buffer.from(day.toISOString().slice(0, 10));
  },
  write: (text) => {
    const ms = Date.parse(`${ascii(text)}T00:00:00Z`);
    if (Number.isNaN(ms)) return null;
    const out = Buffer.alloc(4);
    out.writeInt32BE(Math.round((ms - EPOCH_MS) / DAY_MS));
    return out;
  },
};

function timestamp(zone: string): FieldKind {
  return {
    kind: 'timestamp',
    bits: 32,
    read: (value) => {
      if (value.length !== 8) return null;
      const moment = new Date(EPOCH_MS + Number(value.readBigInt64BE(0) / 1000n));
      const year = moment.getUTCFullYear();
      return Number.isNaN(year) || year < 1 || year > 9999 ? null : Buffer.from(`${moment.toISOString().slice(0, 19).replace('T', ' ')}${zone}`);
    },
    write: (text) => {
      const ms = Date.parse(`${ascii(text).replace(/\+00$/, '').replace(' ', 'T')}Z`);
      if (Number.isNaN(ms)) return null;
      const out = Buffer.alloc(8);
      out.writeBigInt64BE(BigInt(ms - EPOCH_MS) * 1000n);
      return out;
    },
  };
}

const only = (kind: ValueKind): FieldKind => ({ kind, bits: 32, read: never, write: never });

/** By the object identifiers of PostgreSQL's own types (pg_type.dat), which never change. */
const KINDS: ReadonlyMap<number, FieldKind> = new Map([
  [16, only('boolean')],
  [17, only('bytes')],
  [18, ONE_BYTE],
  [19, NAME],
  [20, integer(64)],
  [21, integer(16)],
  [23, integer(32)],
  [TEXT_TYPE, TEXT],
  [114, JSON_TEXT],
  [700, float(4)],
  [701, float(8)],
  [705, TEXT],
  [1042, TEXT],
  [1043, TEXT],
  [1082, DATE],
  [1114, timestamp('')],
  [1184, timestamp('+00')],
  // numeric_send's digits are not read: in binary a value is taken away.
  [1700, only('decimal')],
  [2950, UUID],
  [3802, JSONB],
]);

export function fieldKind(type: number, catalog: Catalog | null): FieldKind {
  const known = KINDS.get(type);
  if (known !== undefined) return known;
  const described = catalog?.type(type) ?? null;
  if (described === null) return OTHER;
  if (described.base !== 0 && described.base !== type) return fieldKind(described.base, null);
  // citext and its like: text by another name, whose binary format is that of text. Not enumerations, whose values are limited.
  return described.category === 'S' && described.kind === 'b' ? TEXT : OTHER;
}
