/**
 * Tokens in the statements of one session: where they stand, what they stand for, and the message that goes up with the values in their places. A
 * value that is shorter than its token is followed by spaces, so that positions in the text, and in errors about it, stay what they were.
 */

import type { BoundParameter } from '../../../contract/approval.js';
import { GwError } from '../../../contract/gw-error.js';
import type { ClassView, MaskingDoor } from '../../../contract/masking-policy.js';
import { readBoundParameters, withParameters } from '../bound-parameters.js';
import type { Catalog } from '../catalog/catalog.js';
import type { Comparison, GivenConstant, GivenParameter } from '../lineage/trace.js';
import { type ArrayValue, readArrayBinary, readArrayText } from './array-value.js';
import { fieldKind } from './field-kind.js';
import { type Beside, soughtIn, TokenResolution } from './token-resolution.js';

/** What of a statement is replaced when it goes up. */
export interface TokenEdit {
  /** The text of a Query, or what follows the names in a Bind. */
  readonly bytes: Buffer;
  /** For the record: of which class, and how many. */
  readonly resolved: readonly ClassView[];
}

/** `refusal`: tokens in it cannot be resolved; it is not sent as it is, or it would find nothing, and say so as if that were true. */
export type TokenAnswer = { readonly edit: TokenEdit | null; readonly refusal: GwError | null } | 'wait';

const UNCHANGED: TokenAnswer = Object.freeze({ edit: null, refusal: null });
/** As text tokens, UUID tokens and integer tokens begin. */
const MAY_HOLD = /tok_|6777|-\s*\d{10}/;
/** In a literal these would need an escape, and the server may read one otherwise than we do. */
const UNSAFE = /[\\\0]/;
const QUOTE = 0x27;

export function mayHoldTokens(text: string): boolean {
  return MAY_HOLD.test(text);
}

/** Hexadecimal digits of integers and UUIDs in binary; an array of one dimension begins so. */
const BINARY: ReadonlySet<number> = new Set([8, 16, 32]);
const ARRAY = '00000001';

export function mayBeToken({ form, value }: BoundParameter): boolean {
  return form === 'text'
    ? MAY_HOLD.test(value)
    : form === 'hex' && (BINARY.has(value.length) || value.startsWith(ARRAY) || MAY_HOLD.test(Buffer.from(value, 'hex').toString('latin1')));
}

export interface TokenQuestion {
  readonly door: MaskingDoor;
  readonly catalog: Catalog | null;
  readonly beside: Beside;
  readonly comparisons: readonly Comparison[];
  readonly settled: () => void;
}

/** Values that stand in one place: one, or the elements of an array. */
export interface GivenPlace {
  readonly comparison: Comparison;
  readonly texts: readonly string[];
}

interface TextPlace extends GivenPlace {
  readonly from: number;
  readonly to: number;
  /** What is written there with these in the place of the texts. Null: it cannot be. */
  write(values: readonly (string | null)[]): string | null;
}

interface BoundPlace extends GivenPlace {
  readonly number: number;
  write(values: readonly (string | null)[]): Buffer | null;
}

export class SessionTokens {
  readonly #resolution = new TokenResolution();

