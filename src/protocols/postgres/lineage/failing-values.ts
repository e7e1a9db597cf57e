/**
 * Computations that may fail for some values and not for others: success or SQLSTATE tells then, whatever is shown. All that is not known to be total may fail:
 * PostgreSQL's own functions, operators and casts that cannot are listed here and in `total-functions.ts`.
 */
import type { CatalogFunction } from '../catalog/catalog.js';
import { functionClass } from '../facts/function-class.js';
import { as, field, flag, list, qualified, strings, struct, type Tree, tagged, text } from '../facts/tree.js';
import { derived, isNothing, type Lineage, NOTHING } from './lineage.js';
import type { Level } from './sources.js';
import { failingArguments } from './total-functions.js';
import type { Trace } from './trace.js';
import { COMPARES, isUntyped, joinsText, typeNamed, typeOf, type ValueType } from './value-kinds.js';

/** They compute nothing, or nothing that can fail, of what stands in them. */
const TOTAL_NODES: ReadonlySet<string> = new Set([
  'A_Indices',
  'A_Star',
  'Alias',
  'BooleanTest',
  'CaseWhen',
  'JsonArgument',
  'JsonArrayConstructor',
  'JsonFormat',
  'JsonKeyValue',
  'JsonReturning',
  'JsonValueExpr',
  'List',
  'MergeSupportFunc',
  'MinMaxExpr',
  'MultiAssignRef',
  'RangeFunction',
  'ResTarget',
  'RowExpr',
  'SortBy',
  'String',
  'Integer',
  'Float',
  'Boolean',
  'BitString',
  'WindowDef',
]);
/** Nodes by the word that the text has for them. */
const WORDS: Readonly<Record<string, string>> = {
  A_ArrayExpr: 'ARRAY',
  JsonObjectConstructor: 'JSON_OBJECT',
  JsonObjectAgg: 'JSON_OBJECTAGG',
  JsonArrayAgg: 'JSON_ARRAYAGG',
  JsonParseExpr: 'JSON()',
  JsonScalarExpr: 'JSON_SCALAR',
  JsonSerializeExpr: 'JSON_SERIALIZE',
  JsonIsPredicate: 'IS JSON',
  JsonTable: 'JSON_TABLE',
  RangeTableFunc: 'XMLTABLE',
  XmlSerialize: 'XMLSERIALIZE',
};
const OPERATIONS: Readonly<Record<string, string>> = {
  JSON_QUERY_OP: 'JSON_QUERY',
  JSON_VALUE_OP: 'JSON_VALUE',
  JSON_EXISTS_OP: 'JSON_EXISTS',
  IS_XMLPARSE: 'XMLPARSE',
  IS_XMLPI: 'XMLPI',
  IS_XMLELEMENT: 'XMLELEMENT',
};

/** Beside comparisons. */
const TOTAL_OPERATORS: ReadonlySet<string> = new Set(['->', '->>', '#>', '#>>', '@>', '<@', '&&', '?', '?|', '?&', '^@']);
const REGEX: ReadonlySet<string> = new Set(['~', '~*', '!~', '!~*']);
const BETWEEN = /^AEXPR_(NOT_)?BETWEEN/;
const LIKE: ReadonlySet<string> = new Set(['AEXPR_LIKE', 'AEXPR_ILIKE']);

/** Casts to these take any value of those. */
const WIDENS: Readonly<Partial<Record<ValueType, readonly ValueType[]>>> = {
  int2: ['int2', 'int4', 'int8', 'numeric', 'float'],
  int4: ['int4', 'int8', 'numeric', 'float', 'bool'],
  int8: ['int8', 'numeric', 'float'],
  numeric: ['numeric'],
  bool: ['bool', 'int4'],
  date: ['date', 'timestamp', 'timestamptz'],
  timestamp: ['timestamp', 'timestamptz', 'date'],
  timestamptz: ['timestamptz', 'timestamp', 'date'],
  json: ['json'],
  jsonb: ['jsonb', 'json'],
};
/** What sums cannot grow beyond. */
const SUMMED: ReadonlySet<ValueType | null> = new Set(['int2', 'int4', 'int8', 'numeric']);
const DATES: ReadonlySet<ValueType | null> = new Set(['date', 'timestamp', 'timestamptz']);
/** Without V, RN and EEEE, which calculate. */
const PLAIN_NUMBER = /^[09.,GDSLMIPFTHgdslmipfth $+-]*$/;

