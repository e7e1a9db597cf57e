/**
 * Expressions: functions called, operators of user schemas, columns read, subqueries. Nodes that only carry others are listed as such;
 * a node that is in no list is unknown.
 */
import { callFacts, functionClass, UNSEEN } from './function-class.js';
import { isSystemUser } from './newer-grammar.js';
import type { Scope } from './scope.js';
import { settingEffect } from './settings.js';
import { as, field, integer, list, qualified, strings, type Tree, text } from './tree.js';
import type { Handlers, Walk } from './walk.js';

/** Nodes whose meaning is that of what they hold. Those that an older server reads otherwise are in `newer-grammar.ts`. */
export const CARRIERS: readonly string[] = [
  'A_Const',
  'String',
  'Integer',
  'Float',
  'Boolean',
  'BitString',
  'List',
  'ParamRef',
  'A_Star',
  'A_Indices',
  'A_Indirection',
  'A_ArrayExpr',
  'BoolExpr',
  'CaseWhen',
  'CoalesceExpr',
  'MinMaxExpr',
  'NullTest',
  'BooleanTest',
  'RowExpr',
  'TypeCast',
  'TypeName',
  'CollateClause',
  'NamedArgExpr',
  'ResTarget',
  'MultiAssignRef',
  'WindowDef',
  'SQLValueFunction',
  'XmlExpr',
  'XmlSerialize',
  'SetToDefault',
  'CurrentOfExpr',
  'GroupingFunc',
  'GroupingSet',
  'Alias',
  'ReturningOption',
  'JsonFormat',
  'JsonReturning',
  'JsonValueExpr',
  'JsonIsPredicate',
  'JsonBehavior',
  'JsonOutput',
  'JsonArgument',
  'JsonTablePathSpec',
  'JsonTableColumn',
  'JsonKeyValue',
  'JsonArrayQueryConstructor',
  'JsonAggConstructor',
  'JsonObjectAgg',
  'RangeTableFuncCol',
  'IndexElem',
  'InferClause',
  'CTESearchClause',
  'CTECycleClause',
];

export const EXPRESSIONS: Handlers = {
  ColumnRef: (_walk, node, scope) => {
    const fields = list(node, 'fields');
    scope.column(strings(fields), as(fields.at(-1), 'A_Star') !== null);
  },
  FuncCall: functionCall,
  A_Expr: (walk, node, scope) => {
    if ((text(node, 'kind') ?? '').includes('BETWEEN')) for (const name of ['>=', '<=', '<', '>']) walk.sink.usesOperator(name);
    else operator(walk, list(node, 'name'));
    walk.fields('A_Expr', node, scope, ['name']);
  },
  SubLink: (walk, node, scope) => {
    const names = list(node, 'operName');
    if (names.length > 0) operator(walk, names);
    // `x IN (SELECT …)`
    else if (field(node, 'testexpr') !== undefined) walk.sink.usesOperator('=');
    walk.fields('SubLink', node, scope, ['operName']);
  },
  CaseExpr: (walk, node, scope) => {
    // `CASE x WHEN y`: the server looks for an operator of this name.
    if (field(node, 'arg') !== undefined) walk.sink.usesOperator('=');
    walk.fields('CaseExpr', node, scope);
  },
  SortBy: (walk, node, scope) => {
    operator(walk, list(node, 'useOp'));
    walk.fields('SortBy', node, scope, ['useOp']);
  },
};

/** An operator named with a schema that is not PostgreSQL's own runs a function that somebody installed; one without may do so. */
function operator(walk: Walk, names: readonly unknown[]): void {
  const [schema, name] = qualified(strings(names));
  if (name === null || schema === 'pg_catalog') return;
  if (schema === null) walk.sink.usesOperator(name);
  else walk.sink.add('call', 'function', [schema, name], { ...UNSEEN, operator: true });
}

function functionCall(walk: Walk, node: Tree, scope: Scope): void {
  const [schema, name] = qualified(strings(list(node, 'funcname')));
  const args = list(node, 'args');
  called(walk, schema, name ?? '');
  if (isSystemUser(node)) scope.column(['system_user'], false);
  if (name === 'set_config') setConfig(walk, args, scope);
  else if (name === 'pg_notify') walk.sink.add('notify', 'channel', [walk.literals.value(args[0])]);
  else if (name?.startsWith('dblink') === true) connectionSecrets(walk, args);
  walk.fields('FuncCall', node, scope, ['funcname']);
}

/** Adds the `call` effect of a function by its name. */
export function called(walk: Walk, schema: string | null, name: string): void {
  walk.sink.add('call', 'function', [schema, name], callFacts(functionClass(schema, name)));
}

function setConfig(walk: Walk, args: readonly unknown[], scope: Scope): void {
  const column = strings(list(as(args[0], 'ColumnRef') ?? {}, 'fields'));
  const name = walk.literals.value(column.length === 1 ? scope.fixed.get(column[0] ?? '') : args[0]);
  if (name === null) {
    walk.sink.unknown('set_config with a name that is computed');
    return;
  }
  settingEffect(walk.sink, name, walk.literals.value(args[1]), walk.literals.value(args[2]) === 'true' ? 'local' : 'session');
}

/** Connection strings of dblink may hold a password. */
function connectionSecrets(walk: Walk, args: readonly unknown[]): void {
  for (const arg of args) {
    const constant = as(arg, 'A_Const');
    if (constant !== null && field(constant, 'sval') !== undefined && /password/i.test(walk.literals.value(arg) ?? '')) {
      walk.secretAfter(integer(constant, 'location'));
    }
  }
}
