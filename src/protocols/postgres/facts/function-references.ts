/**
 * Functions that a definition names: of an operator, aggregate, type, cast, trigger and their kin. The server calls them later, under a name
 * that says nothing (`!!! '/etc/passwd'`), so the definition is where they are seen: each is a `call` like any other. The handlers of those
 * definitions are wrapped here; whatever else they say stays with them. Names are untrusted.
 */
import { called } from './expressions.js';
import { callFacts } from './function-class.js';
import { dangerousClass, type FunctionClass } from './functions.js';
import { as, field, integer, list, qualified, stringNode, strings, struct, type Tree, tagged, text } from './tree.js';
import type { Handler, Handlers, Walk } from './walk.js';

const words = (names: string): ReadonlySet<string> => new Set(names.split(' '));

/** Options that name a function, by the kind of what is defined. */
const OPERATOR = words('function procedure restrict join');
const TYPE = words('input output receive send typmod_in typmod_out analyze subscript');
const RANGE = words('canonical subtype_diff');
const DEFINED: Readonly<Record<string, ReadonlySet<string>>> = {
  OBJECT_OPERATOR: OPERATOR,
  OBJECT_AGGREGATE: words('sfunc sfunc1 finalfunc combinefunc serialfunc deserialfunc msfunc minvfunc mfinalfunc'),
  OBJECT_TYPE: TYPE,
  OBJECT_TSPARSER: words('start gettoken end headline lextypes'),
  OBJECT_TSTEMPLATE: words('init lexize'),
};
const WRAPPER = words('handler validator');
const SUPPORT = words('support');
const NONE = words('');

/** PostgreSQL's own that only a definition can name, since no query can call them: trigger functions and selectivity estimators. */
const OWN = words(
  'suppress_redundant_updates_trigger tsvector_update_trigger tsvector_update_trigger_column eqsel neqsel scalarltsel scalarlesel scalargtsel ' +
    'scalargesel areasel positionsel contsel matchingsel eqjoinsel neqjoinsel scalarltjoinsel scalarlejoinsel scalargtjoinsel scalargejoinsel ' +
    'areajoinsel positionjoinsel contjoinsel matchingjoinsel',
);

/** Names of functions, each outermost first. */
type Names = readonly (readonly string[])[];

/** The value of an option: `f`, `s.f` (read as a type), `'f'`, or a list. */
function optionNames(value: unknown): readonly string[] {
  const type = as(value, 'TypeName');
  return type === null ? strings(value) : strings(list(type, 'names'));
}

function fromOptions(options: readonly unknown[], wanted: ReadonlySet<string>): Names {
  return options.flatMap((option) => {
    const element = tagged(option)?.node ?? {};
    return wanted.has((text(element, 'defname') ?? '').toLowerCase()) ? [optionNames(field(element, 'arg'))] : [];
  });
}

/** `f(int)` in a field without a tag. */
function fromSignature(node: Tree, name: string): readonly string[] {
  return strings(list(struct(node, name) ?? {}, 'objname'));
}

const REFERENCES: Readonly<Record<string, (node: Tree) => Names>> = {
  DefineStmt: (node) => fromOptions(list(node, 'definition'), DEFINED[text(node, 'kind') ?? ''] ?? NONE),
  AlterOperatorStmt: (node) => fromOptions(list(node, 'options'), OPERATOR),
  AlterTypeStmt: (node) => fromOptions(list(node, 'options'), TYPE),
  CreateRangeStmt: (node) => fromOptions(list(node, 'params'), RANGE),
  CreateCastStmt: (node) => [fromSignature(node, 'func')],
  CreateTrigStmt: (node) => [strings(list(node, 'funcname'))],
  CreateEventTrigStmt: (node) => [strings(list(node, 'funcname'))],
  CreateOpClassStmt: (node) => operatorClassFunctions(node),
  AlterOpFamilyStmt: (node) => operatorClassFunctions(node),
  CreateConversionStmt: (node) => [strings(list(node, 'func_name'))],
  CreatePLangStmt: (node) => ['plhandler', 'plinline', 'plvalidator'].map((name) => strings(list(node, name))),
  CreateTransformStmt: (node) => ['fromsql', 'tosql'].map((name) => fromSignature(node, name)),
  CreateAmStmt: (node) => [strings(list(node, 'handler_name'))],
  CreateFdwStmt: (node) => fromOptions(list(node, 'func_options'), WRAPPER),
  AlterFdwStmt: (node) => fromOptions(list(node, 'func_options'), WRAPPER),
  CreateFunctionStmt: (node) => fromOptions(list(node, 'options'), SUPPORT),
  AlterFunctionStmt: (node) => fromOptions(list(node, 'actions'), SUPPORT),
};

function refersTo(walk: Walk, names: readonly string[]): void {
  const [schema, name] = qualified(names);
  if (name === null) return;
  if ((schema === null || schema === 'pg_catalog') && OWN.has(name)) walk.sink.add('call', 'function', [schema, name], { class: 'plain' });
  else called(walk, schema, name);
}

/** The grammar's number for FUNCTION among the items of an operator class. */
const FUNCTION_ITEM = 2;

function operatorClassFunctions(node: Tree): Names {
  return list(node, 'items').flatMap((item) => {
    const entry = as(item, 'CreateOpClassItem') ?? {};
    return integer(entry, 'itemtype') === FUNCTION_ITEM ? [fromSignature(entry, 'name')] : [];
  });
}

/** LANGUAGE internal and c: the body is the name of what runs, and C code is in a library that is loaded now. */
function compiled(walk: Walk, node: Tree): void {
  const option = (name: string): unknown =>
    field(
      list(node, 'options')
        .map((each) => tagged(each)?.node ?? {})
        .find((each) => text(each, 'defname') === name) ?? {},
      'arg',
    );
  const language = stringNode(option('language'))?.toLowerCase();
  if (language !== 'internal' && language !== 'c') return;
  const [first = '', second = ''] = strings(option('as'));
  const symbol = (language === 'c' ? second : first) || (strings(list(node, 'funcname')).at(-1) ?? '');
  if (language === 'c') walk.sink.add('load', 'file', [first]);
  walk.sink.add('call', 'function', [null, symbol], callFacts(symbolClass(symbol)));
}

/** `pg_read_file_all` is what `pg_read_file` is called inside: the class of the longest name of which it is a variant. */
function symbolClass(symbol: string): FunctionClass {
  for (let name = symbol; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('_')))) {
    const known = dangerousClass(name);
    if (known !== null) return known;
  }
  return 'user';
}

/** `handlers` with the calls of what their statements refer to. */
export function withReferences(handlers: Handlers): Handlers {
  return Object.fromEntries(
    Object.entries(handlers).map(([tag, handler]): [string, Handler] => {
      const references = REFERENCES[tag];
      if (references === undefined) return [tag, handler];
      return [
        tag,
        (walk, node, scope) => {
          handler(walk, node, scope);
          for (const names of references(node)) refersTo(walk, names);
          if (tag === 'CreateFunctionStmt') compiled(walk, node);
        },
      ];
    }),
  );
}