/** What may fail in a call, by its arguments. */
export function callFails(trace: Trace, node: Tree, args: readonly Lineage[], level: Level): void {
  const [schema, called] = qualified(strings(list(node, 'funcname')));
  const name = called ?? '?';
  const nodes = list(node, 'args');
  const by = failingIn(trace, schema, name, node, nodes, args, level);
  trace.fails(`${name}()`, by === null ? derived(...args) : derived(...by));
}

/** Null: by all of them. */
function failingIn(
  trace: Trace,
  schema: string | null,
  name: string,
  node: Tree,
  nodes: readonly unknown[],
  args: readonly Lineage[],
  level: Level,
): readonly Lineage[] | null {
  if (args.every(isNothing)) return [];
  const catalog = trace.context.catalog;
  if (functionClass(schema, name) !== 'plain' || (schema === null && (catalog?.functions(null, name) ?? []).some(isForeign))) return null;
  if (flag(node, 'func_variadic') || flag(node, 'agg_within_group') || nodes.some((each) => as(each, 'NamedArgExpr') !== null)) return null;
  const [first, second, third] = nodes;
  const type = (each: unknown): ValueType | null => typeOf(each, level, catalog);
  switch (name) {
    case 'sum':
    case 'avg':
      return SUMMED.has(type(first)) ? [] : null;
    case 'array_agg':
      return isSingle(type(first)) ? [] : null;
    case 'length':
      // Of bytes in an encoding.
      return args.length === 1 ? [] : null;
    case 'round':
    case 'trunc':
      return args.slice(1);
    case 'to_char':
      return DATES.has(type(first)) ? args.slice(1) : literal(trace, second, PLAIN_NUMBER) ? [] : null;
    case 'format':
      // Of a width that is an argument, and of NULL for a name.
      return literal(trace, first, /^[^*I]*$/) ? [] : null;
    case 'replace':
      return isSmall(third) ? [] : null;
    case 'regexp_replace':
      return isSmall(third) ? args.slice(1) : null;
    case 'json_build_object':
    case 'jsonb_build_object':
      return args.filter((_, index) => index % 2 === 0).map(presence);
    case 'json_object_agg':
    case 'jsonb_object_agg':
      return args.slice(0, 1).map(presence);
    default: {
      const fails = failingArguments(name);
      return fails === null ? null : fails.flatMap((index) => args[index] ?? []);
    }
  }
}

/** A citext is a text, and its extension's functions are the same as PostgreSQL's. */
const isForeign = ({ extension }: CatalogFunction): boolean => extension !== 'citext';

const isSingle = (type: ValueType | null): boolean => type !== null && type !== 'array';

/** A key must not be NULL, and whether a column as it is has a value is shown. */
const presence = (lineage: Lineage): Lineage => (lineage.exact && lineage.unknown === null ? NOTHING : lineage);

/** What is put in the place of each occurrence could make the result too large for some. */
const isSmall = (node: unknown): boolean => as(node, 'A_Const') !== null;

/** A constant text of this form; the text decides, so what is known of it is not true for another one. */
function literal(trace: Trace, node: unknown, form: RegExp): boolean {
  const constant = struct(as(node, 'A_Const') ?? {}, 'sval');
  if (constant === null) return false;
  trace.literalSensitive = true;
  return form.test(text(constant, 'sval') ?? '');
}

export function operatorFails(trace: Trace, node: Tree, sides: readonly Lineage[], level: Level): void {
  const all = derived(...sides);
  if (isNothing(all)) return;
  const kind = text(node, 'kind') ?? '';
  const [schema, called] = qualified(strings(list(node, 'name')));
  const name = called ?? '?';
  const both = [field(node, 'lexpr'), field(node, 'rexpr')];
  if (LIKE.has(kind)) {
    // A pattern that ends in an escape fails where the value is like what stands before it.
    if (!literal(trace, both[1], /^[^\\]*$/)) trace.fails('LIKE', all);
  } else if (kind === 'AEXPR_SIMILAR') trace.fails('SIMILAR TO', sides[1] ?? NOTHING);
  else if ((schema !== null && schema !== 'pg_catalog') || trace.foreignOperator(null, name)) trace.fails(`the operator ${name}`, all);
  else if (kind === 'AEXPR_OP' && REGEX.has(name)) trace.fails(`the operator ${name}`, sides[1] ?? NOTHING);
  else if (!COMPARES.has(name) && !BETWEEN.test(kind)) {
    const joins = name === '||' && joinsText(both, (each) => typeOf(each, level, trace.context.catalog));
    if (kind !== 'AEXPR_OP' || !(joins || TOTAL_OPERATORS.has(name))) trace.fails(`the operator ${name}`, all);
  }
}

