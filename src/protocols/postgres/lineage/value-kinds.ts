/**
 * What type a value has, as far as it matters for whether a computation can fail on it: of columns by the catalog, of expressions where their text says it. Null:
 * not known, and then nothing is taken for granted.
 */
import type { Catalog } from '../catalog/catalog.js';
import { as, field, isTree, list, qualified, strings, struct, tagged, text } from '../facts/tree.js';

/** What a name of a column says of its type. */
export interface TypesOfColumns {
  typeOf(names: readonly string[]): ValueType | null;
}

/** `scalar`: one of PostgreSQL's own types that is none of the others, and no array, range or row. */
export type ValueType =
  | 'text'
  | 'int2'
  | 'int4'
  | 'int8'
  | 'numeric'
  | 'float'
  | 'bool'
  | 'date'
  | 'timestamp'
  | 'timestamptz'
  | 'json'
  | 'jsonb'
  | 'array'
  | 'scalar';

const BY_OID: ReadonlyMap<number, ValueType> = new Map([
  [16, 'bool'],
  [17, 'scalar'],
  [18, 'scalar'],
  [19, 'text'],
  [20, 'int8'],
  [21, 'int2'],
  [23, 'int4'],
  [25, 'text'],
  [26, 'scalar'],
  [114, 'json'],
  [650, 'scalar'],
  [700, 'float'],
  [701, 'float'],
  [790, 'scalar'],
  [829, 'scalar'],
  [869, 'scalar'],
  [1042, 'text'],
  [1043, 'text'],
  [1082, 'date'],
  [1083, 'scalar'],
  [1114, 'timestamp'],
  [1184, 'timestamptz'],
  [1186, 'scalar'],
  [1266, 'scalar'],
  [1700, 'numeric'],
  [2950, 'scalar'],
  [3802, 'jsonb'],
]);

const BY_NAME: ReadonlyMap<string, ValueType> = new Map([
  ['text', 'text'],
  ['varchar', 'text'],
  ['bpchar', 'text'],
  ['name', 'text'],
  ['bool', 'bool'],
  ['int2', 'int2'],
  ['int4', 'int4'],
  ['int8', 'int8'],
  ['numeric', 'numeric'],
  ['float4', 'float'],
  ['float8', 'float'],
  ['date', 'date'],
  ['timestamp', 'timestamp'],
  ['timestamptz', 'timestamptz'],
  ['json', 'json'],
  ['jsonb', 'jsonb'],
  ['uuid', 'scalar'],
  ['bytea', 'scalar'],
  ['interval', 'scalar'],
  ['time', 'scalar'],
  ['inet', 'scalar'],
]);

const names = (type: ValueType, all: string): [string, ValueType][] => all.split(' ').map((name) => [name, type]);

/** What functions give, whatever they are given; a text stays no text where it is of bytes or bits. */
const GIVEN: ReadonlyMap<string, ValueType> = new Map([
  ...names(
    'text',
    'lower upper initcap left right reverse replace translate split_part md5 concat concat_ws format to_char quote_ident quote_literal quote_nullable',
  ),
  ...names('text', 'regexp_replace regexp_substr array_to_string chr repeat lpad rpad to_hex jsonb_typeof json_typeof'),
  ...names('int4', 'ascii length char_length character_length octet_length bit_length strpos position array_length cardinality'),
  ...names('int8', 'count row_number rank dense_rank'),
  ...names('bool', 'starts_with bool_and bool_or every regexp_like'),
  ...names('jsonb', 'to_jsonb jsonb_build_object jsonb_build_array jsonb_agg jsonb_object_agg'),
  ...names('json', 'to_json row_to_json array_to_json json_build_object json_build_array json_agg json_object_agg'),
  ...names('array', 'array_agg string_to_array regexp_match'),
]);
/** Of ranges they give the bounds. */
const OF_RANGES: ReadonlySet<string> = new Set(['lower', 'upper']);
const SAME: ReadonlySet<string> = new Set(['min', 'max', 'any_value', 'lag', 'lead', 'first_value', 'last_value']);
export const COMPARES: ReadonlySet<string> = new Set(['=', '<>', '!=', '<', '>', '<=', '>=']);

/** Domains over domains. */
const DOMAINS = 8;

export function typeOfColumn(oid: number, catalog: Catalog | null): ValueType | null {
  let at = oid;
  for (let depth = 0; depth < DOMAINS; depth++) {
    const own = BY_OID.get(at);
    if (own !== undefined) return own;
    const known = catalog?.type(at) ?? null;
    if (known === null) return null;
    if (known.category === 'A') return 'array';
    if (known.kind !== 'd') return null;
    at = known.base;
  }
  return null;
}

