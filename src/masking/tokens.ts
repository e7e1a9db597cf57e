/**
 * Deterministic keyed tokens: the same value of the same class gives the same token under one key, so that rows still join and group,
 * and nothing short of the key turns a token back into a value. HMAC-SHA-256, separated by class, so that a token of one class says
 * nothing about equal values of another.
 *
 * A text token is `tok_<class>_<26 characters>`: base32 of 16 bytes, namely the key id, 88 bits of the HMAC of the value, and a 32-bit
 * tag of those, so that the gateway can tell its own tokens from text that only looks like one. Attack stopped: a small domain (there are
 * fewer than 10⁹ SSNs) is no longer searchable, as it would be with a plain hash. A token is resolved by making
 * those of the values that there are (`tokenMakers`); no book of tokens is kept.
 */
import { timingSafeEqual } from 'node:crypto';
import { GwError } from '../contract/gw-error.js';
import type { TokenKey, ValueKind } from '../contract/masking.js';
import type { TokenMaker } from '../contract/masking-policy.js';
import { MacKey } from './mac-key.js';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const PREFIX = 'tok_';
const BODY_LENGTH = 26;
const BODY_BYTES = 16;
const VALUE_BYTES = 11;
const TAG_BYTES = 4;
const MIN_SECRET_BYTES = 32;
/** Longest class name in a token. */
const MAX_CLASS_LENGTH = 40;
/** Version 8 (RFC 9562) leaves the content to us: these two bytes ("gw") begin every token. */
const UUID_MARK = [0x67, 0x77] as const;

/** What stands before a value is kept for so many purposes and classes; a forged token may name any class. */
const MAX_HEADS = 1000;

/** Width of the integer column that a token must fit. */
export type IntegerBits = 16 | 32 | 64;

/** Newest key for writing, every key for recognising. */
export interface TokenKeys {
  readonly newest: { readonly id: number; readonly key: MacKey };
  readonly all: ReadonlyMap<number, MacKey>;
}

/** Keys, newest first. Throws `config.invalid` for none, a short secret, or an id that is used twice or is no byte. */
export function createTokenKeys(keys: readonly TokenKey[]): TokenKeys {
  const all = new Map<number, MacKey>();
  for (const { id, secret } of keys) {
    const bytes = secret.expose();
    if (!Number.isInteger(id) || id < 0 || id > 255 || all.has(id)) throw refuse(`token key id ${id} is used twice or is not a number from 0 to 255`);
    if (bytes.length < MIN_SECRET_BYTES) throw refuse(`token key ${id} has ${bytes.length} bytes, it needs ${MIN_SECRET_BYTES}`);
    all.set(id, new MacKey(bytes));
  }
  const first = keys[0];
  const key = first === undefined ? undefined : all.get(first.id);
  if (first === undefined || key === undefined) throw refuse('there is no token key');
  return { newest: { id: first.id, key }, all };
}

const refuse = (message: string): GwError => new GwError('config.invalid', message);

type Purpose = 'text' | 'tag' | 'integer' | 'uuid';

const heads = new Map<string, Uint8Array>();

/** Valid until the next one. */
function mac(key: MacKey, purpose: Purpose, dataClass: string, value: Uint8Array): Buffer {
  const name = `${purpose}\0${dataClass}\0`;
  let head = heads.get(name);
  if (head === undefined) {
    head = Buffer.from(`gw-token/1\0${name}`);
    if (heads.size < MAX_HEADS) heads.set(name, head);
  }
  return key.mac(head, value);
}

/** The token of a text value, as text. */
export function textToken(keys: TokenKeys, dataClass: string, value: Uint8Array): string {
  const body = Buffer.alloc(BODY_BYTES);
  body[0] = keys.newest.id;
  mac(keys.newest.key, 'text', dataClass, value).copy(body, 1, 0, VALUE_BYTES);
  mac(keys.newest.key, 'tag', dataClass, body.subarray(1, 1 + VALUE_BYTES)).copy(body, 1 + VALUE_BYTES, 0, TAG_BYTES);
  return `${PREFIX}${dataClass}_${base32(body)}`;
}

/**
 * The token of an integer, as decimal text in a reserved negative range that fits the column: −2³¹…−2³⁰−1 for 32 bits, −2⁶³…−2⁶²−1 for 64.
 * 32 bits leave 2³⁰ tokens: among n distinct values about n²/2³¹ pairs share one. 16 bits leave too few to mean anything: null.
 */
export function integerToken(keys: TokenKeys, dataClass: string, value: Uint8Array, bits: IntegerBits): string | null {
  if (bits === 16) return null;
  const digest = mac(keys.newest.key, 'integer', dataClass, value);
  const width = BigInt(bits);
  return (-(1n << (width - 1n)) + (digest.readBigUInt64BE(0) >> (66n - width))).toString();
}

