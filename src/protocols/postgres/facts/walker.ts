/**
 * Joins the parts of the walker and goes over the whole tree. Invariant: a node is handled by its tag, or its tag is listed as one that only
 * carries others and everything below it is walked, or it makes an `unknown` effect. The same holds for structs without a tag, which are
 * known by the name of their field. Depth is limited: the text is untrusted.
 */
import { COPY_STATEMENTS } from './copy.js';
import type { EffectSink } from './effect-sink.js';
import { CARRIERS, EXPRESSIONS } from './expressions.js';
import { withReferences } from './function-references.js';
import { Literals } from './literals.js';
import { MODIFICATIONS } from './modification.js';
import { NEWER_GRAMMAR } from './newer-grammar.js';
import { parse } from './parser.js';
import { QUERIES } from './query.js';
import { Scope } from './scope.js';
import { field, isTree, list, qualified, strings, type Tree, tagged } from './tree.js';
import { ACCESS_STATEMENTS } from './utility-access.js';
import { OBJECT_CARRIERS, OBJECT_STATEMENTS } from './utility-objects.js';
import { SESSION_STATEMENTS } from './utility-session.js';
import type { Handler, Walk } from './walk.js';

const DEPTH_LIMIT = 1500;
/** A body within a body counts as so much depth, and beyond that limit it is not looked into: each one is parsed anew. */
const BODY_DEPTH = 100;
const BODIES_LIMIT = 4 * BODY_DEPTH;

const HANDLERS: ReadonlyMap<string, Handler> = new Map(
  Object.entries({
    ...EXPRESSIONS,
    ...NEWER_GRAMMAR,
    ...QUERIES,
    ...MODIFICATIONS,
    ...COPY_STATEMENTS,
    ...withReferences({ ...OBJECT_STATEMENTS, ...ACCESS_STATEMENTS }),
    ...SESSION_STATEMENTS,
  }),
);
const PASSIVE: ReadonlySet<string> = new Set([...CARRIERS, ...OBJECT_CARRIERS]);

/** Struct fields without a tag that need their handler; all others named below only carry. */
const STRUCT_TAGS: ReadonlyMap<string, string> = new Map([
  ['funccall', 'FuncCall'],
  ['setstmt', 'VariableSetStmt'],
  ['base', 'CreateStmt'],
]);
const STRUCTS: ReadonlySet<string> = new Set([
  'alias',
  'join_using_alias',
  'typeName',
  'argType',
  'returnType',
  'ofTypename',
  'sourcetype',
  'targettype',
  'datatype',
  'storedtype',
  'type_name',
  'over',
  'collClause',
  'infer',
  'search_clause',
  'cycle_clause',
  'context_item',
  'expr',
  'val',
  'value',
  'arg',
  'output',
  'returning',
  'on_empty',
  'on_error',
  'pathspec',
  'format',
  'constructor',
  'partspec',
  'partbound',
  'bound',
  'role',
  'user',
  'newowner',
  'grantor',
  'newrole',
  'owner',
  'authrole',
  'func',
  'opername',
  'name',
  'pubtable',
  'extname',
  'relation',
  'view',
  'sequence',
  'pktable',
  'table',
  'constrrel',
  'identitySequence',
  'typevar',
  'rel',
  'fromsql',
  'tosql',
]);

class TreeWalk implements Walk {
  readonly sink: EffectSink;
  readonly literals: Literals;
  readonly statementStart: number;
  readonly #secrets: number[];
  #depth: number;

  constructor(sink: EffectSink, literals: Literals, statementStart: number, secrets: number[], depth: number) {
    this.sink = sink;
    this.literals = literals;
    this.statementStart = statementStart;
    this.#secrets = secrets;
    this.#depth = depth;
  }

  into(sink: EffectSink): Walk {
    return new TreeWalk(sink, this.literals, this.statementStart, this.#secrets, this.#depth);
  }

  body(text: string, offset: number): boolean {
    if (this.#depth >= BODIES_LIMIT || text.includes('\0')) return false;
    const parsed = text.trim() === '' ? ({ kind: 'tree', statements: [] } as const) : parse(text);
    if (parsed.kind !== 'tree') return false;
    // Offsets of secrets are of the inner text; in the whole text the constant goes.
    const secrets: number[] = [];
    const inner = new TreeWalk(this.sink, new Literals(Buffer.from(text, 'utf8')), 0, secrets, this.#depth + BODY_DEPTH);
    for (const entry of parsed.statements) inner.visit(field(isTree(entry) ? entry : {}, 'stmt'), new Scope(null));
    if (secrets.length > 0) this.secretAfter(offset);
    return true;
  }

  secretAfter(offset: number): void {
    this.#secrets.push(offset);
  }

  visit(value: unknown, scope: Scope): void {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) this.visit(item, scope);
      return;
    }
    const found = tagged(value);
    if (found !== null) {
      this.#node(found.tag, found.node, scope);
      return;
    }
    // An absent node, as DISTINCT without ON has it.
    if (Object.keys(value).length > 0) this.sink.unknown('a part of the statement of an unknown form');
  }

  fields(tag: string, node: Tree, scope: Scope, except: readonly string[] = []): void {
    for (const name of Object.keys(node)) {
      const value = node[name];
      if (typeof value !== 'object' || value === null || except.includes(name)) continue;
      if (Array.isArray(value) || tagged(value) !== null) this.visit(value, scope);
      else if (isTree(value)) this.#struct(tag, name, value, scope);
    }
  }

  #node(tag: string, node: Tree, scope: Scope): void {
    if (tag === 'A_Const') return;
    if (this.#depth >= DEPTH_LIMIT) {
      this.sink.unknown('a statement that nests too deep');
      return;
    }
    this.#depth++;
    const handler = HANDLERS.get(tag);
    if (handler !== undefined) handler(this, node, scope);
    else if (PASSIVE.has(tag)) this.fields(tag, node, scope);
    else this.sink.unknown(`a statement part that is not known to the gateway (${tag})`);
    this.#depth--;
  }

  #struct(tag: string, name: string, value: Tree, scope: Scope): void {
    if (name === 'typeName') {
      const [schema, type] = qualified(strings(list(value, 'names')));
      if (type !== null) this.sink.usesType(schema, type);
    }
    const handled = STRUCT_TAGS.get(name);
    if (handled !== undefined) this.#node(handled, value, scope);
    else if (STRUCTS.has(name)) this.fields(name, value, scope);
    else this.sink.unknown(`a statement part that is not known to the gateway (${tag}.${name})`);
  }
}

/** Walks one statement (`stmt` of a RawStmt) into `sink`; offsets of secret literals are appended to `secrets`. */
export function walkStatement(statement: unknown, sink: EffectSink, literals: Literals, start: number, secrets: number[]): void {
  if (tagged(statement) === null) sink.unknown('a statement of an unknown form');
  else new TreeWalk(sink, literals, start, secrets, 0).visit(statement, new Scope(null));
}
