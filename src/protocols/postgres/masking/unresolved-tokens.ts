/**
 * Tokens that would find nothing and say so as if that were true: they stand in a statement whose conditions are about columns of their class, and not
 * where they are resolved. Such a statement is refused. Tokens of classes that decide nothing in it are values like any other (somebody keeps them in a
 * table of his own, and asks for them there). Pure.
 */
import type { BoundParameter } from '../../../contract/approval.js';
import type { ClassView, MaskingDoor } from '../../../contract/masking-policy.js';
import type { Catalog } from '../catalog/catalog.js';
import { parse } from '../facts/parser.js';
import { as, field, integer, isTree } from '../facts/tree.js';
import { constantText } from '../lineage/given-values.js';
import type { Lineage } from '../lineage/lineage.js';
import type { Comparison } from '../lineage/trace.js';
import { type FieldKind, fieldKind } from './field-kind.js';
import { type IsToken, mayBeToken, mayHoldTokens, resolvedConstants, resolvedParameters } from './session-tokens.js';
import type { TracedStatement } from './traced-text.js';
import { classesOf } from './value-plan.js';

export interface TokensQuestion {
  readonly door: MaskingDoor;
  readonly catalog: Catalog | null;
  readonly statements: readonly TracedStatement[];
  readonly text: Uint8Array;
  readonly bound: readonly BoundParameter[];
  /** Where constants and parameters of this very text are compared. Asked for only where there is a token. */
  readonly comparisons: () => readonly Comparison[];
  /** The text is kept, and run later: its constants stay what they are. */
  readonly kept: boolean;
}

const KEPT_REFUSAL = 'a token stands in a statement that is prepared, where it is not resolved and would find nothing; bind it as a parameter';
const REFUSAL =
  'a token stands in it where it is not resolved, and would find nothing; compare it by =, <>, IN or ANY with a column of its class as it is, in a statement that is run at once';

/** A string in which letters may be written as numbers. */
const ESCAPED = /e'|u&'/i;

/** Null: there is none. */
export function unresolvedToken(question: TokensQuestion): string | null {
  const { door, catalog, statements, bound, kept } = question;
  const text = Buffer.from(question.text.buffer, question.text.byteOffset, question.text.length);
  const written = text.toString('latin1');
  if (!mayHoldTokens(written) && !ESCAPED.test(written) && !bound.some(mayBeToken)) return null;
  const isToken = tokensOf(deciding(statements), door, catalog);
  if (isToken === null) return null;
  const constants = constantsOf(text.toString('utf8')).filter((each) => partsOf(each.text).some(isToken));
  const parameters = bound.flatMap((each, index) => (textsOf(each).some((one) => partsOf(one).some(isToken)) ? [index + 1] : []));
  if (constants.length === 0 && parameters.length === 0) return null;
  const comparisons = question.comparisons();
  const resolved = kept ? new Set<number>() : resolvedConstants(text, comparisons, isToken, door, catalog);
  if (constants.some(({ at }) => !resolved.has(at))) return kept ? KEPT_REFUSAL : REFUSAL;
  const numbers = resolvedParameters(bound, comparisons, isToken, door, catalog);
  return parameters.some((number) => !numbers.has(number)) ? REFUSAL : null;
}

function deciding(statements: readonly TracedStatement[]): readonly Lineage[] {
  const all = statements.flatMap((statement) => (statement.inner === null ? [statement] : [statement, statement.inner]));
  return all.flatMap(({ lineage: { conditions } }) => conditions.map(({ lineage }) => lineage));
}

/** Whether a text is a token of a class that decides something; null: no class does of which tokens are resolved. */
function tokensOf(lineages: readonly Lineage[], door: MaskingDoor, catalog: Catalog | null): IsToken | null {
  const kinds = new Map<string, { readonly how: ClassView; readonly kind: Pick<FieldKind, 'kind' | 'bits'> }>();
  const add = (how: ClassView, kind: Pick<FieldKind, 'kind' | 'bits'>): void => {
    if (how.resolvedBy !== null) kinds.set(`${how.class} ${kind.kind} ${kind.bits}`, { how, kind });
  };
  for (const { columns, unknown } of lineages) {
    for (const source of columns) for (const how of classesOf(source, door.view)) add(how, fieldKind(source.column.type, catalog));
    if (unknown !== null) for (const how of door.view.classes) add(how, { kind: 'text', bits: 32 });
  }
  const all = [...kinds.values()];
  return all.length === 0 ? null : (text) => all.some(({ how, kind }) => door.tokenMakers(how, kind.kind, kind.bits, text).length > 0);
}

/** A text and its words: a token may stand in an array, a pattern, or JSON. */
function partsOf(text: string): readonly string[] {
  return mayHoldTokens(text) ? [text, ...text.split(/[^\w-]+/)] : [];
}

/** What a bound value may be, as text. */
function textsOf({ form, value }: BoundParameter): readonly string[] {
  if (form === 'null') return [];
  if (form === 'text') return [value];
  const bytes = Buffer.from(value, 'hex');
  const numbers = bytes.length === 4 ? [String(bytes.readInt32BE(0))] : bytes.length === 8 ? [String(bytes.readBigInt64BE(0))] : [];
  const uuid = bytes.length === 16 ? [value.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')] : [];
  return [bytes.toString('latin1'), ...numbers, ...uuid];
}

function constantsOf(text: string): readonly { readonly at: number; readonly text: string }[] {
  const found: { at: number; text: string }[] = [];
  const parsed = parse(text);
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) walk(each);
    else if (isTree(value)) {
      const constant = as(value, 'A_Const');
      const own = constant === null ? null : constantText(constant);
      if (constant !== null && own !== null) found.push({ at: integer(constant, 'location'), text: own });
      else for (const key of Object.keys(value)) walk(field(value, key));
    }
  };
  if (parsed.kind === 'tree') walk(parsed.statements);
  return found;
}