/** The token of a UUID: version 8, marked, 98 bits of HMAC. */
export function uuidToken(keys: TokenKeys, dataClass: string, value: Uint8Array): string {
  const bytes = mac(keys.newest.key, 'uuid', dataClass, value).subarray(0, 16);
  [bytes[0], bytes[1]] = UUID_MARK;
  bytes[2] = keys.newest.id;
  bytes[6] = 0x80 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/**
 * How the token may have been made that this is, of a value (canonical text) of the class, the likeliest first; none: it is no token of that class
 * and kind, or another deployment's. Integers do not say which key made them: any may have, the newest before the older ones.
 */
export function tokenMakers(keys: TokenKeys, dataClass: string, kind: ValueKind, bits: IntegerBits, token: string): readonly TokenMaker[] {
  if (kind === 'text') {
    const id = mintedBy(keys, token);
    const ring = id === null ? null : ringOf(keys, id);
    if (ring === null || !token.startsWith(`${PREFIX}${dataClass}_`) || token.length !== PREFIX.length + dataClass.length + 1 + BODY_LENGTH) return NO_MAKERS;
    return [{ by: `text ${dataClass} ${ring.newest.id}`, token, make: (value) => textToken(ring, dataClass, value) }];
  }
  if (kind === 'uuid') {
    const wanted = token.toLowerCase();
    const ring = isUuidToken(wanted) ? ringOf(keys, Number.parseInt(wanted.slice(4, 6), 16)) : null;
    return ring === null ? NO_MAKERS : [{ by: `uuid ${dataClass} ${ring.newest.id}`, token: wanted, make: (value) => uuidToken(ring, dataClass, value) }];
  }
  if (kind !== 'integer' || !isIntegerToken(token)) return NO_MAKERS;
  return [...keys.all].map(([id, key]) => {
    const ring = withNewest(keys, id, key);
    return { by: `integer ${dataClass} ${bits} ${id}`, token, make: (value) => integerToken(ring, dataClass, value, bits) };
  });
}

const NO_MAKERS: readonly TokenMaker[] = Object.freeze([]);

/** The keys as they were when the key of this id was the newest. */
function ringOf(keys: TokenKeys, id: number): TokenKeys | null {
  const key = keys.all.get(id);
  return key === undefined ? null : withNewest(keys, id, key);
}

const withNewest = ({ all }: TokenKeys, id: number, key: MacKey): TokenKeys => ({ newest: { id, key }, all });

/** Whether the text is shaped like a text token; `mintedBy` says whether this gateway made it. */
export function isToken(text: string): boolean {
  return tokenEnd(text, 0) === text.length && text.length > 0;
}

/** Where a token that starts at `start` ends, or −1. Linear: looks at one class name and 26 characters. */
export function tokenEnd(text: string, start: number): number {
  if (!text.startsWith(PREFIX, start)) return -1;
  const limit = Math.min(text.length, start + PREFIX.length + MAX_CLASS_LENGTH);
  let at = start + PREFIX.length;
  // The class may hold underscores and the body may not, so every underscore is tried as the last one.
  for (let first = at; at < limit; at++) {
    const char = text.charCodeAt(at);
    if (char === 0x5f && at > first && isBody(text, at + 1)) return at + 1 + BODY_LENGTH;
    if (char !== 0x5f && !isLower(char) && !isDigit(char)) return -1;
  }
  return -1;
}

/** The id of the key that made this text token, or null: not a token, another deployment's, or forged. */
export function mintedBy(keys: TokenKeys, token: string): number | null {
  if (!isToken(token)) return null;
  const dataClass = token.slice(PREFIX.length, token.length - BODY_LENGTH - 1);
  const body = unbase32(token.slice(-BODY_LENGTH));
  const id = body[0] ?? 0;
  const key = keys.all.get(id);
  if (key === undefined) return null;
  const tag = mac(key, 'tag', dataClass, body.subarray(1, 1 + VALUE_BYTES)).subarray(0, TAG_BYTES);
  return timingSafeEqual(tag, body.subarray(1 + VALUE_BYTES)) ? id : null;
}

/** Whether decimal text lies in a range that is reserved for integer tokens. */
export function isIntegerToken(text: string): boolean {
  if (text.length < 11 || text.length > 20 || text[0] !== '-') return false;
  for (let i = 1; i < text.length; i++) if (!isDigit(text.charCodeAt(i))) return false;
  const value = BigInt(text);
  return (value >= -(1n << 31n) && value < -(1n << 30n)) || (value >= -(1n << 63n) && value < -(1n << 62n));
}

/** Whether the text is a UUID that `uuidToken` could have made. */
export function isUuidToken(text: string): boolean {
  if (text.length !== 36) return false;
  for (let i = 0; i < 36; i++) {
    const char = text.charCodeAt(i) | 0x20;
    const dash = i === 8 || i === 13 || i === 18 || i === 23;
    if (dash ? text[i] !== '-' : !isDigit(text.charCodeAt(i)) && !(char >= 0x61 && char <= 0x66)) return false;
  }
  return text.startsWith('6777') && text[14] === '8' && '89abAB'.includes(text[19] ?? '-');
}

const isDigit = (char: number): boolean => char >= 0x30 && char <= 0x39;
const isLower = (char: number): boolean => char >= 0x61 && char <= 0x7a;

function isBody(text: string, start: number): boolean {
  if (start + BODY_LENGTH > text.length) return false;
  for (let i = start; i < start + BODY_LENGTH; i++) {
    const char = text.charCodeAt(i);
    if (!isLower(char) && !(char >= 0x32 && char <= 0x37)) return false;
  }
  return true;
}

function base32(bytes: Uint8Array): string {
  let out = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    bits += 8;
    for (; bits >= 5; bits -= 5) out += ALPHABET[(held >> (bits - 5)) & 31] ?? '';
  }
  return out + (ALPHABET[(held << (5 - bits)) & 31] ?? '');
}

function unbase32(text: string): Buffer {
  const bytes = Buffer.alloc(BODY_BYTES);
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const char of text) {
    held = ((held << 5) | ALPHABET.indexOf(char)) & 0xffff;
    bits += 5;
    if (bits < 8 || at === BODY_BYTES) continue;
    bits -= 8;
    bytes[at++] = (held >> bits) & 0xff;
  }
  return bytes;
}
