/**
 * One transform per masked column, made once per result and called for every row. Canonical text in, canonical text out (the island
 * turns binary formats into it and back), always valid for the kind: a number column never gets stars, it gets null.
 */
import type { Clock } from '../base/clock.js';
import { GwError } from '../contract/gw-error.js';
import type { DataClass, Treatment, ValueKind, ValueTransform } from '../contract/masking.js';
import { generaliseAddress, generaliseDate, generaliseNumber, generaliseZip } from './generalise.js';
import { MASK, partialInteger, partialText } from './partial.js';
import { type IntegerBits, integerToken, type TokenKeys, textToken, uuidToken } from './tokens.js';

export interface TransformOptions {
  readonly treatment: Treatment;
  /** Class of the column: a known one (`DataClass`) or any `[a-z][a-z0-9_]*` up to 40 characters. */
  readonly class: DataClass | (string & Record<never, never>);
  readonly kind: ValueKind;
  /** Keys of tokens. Only `token` uses them. */
  readonly key: TokenKeys;
  /** Says how old a birth date is. Only `generalise` of `dob` uses it. */
  readonly clock: Clock;
  /** Partial forms show the length and keep separators. */
  readonly keepLength?: boolean;
  /** Partial cards keep their first six digits as well. */
  readonly showBin?: boolean;
  /** Width of an integer column, for its tokens. Without it a token fits 32 bits. */
  readonly integerBits?: IntegerBits;
}

/** Never kept and never shown in part, whatever the policy says: PCI DSS 3.3.1 forbids to store them after authorisation. */
const NEVER_SHOWN: ReadonlySet<string> = new Set(['cvv', 'track']);
const MASK_BYTES: Uint8Array = Buffer.from(MASK);
const JSON_MASK_BYTES: Uint8Array = Buffer.from(`"${MASK}"`);
const MAX_CLASS_LENGTH = 40;
/** Bytes of the longest value that `usualForm` knows. */
const LONGEST_USUAL = 19;

/** Throws `config.invalid` for a class name that could not stand in a token. */
export function createTransform(options: TransformOptions): ValueTransform {
  const { treatment, kind } = options;
  if (!isClassName(options.class)) {
    throw new GwError(
      'config.invalid',
      `${JSON.stringify(options.class)} is no class name: it needs a lower-case letter, then letters, digits and _, 40 at most.`,
    );
  }
  if (treatment === 'clear') return (value) => value;
  if (treatment === 'null') return () => null;
  if (treatment === 'mask' || NEVER_SHOWN.has(options.class)) return wholeMask(kind);
  switch (treatment) {
    case 'partial':
      return partial(options);
    case 'token':
      return token(options);
    case 'generalise':
      return generalise(options);
    default:
      return treatment satisfies never;
  }
}

function isClassName(name: string): boolean {
  if (name.length === 0 || name.length > MAX_CLASS_LENGTH) return false;
  for (let i = 0; i < name.length; i++) {
    const char = name.charCodeAt(i);
    const lower = char >= 0x61 && char <= 0x7a;
    if (!lower && !(i > 0 && ((char >= 0x30 && char <= 0x39) || char === 0x5f))) return false;
  }
  return true;
}

/** `****` whatever the length; null where stars are no value of the type. */
function wholeMask(kind: ValueKind): ValueTransform {
  const shown = kind === 'text' ? MASK_BYTES : kind === 'json' ? JSON_MASK_BYTES : null;
  return () => shown;
}

const decode = (value: Uint8Array): string => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
const encode = (text: string | null): Uint8Array | null => (text === null ? null : Buffer.from(text));

