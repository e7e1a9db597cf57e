/**
 * Where the grammar is newer than the server. Facts do not know the server's version, and the parser is PostgreSQL 18's: words that became
 * keywords since 13 are nodes of their own here, and names of ordinary functions to an older server, where anybody may have made one. Stops
 * the attack of hiding a call of such a function (redteam B6). Invariant: a node that a server from 13 on can read as an ordinary call is
 * that call, of class `user`, besides what it holds.
 *
 * All that 13 to 18 read differently in the same text, as far as it bears on facts:
 * - Keywords since 13 that a call may begin with: JSON_ARRAY, JSON_ARRAYAGG, JSON_OBJECT, JSON_OBJECTAGG (16); JSON, JSON_EXISTS, JSON_QUERY,
 *   JSON_SCALAR, JSON_SERIALIZE, JSON_TABLE, JSON_VALUE, MERGE_ACTION (17). Handled below. Other new keywords (ATOMIC, RETURN, FORMAT, PATH,
 *   PERIOD …) are unreserved: a call by such a name is a FuncCall in every version.
 * - SYSTEM_USER (16) was a column. It is charged as one (`expressions.ts`), and in a condition it is a value of the row (`where-terms.ts`).
 * - JSON_OBJECT(a, b), OVERLAY, SUBSTRING (14): the same call, with or without `pg_catalog` in front; `plain` by name like any other that
 *   PostgreSQL brings. EXTRACT (14) was date_part.
 * - OLD and NEW in RETURNING (18) were aliases, if anything: both readings are charged (`modification.ts`).
 * - 0x1f and 1_000 (16) are a number and an alias to 13 and 14. Only a target list can hold both readings, where neither has an effect.
 * - Postfix operators and what else 18 no longer accepts does not parse, which is refused; so is what was split at another place.
 * Not ambiguous, since no older grammar accepts them at all: JSON_TABLE (its COLUMNS), JSON_OBJECTAGG and JSON_OBJECT with keys (`:`, VALUE),
 * JSON_ARRAY of a query, IS JSON, XMLSERIALIZE … INDENT, AT LOCAL, MERGE, SEARCH, CYCLE, GROUP BY DISTINCT, BEGIN ATOMIC, RETURN.
 * Older than 13, so the same everywhere: the other XML forms, COALESCE, GREATEST, LEAST, NULLIF, GROUPING, NORMALIZE, TREAT, XMLTABLE.
 */
import { UNSEEN } from './function-class.js';
import type { Scope } from './scope.js';
import { list, strings, type Tree, text } from './tree.js';
import type { Handler, Handlers, Walk } from './walk.js';

/** Whether a FuncCall is the word SYSTEM_USER, a column before 16. */
export function isSystemUser(call: Tree): boolean {
  return text(call, 'funcformat') === 'COERCE_SQL_SYNTAX' && strings(list(call, 'funcname')).at(-1) === 'system_user';
}

/** What these nodes are called when they are calls. Where the catalog has no function of such a name there is no call. */
export const KEYWORD_CALLS: ReadonlySet<string> = new Set(
  'json_array json_arrayagg json_object json_objectagg json json_exists json_query json_scalar json_serialize json_table json_value merge_action'.split(' '),
);

/** A node that is a call of the function `name` gives to an older server; null: of none. */
function alsoCall(tag: string, name: (node: Tree) => string | null): Handler {
  return (walk: Walk, node: Tree, scope: Scope) => {
    const read = name(node);
    if (read !== null) walk.sink.add('call', 'function', [null, read], UNSEEN);
    walk.fields(tag, node, scope);
  };
}

const NAMES: Readonly<Record<string, (node: Tree) => string | null>> = {
  JsonParseExpr: () => 'json',
  JsonScalarExpr: () => 'json_scalar',
  JsonSerializeExpr: () => 'json_serialize',
  // JSON_EXISTS_OP, JSON_QUERY_OP, JSON_VALUE_OP
  JsonFuncExpr: (node) => (text(node, 'op') ?? 'JSON_VALUE_OP').replace(/_OP$/, '').toLowerCase(),
  // With keys it is beyond an older grammar; without, PostgreSQL brought no such function before 16.
  JsonObjectConstructor: (node) => (list(node, 'exprs').length === 0 ? 'json_object' : null),
  JsonArrayConstructor: () => 'json_array',
  JsonArrayAgg: () => 'json_arrayagg',
  MergeSupportFunc: () => 'merge_action',
};

export const NEWER_GRAMMAR: Handlers = Object.fromEntries(Object.entries(NAMES).map(([tag, name]) => [tag, alsoCall(tag, name)]));