export function castFails(trace: Trace, node: Tree, value: Lineage, level: Level): void {
  if (isNothing(value)) return;
  const type = struct(node, 'typeName') ?? {};
  const catalog = trace.context.catalog;
  const named = strings(list(type, 'names')).at(-1) ?? '?';
  const to = typeNamed(type, catalog);
  const from = typeOf(field(node, 'arg'), level, catalog);
  // An array's elements are told apart where it is none yet.
  const bounded = list(type, 'typmods').length > 0 && (to === 'numeric' || to === 'array');
  const total = to === 'text' || (to === 'array' ? from === 'array' && TEXTS.has(named) : to !== null && from !== null && WIDENS[from]?.includes(to) === true);
  if (!total || bounded) trace.fails(`a cast to ${named}`, value);
}

const TEXTS: ReadonlySet<string> = new Set(['text', 'varchar']);

/** A node of any other kind, and what all that stands in it is made of. */
export function nodeFails(trace: Trace, tag: string, node: Tree, inside: Lineage, level: Level): void {
  if (isNothing(inside) || (TOTAL_NODES.has(tag) && !converts(node))) return;
  if (tag === 'A_ArrayExpr') {
    // Arrays in an array have to be of one size.
    const elements = list(node, 'elements');
    if (elements.length < 2 || elements.every((each) => isUntyped(each) || isSingle(typeOf(each, level, trace.context.catalog)))) return;
  }
  if (tag === 'JsonObjectConstructor' && !converts(node) && !flag(node, 'unique')) {
    const keys = list(node, 'exprs').map((each) => trace.value(field(as(each, 'JsonKeyValue') ?? {}, 'key'), level));
    trace.fails('JSON_OBJECT', derived(...keys.map(presence)));
  } else if (tag !== 'XmlExpr' || text(node, 'op') !== 'IS_XMLCONCAT') trace.fails(WORDS[tag] ?? OPERATIONS[text(node, 'op') ?? ''] ?? tag, inside);
}

/** JSON that is read from a text, or written as another type. */
function converts(node: Tree): boolean {
  const format = struct(node, 'format');
  return struct(node, 'output') !== null || (format !== null && (text(format, 'format_type') ?? 'JS_FORMAT_DEFAULT') !== 'JS_FORMAT_DEFAULT');
}

/** JSON_ARRAYAGG fails by its type, JSON_OBJECTAGG by its keys, too. */
export function jsonAggregateFails(trace: Trace, tag: string, node: Tree, level: Level, inside: Lineage): void {
  const how = struct(node, 'constructor') ?? {};
  if (struct(how, 'output') !== null || flag(node, 'unique')) trace.fails(WORDS[tag] ?? tag, inside);
  else if (tag === 'JsonObjectAgg') trace.fails('JSON_OBJECTAGG', presence(trace.value(field(struct(node, 'arg') ?? {}, 'key'), level)));
}

/** `ARRAY(SELECT …)`, of arrays that have to be of one size. */
export function arrayFails(trace: Trace, type: ValueType | null, lineage: Lineage): void {
  if (!isSingle(type)) trace.fails('ARRAY', lineage);
}

/** `(a).f` and `t.f` may be written for `f(a)`; `a[b]` turns b into an integer. */
export function selectionFails(trace: Trace, node: Tree, whole: Lineage, level: Level): void {
  if (isNothing(whole)) return;
  for (const each of list(node, 'indirection')) {
    const indices = tagged(each);
    if (indices?.tag === 'String') attributeFails(trace, text(indices.node, 'sval') ?? '', whole);
    if (indices?.tag !== 'A_Indices') continue;
    for (const bound of ['lidx', 'uidx']) {
      const index = field(indices.node, bound);
      if (index === undefined) continue;
      const type = typeOf(index, level, trace.context.catalog);
      if (type !== 'int4' && type !== 'int2' && type !== 'text') trace.fails('a subscript', trace.value(index, level));
    }
  }
}

export function attributeFails(trace: Trace, name: string, whole: Lineage): void {
  if (functionClass(null, name) === 'plain' && failingArguments(name)?.length !== 0) trace.fails(`${name}()`, whole);
}