function partial(options: TransformOptions): ValueTransform {
  const { kind, class: dataClass } = options;
  const how = { keepLength: options.keepLength ?? false, showBin: options.showBin ?? false };
  if (kind === 'text') {
    const inPlace = usualForm(dataClass, how);
    const grouped = dataClass === 'ssn' || dataClass === 'itin';
    const room = Buffer.alloc(LONGEST_USUAL);
    const transform = (value: Uint8Array): Uint8Array | null => {
      if (inPlace !== null && value.length <= LONGEST_USUAL) {
        room.set(value);
        const length = inPlace(room, 0, value.length);
        if (length >= 0) return room.subarray(0, length);
      }
      const digits = grouped && !how.keepLength ? groupedDigits(value) : null;
      return digits ?? encode(partialText(dataClass, decode(value), how));
    };
    return inPlace === null ? transform : Object.assign(transform, { inPlace });
  }
  if (kind === 'integer') return (value) => encode(partialInteger(dataClass, decode(value)));
  return wholeMask(kind);
}

/**
 * Columns hold one form nearly always: numbers as `536-90-4399` and digits alone are rewritten as bytes, to the same end as `partialText`.
 * Null: the class has no such form.
 */
function usualForm(dataClass: string, how: { readonly keepLength: boolean; readonly showBin: boolean }): NonNullable<ValueTransform['inPlace']> | null {
  if (how.keepLength || how.showBin) return null;
  const grouped = dataClass === 'ssn' || dataClass === 'itin';
  if (!grouped && dataClass !== 'pan') return null;
  const front = Buffer.from(grouped ? '***-**-' : MASK);
  return (bytes, start, end) => {
    const length = end - start;
    // Nine digits without their separators do not fit in their own place.
    if (grouped ? length !== 11 : length < 13 || length > 19) return -1;
    for (let i = 0; i < length; i++) {
      const byte = bytes[start + i] as number;
      const separator = grouped && (i === 3 || i === 6);
      if (separator ? byte !== 0x2d : byte < 0x30 || byte > 0x39) return -1;
    }
    const shown = front.length + 4;
    if (shown < length) for (let i = 0; i < 4; i++) bytes[start + front.length + i] = bytes[end - 4 + i] as number;
    for (let i = 0; i < front.length; i++) bytes[start + i] = front[i] as number;
    return shown;
  };
}

/** Nine digits and nothing else, as `partialText` shows them; null for any other text. */
function groupedDigits(value: Uint8Array): Uint8Array | null {
  if (value.length !== 9) return null;
  for (const byte of value) if (byte < 0x30 || byte > 0x39) return null;
  const shown = Buffer.from('***-**-0000');
  for (let i = 1; i <= 4; i++) shown[shown.length - i] = value[9 - i] as number;
  return shown;
}

function token(options: TransformOptions): ValueTransform {
  const { kind, key, class: dataClass } = options;
  const bits = options.integerBits ?? 32;
  if (kind === 'text') return (value) => encode(textToken(key, dataClass, value));
  if (kind === 'json') return (value) => encode(`"${textToken(key, dataClass, value)}"`);
  if (kind === 'integer') return (value) => encode(integerToken(key, dataClass, value, bits));
  if (kind === 'uuid') return (value) => encode(uuidToken(key, dataClass, value));
  return () => null;
}

function generalise(options: TransformOptions): ValueTransform {
  const { kind, clock, class: dataClass } = options;
  const birth = dataClass === 'dob';
  if (kind === 'date' || kind === 'timestamp') return (value) => encode(generaliseDate(decode(value), birth, clock.now()));
  if (kind === 'integer' || kind === 'decimal') return (value) => encode(generaliseNumber(decode(value)));
  if (kind === 'other' && dataClass === 'ip') return (value) => encode(generaliseAddress(decode(value)));
  if (kind !== 'text') return wholeMask(kind);
  if (dataClass === 'ip') return (value) => encode(generaliseAddress(decode(value)) ?? MASK);
  if (dataClass === 'zip') return (value) => encode(generaliseZip(decode(value)) ?? MASK);
  if (birth) return (value) => encode(generaliseDate(decode(value), true, clock.now()) ?? MASK);
  return wholeMask('text');
}