/** Of a name of a type in a cast. */
export function typeNamed(type: unknown, catalog: Catalog | null): ValueType | null {
  const node = isTree(type) ? type : {};
  const [schema, name] = qualified(strings(list(node, 'names')));
  if (list(node, 'arrayBounds').length > 0) return 'array';
  if ((schema !== null && schema !== 'pg_catalog') || (schema === null && catalog?.isDomain(name ?? '') !== false)) return null;
  return BY_NAME.get(name ?? '') ?? null;
}

/** A constant text, or what is bound: it takes the type that is asked for beside it. */
export function isUntyped(node: unknown): boolean {
  if (as(node, 'ParamRef') !== null) return true;
  const constant = as(node, 'A_Const');
  return constant !== null && (struct(constant, 'sval') !== null || field(constant, 'isnull') === true);
}

export function typeOf(node: unknown, level: TypesOfColumns, catalog: Catalog | null): ValueType | null {
  const { tag, node: fields } = tagged(node) ?? { tag: '', node: {} };
  const inner = (each: unknown): ValueType | null => typeOf(each, level, catalog);
  switch (tag) {
    case 'ColumnRef':
      return level.typeOf(strings(list(fields, 'fields')));
    case 'TypeCast':
      return typeNamed(field(fields, 'typeName'), catalog);
    case 'CollateClause':
      return inner(field(fields, 'arg'));
    case 'A_ArrayExpr':
      return 'array';
    case 'BoolExpr':
    case 'NullTest':
    case 'BooleanTest':
      return 'bool';
    case 'FuncCall':
      return typeOfCall(fields, inner, catalog);
    case 'CoalesceExpr':
    case 'MinMaxExpr':
      return typeOfAll(list(fields, 'args'), inner);
    case 'CaseExpr':
      return typeOfAll([...list(fields, 'args').map((each) => field(as(each, 'CaseWhen') ?? {}, 'result')), field(fields, 'defresult') ?? NULL], inner);
    case 'A_Expr':
      return typeOfOperator(fields, inner);
    default:
      return null;
  }
}

const NULL = { A_Const: { isnull: true } };

/** Values of other types beside them could make them all of another one. */
function typeOfAll(nodes: readonly unknown[], inner: (node: unknown) => ValueType | null): ValueType | null {
  const [first, ...more] = nodes.filter((each) => !isUntyped(each)).map(inner);
  return first !== undefined && first !== null && more.every((each) => each === first) ? first : null;
}

function typeOfCall(node: Readonly<Record<string, unknown>>, inner: (node: unknown) => ValueType | null, catalog: Catalog | null): ValueType | null {
  const [schema, name] = qualified(strings(list(node, 'funcname')));
  if ((schema !== null && schema !== 'pg_catalog') || (catalog?.functions(null, name ?? '') ?? [null]).length > 0) return null;
  const [first] = list(node, 'args');
  if (SAME.has(name ?? '')) return inner(first);
  if (OF_RANGES.has(name ?? '') && !isUntyped(first) && inner(first) !== 'text') return null;
  return GIVEN.get(name ?? '') ?? null;
}

function typeOfOperator(node: Readonly<Record<string, unknown>>, inner: (node: unknown) => ValueType | null): ValueType | null {
  const kind = text(node, 'kind');
  if (kind === 'AEXPR_NULLIF') return inner(field(node, 'lexpr'));
  if (kind !== 'AEXPR_OP') return 'bool';
  const name = strings(list(node, 'name')).at(-1) ?? '';
  if (COMPARES.has(name)) return 'bool';
  if (name === '->>' || name === '#>>') return 'text';
  return name === '||' && joinsText([field(node, 'lexpr'), field(node, 'rexpr')], inner) ? 'text' : null;
}

const IN_TEXT: ReadonlySet<ValueType | null> = new Set(['text', 'int2', 'int4', 'int8', 'numeric', 'float', 'bool', 'date', 'timestamp', 'timestamptz']);

/** `||` of a text and what is no array: of arrays it fails where their sizes do not fit. */
export function joinsText(sides: readonly unknown[], inner: (node: unknown) => ValueType | null): boolean {
  return sides.every((side) => isUntyped(side) || IN_TEXT.has(inner(side)) || as(side, 'A_Const') !== null);
}
