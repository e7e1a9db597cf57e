/** Kinds of database objects: the word for each (fact `object`) and which type of resource names it. */
import { as, field, list, qualified, relationName, stringNode, strings, struct, type Tree, tagged, text } from './tree.js';

const RELATIONS: ReadonlySet<string> = new Set(['table', 'view', 'matview', 'sequence', 'foreign_table', 'index']);
/** Named by their relation's name and then their own. */
const PARTS: ReadonlySet<string> = new Set(['column', 'rule', 'trigger', 'policy', 'tabconstraint', 'attribute']);
const FUNCTIONS: ReadonlySet<string> = new Set(['function', 'procedure', 'aggregate', 'routine']);
const TYPES: ReadonlySet<string> = new Set(['type', 'domain', 'domconstraint']);
const SINGLE: ReadonlySet<string> = new Set(['schema', 'database', 'role', 'extension']);

export interface ObjectName {
  readonly type: string;
  readonly name: readonly (string | null)[];
  /** Name of the part, for what is part of a relation. */
  readonly part: string | null;
}

/** `OBJECT_FOREIGN_TABLE` as `foreign_table`. */
export function objectKind(objectType: string | null): string {
  return (objectType ?? 'OBJECT_UNKNOWN').replace(/^(OBJECT|REINDEX_OBJECT)_/, '').toLowerCase();
}

/** The resource that `names` (outermost first) mean for an object of this kind. */
export function objectName(kind: string, names: readonly string[]): ObjectName {
  if (RELATIONS.has(kind)) return { type: 'relation', name: qualified(names), part: null };
  if (PARTS.has(kind)) return { type: 'relation', name: qualified(names.slice(0, -1)), part: names.at(-1) ?? null };
  if (FUNCTIONS.has(kind)) return { type: 'function', name: qualified(names), part: null };
  if (TYPES.has(kind)) return { type: 'type', name: qualified(names), part: null };
  if (SINGLE.has(kind)) return { type: kind, name: [names.at(-1) ?? null], part: null };
  return { type: 'object', name: qualified(names), part: null };
}

/** The parts of the name that an `object` node of DROP, COMMENT, ALTER … gives, outermost first. */
export function namesOf(node: unknown): readonly string[] {
  const found = tagged(node);
  if (found === null) return [];
  switch (found.tag) {
    case 'String':
      return [stringNode(node) ?? ''];
    case 'RangeVar':
      return relationName(found.node).filter((part) => part !== null);
    case 'TypeName':
      return strings(list(found.node, 'names'));
    case 'ObjectWithArgs':
      return strings(list(found.node, 'objname'));
    case 'List':
      return list(found.node, 'items').flatMap((item) => (as(item, 'List') === null ? namesOf(item) : []));
    default:
      return [];
  }
}

/** The names of a statement that has its object in `relation` or in `object`. */
export function subject(node: Tree, kind: string): ObjectName {
  const range = struct(node, 'relation');
  // RENAME: what is renamed within the relation, or what has no schema (a schema, role, database, tablespace).
  const own = text(node, 'subname');
  if (range === null) return objectName(kind, own !== null && field(node, 'object') === undefined ? [own] : namesOf(field(node, 'object')));
  const [schema, name] = relationName(range);
  return { type: 'relation', name: [schema, name], part: own };
}