  /** Tokens that are constants of a text. */
  ofText(text: Uint8Array, question: TokenQuestion): TokenAnswer {
    const bytes = Buffer.from(text.buffer, text.byteOffset, text.length);
    const places = question.comparisons.flatMap((comparison) => comparison.constants.flatMap((constant) => placeInText(bytes, constant, comparison)));
    return this.#answer(places, question, (found) => {
      const edits = new Map<number, { readonly to: number; readonly text: string }>();
      for (const [index, place] of places.entries()) {
        const values = found[index] ?? [];
        if (values.every((value) => value === null)) continue;
        const written = place.write(values);
        if (written === null) throw new GwError('policy.limit_exceeded', 'Its value holds a character that cannot be written safely.');
        requireSame(edits.get(place.from)?.text, written);
        edits.set(place.from, { to: place.to, text: written });
      }
      const pieces: Buffer[] = [];
      let at = 0;
      for (const [from, edit] of [...edits].sort(([one], [other]) => one - other)) {
        pieces.push(bytes.subarray(at, from), Buffer.from(edit.text.padEnd(edit.to - from)));
        at = edit.to;
      }
      return Buffer.concat([...pieces, bytes.subarray(at)]);
    });
  }

  /** Tokens that are bound. `parameters`: what follows the names in the Bind. */
  ofBind(parameters: Uint8Array, types: Uint8Array | null, question: TokenQuestion): TokenAnswer {
    const places = boundPlaces(question.comparisons, readBoundParameters(parameters, types) ?? [], question.catalog);
    return this.#answer(places, question, (found) => {
      const values = new Map<number, Buffer>();
      for (const [index, place] of places.entries()) {
        const resolved = found[index] ?? [];
        if (resolved.every((value) => value === null)) continue;
        const written = place.write(resolved);
        if (written === null) throw new GwError('policy.limit_exceeded', 'The value of a token does not fit the type of the parameter that it is bound to.');
        requireSame(values.get(place.number)?.toString('latin1'), written.toString('latin1'));
        values.set(place.number, written);
      }
      return withParameters(parameters, values);
    });
  }

  /** `edit` is given the value of each token of each place; null where there is none. */
  #answer(
    places: readonly GivenPlace[],
    { door, catalog, beside, settled }: TokenQuestion,
    edit: (found: readonly (readonly (string | null)[])[]) => Buffer,
  ): TokenAnswer {
    try {
      const compared = places.flatMap(({ texts, comparison }) => texts.map((text) => ({ text, comparison })));
      const found = this.#resolution.resolve(compared, door, catalog, beside, settled);
      if (found === 'wait') return 'wait';
      const resolved = found.flatMap((each) => each ?? []);
      if (resolved.length === 0) return UNCHANGED;
      if (resolved.some(({ value }) => UNSAFE.test(value)))
        throw new GwError('policy.limit_exceeded', 'Its value holds a character that cannot be written safely.');
      let at = 0;
      const values = places.map(({ texts }) => texts.map(() => found[at++]?.value ?? null));
      return { edit: { bytes: edit(values), resolved: resolved.map(({ how }) => how) }, refusal: null };
    } catch (thrown) {
      const { message } = GwError.from(thrown);
      return { edit: null, refusal: new GwError('policy.operation_denied', `A token in it could not be resolved: ${message}`, { cause: thrown }) };
    }
  }
}

/** One place of a message may be compared with several columns. */
function requireSame(before: string | undefined, now: string): void {
  if (before !== undefined && before !== now)
    throw new GwError('policy.limit_exceeded', 'A token is compared with columns in which it stands for different values.');
}

const quoted = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/** Where a constant stands in the text, quotes included: only where it is written plainly. */
function placeInText(bytes: Buffer, { at, text, array }: GivenConstant, comparison: Comparison): readonly TextPlace[] {
  if (!MAY_HOLD.test(text)) return [];
  const literal = bytes[at] === QUOTE;
  const plain = Buffer.from(literal ? quoted(text) : text);
  const to = at + plain.length;
  if (!bytes.subarray(at, to).equals(plain)) return [];
  const place = { from: at, to, comparison };
  if (!array) return [{ ...place, texts: [text], write: ([value]) => (value == null ? text : literal ? quoted(value) : value) }];
  const read = literal && !text.includes('\\') ? readArrayText(text) : null;
  if (read === null) return [];
  return [
    {
      ...place,
      texts: read.elements.map((element) => element ?? ''),
      write: (values) => {
        const written = read.write(values);
        // With an escape the server may read a literal otherwise than we do.
        return written === null || written.includes('\\') ? null : quoted(written.toString('utf8'));
      },
    },
  ];
}

