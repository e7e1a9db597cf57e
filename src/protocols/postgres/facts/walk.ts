/**
 * What the parts of the walker know of each other. The parts (queries, expressions, utility statements) are files of handlers by node tag;
 * `walker.ts` joins them. Every node is either handled, known to be harmless, or makes an `unknown` effect: nothing is passed over.
 */
import type { EffectSink } from './effect-sink.js';
import type { Literals } from './literals.js';
import type { Scope } from './scope.js';
import type { Tree } from './tree.js';

export interface Walk {
  readonly sink: EffectSink;
  readonly literals: Literals;
  /** Any value of the tree: a node, a list of nodes, a struct or a scalar, with everything below it. */
  visit(value: unknown, scope: Scope): void;
  /** All fields of a node or struct except those named. */
  fields(tag: string, node: Tree, scope: Scope, except?: readonly string[]): void;
  /** The same walk into another sink. */
  into(sink: EffectSink): Walk;
  /** Walks SQL that the statement holds as a string constant, at `offset`. False when it is not SQL that can be understood. */
  body(text: string, offset: number): boolean;
  /** Byte offset, in the whole text, of a literal to keep out of every record: the first string constant at or after it. */
  secretAfter(offset: number): void;
  /** The statement being walked begins at this byte. */
  readonly statementStart: number;
}

export type Handler = (walk: Walk, node: Tree, scope: Scope) => void;
export type Handlers = Readonly<Record<string, Handler>>;
