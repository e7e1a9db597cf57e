/**
 * Reading libpg-query's JSON tree. A node in a node position is `{ Tag: { fields } }`; a struct in a typed field is `{ fields }` without a
 * tag; absent fields mean the default (zero, false, empty). Field names come from the server's grammar, values from an untrusted text, so
 * only own properties are read (a field is called `constructor`) and every shape is checked.
 */
export type Tree = Readonly<Record<string, unknown>>;

export interface Tagged {
  readonly tag: string;
  readonly node: Tree;
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `{ Tag: {…} }` as tag and node; null for anything else, structs without a tag included. */
export function tagged(value: unknown): Tagged | null {
  if (!isTree(value)) return null;
  const keys = Object.keys(value);
  const tag = keys[0];
  if (keys.length !== 1 || tag === undefined || !/^[A-Z]/.test(tag)) return null;
  const node = value[tag];
  return isTree(node) ? { tag, node } : null;
}

/** The node when `value` carries exactly this tag. */
export function as(value: unknown, tag: string): Tree | null {
  const found = tagged(value);
  return found !== null && found.tag === tag ? found.node : null;
}

export function field(node: Tree, name: string): unknown {
  return Object.hasOwn(node, name) ? node[name] : undefined;
}

/** A struct field without a tag, e.g. the `relation` of a statement. */
export function struct(node: Tree, name: string): Tree | null {
  const value = field(node, name);
  return isTree(value) ? value : null;
}

export function list(node: Tree, name: string): readonly unknown[] {
  const value = field(node, name);
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

export function text(node: Tree, name: string): string | null {
  const value = field(node, name);
  return typeof value === 'string' ? value : null;
}

export function flag(node: Tree, name: string): boolean {
  return field(node, name) === true;
}

/** Zero when absent, as in the tree. */
export function integer(node: Tree, name: string): number {
  const value = field(node, name);
  return typeof value === 'number' ? value : 0;
}

/** The value of a `String` node. These are identifiers, keywords and options, never lifted literals. */
export function stringNode(value: unknown): string | null {
  const node = as(value, 'String');
  return node === null ? null : (text(node, 'sval') ?? '');
}

/** All `String` nodes of a list (or of a `List` node), in order; others are left out. */
export function strings(value: unknown): string[] {
  const wrapped = as(value, 'List');
  const items = wrapped === null ? (Array.isArray(value) ? (value as readonly unknown[]) : [value]) : list(wrapped, 'items');
  const found: string[] = [];
  for (const item of items) {
    const name = stringNode(item);
    if (name !== null) found.push(name);
  }
  return found;
}

/** `[schema | null, name]` of a dotted name; a database name in front is dropped (the server accepts only its own). */
export function qualified(names: readonly string[]): [string | null, string | null] {
  return [names.at(-2) ?? null, names.at(-1) ?? null];
}

/** `[schema | null, name]` of a `RangeVar` struct. */
export function relationName(range: Tree): [string | null, string] {
  return [text(range, 'schemaname'), text(range, 'relname') ?? ''];
}
