/**
 * Tokens in the statements of one session: where they stand, what they stand for, and the message that goes up with the values in their places. A
 * value that is shorter than its token is followed by spaces, so that positions in the text, and in errors about it, stay what they were.
 */

import type { BoundParameter } from '../../../contract/approval.js';
import { GwError } from '../../../contract/gw-error.js';
import type { ClassView, MaskingDoor } from '../../../contract/masking-policy.js';
import { readBoundParameters, withParameters } from '../bound-parameters.js';
import type { Catalog } from '../catalog/catalog.js';
import type { Comparison } from '../lineage/trace.js';
import { fieldKind } from './field-kind.js';
import { type Beside, type ComparedValue, type ResolvedToken, TokenResolution } from './token-resolution.js';

/** What of a statement is replaced when it goes up. */
export interface TokenEdit {
  /** The text of a Query, or what follows the names in a Bind. */
  readonly bytes: Buffer;
  /** For the record: of which class, and how many. */
  readonly resolved: readonly ClassView[];
}

/** `refusal`: why tokens in it cannot be resolved. */
export type TokenAnswer = { readonly edit: TokenEdit | null; readonly refusal: string | null } | 'wait';

const UNCHANGED: TokenAnswer = Object.freeze({ edit: null, refusal: null });
/** As text tokens, UUID tokens and integer tokens begin. */
const MAY_HOLD = /tok_|6777|-\d{10}/;
/** In a literal these would need an escape, and the server may read one otherwise than we do. */
const UNSAFE = /[\\\0]/;
const QUOTE = 0x27;

export function mayHoldTokens(text: string): boolean {
  return MAY_HOLD.test(text);
}

/** Hexadecimal digits of integers and UUIDs in binary. */
const BINARY: ReadonlySet<number> = new Set([8, 16, 32]);

export function mayBeToken({ form, value }: BoundParameter): boolean {
  return form === 'text' ? MAY_HOLD.test(value) : form === 'hex' && (BINARY.has(value.length) || MAY_HOLD.test(Buffer.from(value, 'hex').toString('latin1')));
}

export interface TokenQuestion {
  readonly door: MaskingDoor;
  readonly catalog: Catalog | null;
  readonly beside: Beside;
  readonly comparisons: readonly Comparison[];
  readonly settled: () => void;
}

export class SessionTokens {
  readonly #resolution = new TokenResolution();

  /** Tokens that are constants of a text. */
  ofText(text: Uint8Array, question: TokenQuestion): TokenAnswer {
    const bytes = Buffer.from(text.buffer, text.byteOffset, text.length);
    const sites = question.comparisons.flatMap((comparison) =>
      comparison.constants.flatMap((constant) => {
        const [from, to] = siteOf(bytes, constant);
        return to < 0 ? [] : [{ from, to, text: constant.text, comparison }];
      }),
    );
    return this.#answer(sites, question, (found) => {
      const pieces: Buffer[] = [];
      let at = 0;
      const places = sites.map((site, index) => ({ ...site, token: found[index] ?? null })).sort((one, other) => one.from - other.from);
      for (const { from, to, token } of places) {
        if (token === null || from < at) continue;
        const literal = bytes[from] === QUOTE ? `'${token.value.replaceAll("'", "''")}'` : token.value;
        pieces.push(bytes.subarray(at, from), Buffer.from(literal.padEnd(to - from)));
        at = to;
      }
      return Buffer.concat([...pieces, bytes.subarray(at)]);
    });
  }

  /** Tokens that are bound. `parameters`: what follows the names in the Bind. */
  ofBind(parameters: Uint8Array, types: Uint8Array | null, question: TokenQuestion): TokenAnswer {
    const { catalog, comparisons } = question;
    const bound = readBoundParameters(parameters, types) ?? [];
    const uses = comparisons.flatMap((comparison) => comparison.parameters.map(({ number }) => ({ number, comparison })));
    const sites = uses.flatMap(({ number, comparison }) => {
      const value = bound[number - 1];
      if (value === undefined || value.form === 'null') return [];
      const kind = value.type === null ? kindOf(comparison, catalog) : fieldKind(Number(value.type), catalog);
      const read = value.form === 'text' ? Buffer.from(value.value) : kind.read(Buffer.from(value.value, 'hex'));
      return read === null ? [] : [{ number, form: value.form, kind, text: Buffer.from(read).toString('utf8'), comparison }];
    });
    return this.#answer(sites, question, (found) => {
      const values = new Map<number, Buffer>();
      for (const [index, { number, form, kind }] of sites.entries()) {
        const token = found[index] ?? null;
        if (token === null) continue;
        const text = Buffer.from(token.value);
        const written = form === 'text' ? text : kind.write(text);
        if (written === null) throw new GwError('policy.limit_exceeded', 'The value of a token does not fit the type of the parameter that it is bound to.');
        const before = values.get(number);
        if (before !== undefined && !before.equals(written))
          throw new GwError('policy.limit_exceeded', 'A token is compared with columns in which it stands for different values.');
        values.set(number, Buffer.from(written));
      }
      return withParameters(parameters, values);
    });
  }

  #answer(
    sites: readonly ComparedValue[],
    { door, catalog, beside, settled }: TokenQuestion,
    edit: (found: readonly (ResolvedToken | null)[]) => Buffer,
  ): TokenAnswer {
    try {
      const found = this.#resolution.resolve(sites, door, catalog, beside, settled);
      if (found === 'wait') return 'wait';
      const resolved = found.flatMap((each) => each ?? []);
      if (resolved.length === 0) return UNCHANGED;
      if (resolved.some(({ value }) => UNSAFE.test(value)))
        return { edit: null, refusal: 'the value of a token in it holds a character that cannot be written safely' };
      return { edit: { bytes: edit(found), resolved: resolved.map(({ how }) => how) }, refusal: null };
    } catch (thrown) {
      const { message } = GwError.from(thrown);
      return { edit: null, refusal: `a token in it could not be resolved: ${message}` };
    }
  }
}

function kindOf({ lineage }: Comparison, catalog: Catalog | null): ReturnType<typeof fieldKind> {
  const [source] = lineage.columns;
  return fieldKind(source?.column.type ?? 0, catalog);
}

/** Where a constant stands in the text, quotes included: only where it is written plainly. */
function siteOf(bytes: Buffer, { at, text }: { readonly at: number; readonly text: string }): readonly [from: number, to: number] {
  if (!MAY_HOLD.test(text)) return [0, -1];
  for (const written of [`'${text}'`, text]) {
    const plain = Buffer.from(written);
    if (bytes.subarray(at, at + plain.length).equals(plain)) return [at, at + plain.length];
  }
  return [0, -1];
}

/** Values that are compared and may be tokens: of a text its constants, of a Bind what is bound. They are not written. */
export function comparedTexts(comparisons: readonly Comparison[], bound: readonly BoundParameter[]): readonly string[] {
  const constants = new Map(comparisons.flatMap(({ constants: all }) => all.map(({ at, text }) => [at, text] as const)));
  const numbers = new Set(comparisons.flatMap(({ parameters }) => parameters.map(({ number }) => number)));
  const values = [...numbers].flatMap((number) => bound[number - 1]?.value ?? []);
  return [...constants.values(), ...values].filter((text) => MAY_HOLD.test(text));
}