/** Values that are bound where they are compared. */
function boundPlaces(comparisons: readonly Comparison[], bound: readonly BoundParameter[], catalog: Catalog | null): readonly BoundPlace[] {
  return comparisons.flatMap((comparison) =>
    comparison.parameters.flatMap((parameter) => {
      const value = bound[parameter.number - 1];
      return value === undefined || value.form === 'null' ? [] : boundPlace(parameter, value, comparison, catalog);
    }),
  );
}

function boundPlace(
  { number, array }: GivenParameter,
  { form, type, value }: BoundParameter,
  comparison: Comparison,
  catalog: Catalog | null,
): readonly BoundPlace[] {
  const place = { number, comparison };
  if (array) {
    const read: ArrayValue | null = form === 'text' ? readArrayText(value) : readArrayBinary(Buffer.from(value, 'hex'), catalog);
    return read === null ? [] : [{ ...place, texts: read.elements.map((element) => element ?? ''), write: (values) => read.write(values) }];
  }
  const kind = type === null ? kindOf(comparison, catalog) : fieldKind(Number(type), catalog);
  const text = form === 'text' ? Buffer.from(value) : kind.read(Buffer.from(value, 'hex'));
  if (text === null) return [];
  const write = ([shown]: readonly (string | null)[]): Buffer | null => {
    const bytes = shown == null ? null : Buffer.from(shown);
    const written = bytes === null || form === 'text' ? bytes : kind.write(bytes);
    return written === null ? null : Buffer.from(written);
  };
  return [{ ...place, texts: [Buffer.from(text).toString('utf8')], write }];
}

function kindOf({ lineage }: Comparison, catalog: Catalog | null): ReturnType<typeof fieldKind> {
  const [source] = lineage.columns;
  return fieldKind(source?.column.type ?? 0, catalog);
}

/** Where each constant of a text stands whose tokens would be resolved, all of them. */
export function resolvedConstants(
  text: Uint8Array,
  comparisons: readonly Comparison[],
  isToken: IsToken,
  door: MaskingDoor,
  catalog: Catalog | null,
): ReadonlySet<number> {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.length);
  const places = comparisons.flatMap((comparison) => comparison.constants.flatMap((constant) => placeInText(bytes, constant, comparison)));
  return new Set(whole(places, isToken, door, catalog).map(({ from }) => from));
}

/** Numbers of the parameters whose tokens would be resolved, all of them. */
export function resolvedParameters(
  bound: readonly BoundParameter[],
  comparisons: readonly Comparison[],
  isToken: IsToken,
  door: MaskingDoor,
  catalog: Catalog | null,
): ReadonlySet<number> {
  return new Set(whole(boundPlaces(comparisons, bound, catalog), isToken, door, catalog).map(({ number }) => number));
}

export type IsToken = (text: string) => boolean;

function whole<T extends GivenPlace>(places: readonly T[], isToken: IsToken, door: MaskingDoor, catalog: Catalog | null): readonly T[] {
  return places.filter(({ texts, comparison }) => texts.every((text) => !isToken(text) || soughtIn(text, comparison, door, catalog).length > 0));
}

/** Values that are compared and may be tokens. They are not written. */
export interface ComparedTokens {
  /** Constants of the text. */
  readonly constants: readonly string[];
  /** Numbers of parameters, from 1. */
  readonly numbers: ReadonlySet<number>;
}

export function comparedTokens(comparisons: readonly Comparison[], bound: readonly BoundParameter[]): ComparedTokens {
  const constants = new Map(comparisons.flatMap(({ constants: all }) => all.map(({ at, text }) => [at, text] as const)));
  const numbers = comparisons.flatMap(({ parameters }) => parameters.map(({ number }) => number));
  return {
    constants: [...constants.values()].filter((text) => MAY_HOLD.test(text)),
    numbers: new Set(
      numbers.filter((number) => {
        const value = bound[number - 1];
        return value !== undefined && mayBeToken(value);
      }),
    ),
  };
}
