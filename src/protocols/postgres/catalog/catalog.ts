/**
 * What the server's catalog says at one moment: relations, functions, operators and types, to be asked by name. Immutable and shared by the
 * sessions of one target. What a name means in a session depends on its path, so a question without a schema is answered with everything of
 * that name in any schema: who judges by all of it cannot be led past by a path. Read by `load-catalog.ts`; all of it is the target's word.
 */
import type { InheritedTag, SeenTags } from '../../../contract/inherited-tags.js';

export interface CatalogColumn {
  readonly name: string;
  readonly number: number;
  readonly type: number;
  /** Computed from other columns; COPY of the table leaves it out. */
  readonly generated?: true;
  /** Of a generated column, how it is computed, its names as in `definition`; absent where it could not be read. */
  readonly expression?: string;
  /** The catalog itself holds the value that rows from before the column have. */
  readonly missing?: true;
  /** What is written into it may be refused, sorted or watched by its value: by a length, a constraint, a unique index, a partition, a trigger, a rule, a policy. */
  readonly choosing?: true;
  /** Its collation takes different values for equal. */
  readonly loose?: true;
  /** Columns whose tags it has, whatever it is called: see `contract/inherited-tags.ts`. */
  readonly inherited?: { readonly from: readonly (readonly string[])[]; readonly exact: boolean };
}

export type RelationKind = 'r' | 'p' | 'v' | 'm' | 'f' | 'c' | 'S';

export interface CatalogRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** As in `pg_class.relkind`: table, partitioned table, view, materialized view, foreign table, composite type, sequence. */
  readonly kind: RelationKind;
  readonly columns: readonly CatalogColumn[];
  /**
   * Of a view or materialized view: its query, read under an empty search_path, so that every name but those of pg_catalog is qualified. Null also
   * where it could not be read: somebody holds a lock.
   */
  readonly definition: string | null;
  /** OIDs of the relations that it is a partition of or inherits from. */
  readonly parents: readonly number[];
  /** Of a partitioned table: numbers of the columns by whose values rows find their partition; 0: an expression. */
  readonly key?: readonly number[];
}

/** It shows what its query gives, or gave; where the query could not be read, nothing is known of it. */
export const isView = ({ kind }: CatalogRelation): boolean => kind === 'v' || kind === 'm';

const kin = new WeakMap<CatalogRelation, readonly CatalogRelation[]>();
const ALONE: readonly CatalogRelation[] = Object.freeze([]);

/** Relations above and below it: a row of a partition or heir is a row of all that is above it. */
export function kinOf(relation: CatalogRelation): readonly CatalogRelation[] {
  return kin.get(relation) ?? ALONE;
}

function findKin(relations: readonly CatalogRelation[], byOid: ReadonlyMap<number, CatalogRelation>): void {
  for (const relation of relations) kin.delete(relation);
  for (const relation of relations) {
    // The target may lie: a circle ends where everything is found.
    const above = new Set<CatalogRelation>();
    const open = [...relation.parents];
    for (let oid = open.pop(); oid !== undefined; oid = open.pop()) {
      const parent = byOid.get(oid);
      if (parent === undefined || parent === relation || above.has(parent)) continue;
      above.add(parent);
      open.push(...parent.parents);
    }
    for (const parent of above) {
      kin.set(relation, [...kinOf(relation), parent]);
      kin.set(parent, [...kinOf(parent), relation]);
    }
  }
}

export type Volatility = 'immutable' | 'stable' | 'volatile';

export interface CatalogFunction {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** As in `pg_proc.prokind`: function, procedure, aggregate, window function. */
  readonly kind: 'f' | 'p' | 'a' | 'w';
  /** Of an aggregate: the worst of its functions; so with the two that follow. */
  readonly volatility: Volatility;
  readonly securityDefiner: boolean;
  readonly owner: string;
  readonly ownerSuperuser: boolean;
  readonly language: string;
  readonly extension: string | null;
  /** The extension belongs to a superuser; who owns one may put functions into it. */
  readonly extensionOfSuperuser: boolean;
  readonly returnType: number;
  readonly returnsSet: boolean;
}

export interface CatalogType {
  readonly oid: number;
  readonly name: string;
  readonly schema: string;
  /** As in `pg_type.typtype`. */
  readonly kind: string;
  /** Of a domain: the type under it; else 0. */
  readonly base: number;
  readonly element: number;
  /** Of a composite type: its relation; else 0. */
  readonly relation: number;
  readonly category: string;
}

export interface Catalog {
  readonly version: string;
  /** `current_schemas(true)` of a fresh session of this login. */
  readonly searchPath: readonly string[];
  relations(schema: string | null, name: string): readonly CatalogRelation[];
  relation(oid: number): CatalogRelation | null;
  relationsOf(schema: string): readonly CatalogRelation[];
  /** Those of whose values the server's catalog holds some itself: partitioned tables, in the bounds of partitions, and tables with `missing` columns. */
  readonly keptInCatalog: readonly CatalogRelation[];
  /** Functions that are not PostgreSQL's own by their name (`facts/builtin-functions.ts`). */
  functions(schema: string | null, name: string): readonly CatalogFunction[];
  /** Operators that are not PostgreSQL's own, under the operator's schema and name, with what is known of the function behind each. */
  operators(schema: string | null, name: string): readonly CatalogFunction[];
  /** Functions of users that a conversion to or from a type of this name may run: of casts, and of the constraints of a domain. */
  conversions(schema: string | null, name: string): readonly CatalogFunction[];
  type(oid: number): CatalogType | null;
  /** A domain of this name is in some schema. */
  isDomain(name: string): boolean;
}

export interface CatalogContents {
  readonly version: string;
  readonly searchPath: readonly string[];
  readonly relations: readonly CatalogRelation[];
  readonly functions: readonly CatalogFunction[];
  readonly operators: readonly CatalogFunction[];
  readonly types: readonly CatalogType[];
  /** OID of a type, OID of a function that converting runs. */
  readonly conversions: readonly (readonly [number, number])[];
}

interface Named {
  readonly schema: string;
  readonly name: string;
}

class Names<T extends Named> {
  readonly #byName = new Map<string, T[]>();

  constructor(all: readonly T[]) {
    for (const each of all) {
      const known = this.#byName.get(each.name);
      if (known === undefined) this.#byName.set(each.name, [each]);
      else known.push(each);
    }
  }

  find(schema: string | null, name: string): readonly T[] {
    const all = this.#byName.get(name) ?? NONE;
    return schema === null ? all : all.filter((each) => each.schema === schema);
  }
}

const NONE: readonly never[] = Object.freeze([]);
/** Domains over domains; the server allows any number, a malicious one a circle. */
const DOMAIN_DEPTH = 32;

class CatalogSnapshot implements Catalog {
  readonly contents: CatalogContents;
  readonly version: string;
  readonly searchPath: readonly string[];
  readonly keptInCatalog: readonly CatalogRelation[];
  readonly #relations: Names<CatalogRelation>;
  readonly #relationByOid: ReadonlyMap<number, CatalogRelation>;
  readonly #functions: Names<CatalogFunction>;
  readonly #functionByOid: ReadonlyMap<number, CatalogFunction>;
  readonly #operators: Names<CatalogFunction>;
  readonly #types: ReadonlyMap<number, CatalogType>;
  readonly #typeNames: Names<CatalogType>;
  readonly #conversions = new Map<number, number[]>();

  constructor(contents: CatalogContents) {
    this.contents = contents;
    this.version = contents.version;
    this.searchPath = contents.searchPath;
    this.keptInCatalog = contents.relations.filter(({ key, columns }) => key !== undefined || columns.some(({ missing }) => missing === true));
    this.#relations = new Names(contents.relations);
    this.#relationByOid = new Map(contents.relations.map((each) => [each.oid, each]));
    findKin(contents.relations, this.#relationByOid);
    this.#functions = new Names(contents.functions);
    this.#functionByOid = new Map(contents.functions.map((each) => [each.oid, each]));
    this.#operators = new Names(contents.operators);
    this.#types = new Map(contents.types.map((each) => [each.oid, each]));
    for (const [type, code] of contents.conversions) {
      const known = this.#conversions.get(type);
      if (known === undefined) this.#conversions.set(type, [code]);
      else known.push(code);
    }
    const converting = contents.types.filter((each) => each.kind === 'd' || this.#conversions.has(each.oid));
    this.#typeNames = new Names(converting);
  }

  relations(schema: string | null, name: string): readonly CatalogRelation[] {
    return this.#relations.find(schema, name);
  }

  relation(oid: number): CatalogRelation | null {
    return this.#relationByOid.get(oid) ?? null;
  }

  relationsOf(schema: string): readonly CatalogRelation[] {
    return [...this.#relationByOid.values()].filter((each) => each.schema === schema);
  }

  functions(schema: string | null, name: string): readonly CatalogFunction[] {
    return this.#functions.find(schema, name);
  }

  operators(schema: string | null, name: string): readonly CatalogFunction[] {
    return this.#operators.find(schema, name);
  }

  conversions(schema: string | null, name: string): readonly CatalogFunction[] {
    const types = this.#typeNames.find(schema, name);
    return types.length === 0 ? NONE : types.flatMap((type) => this.#conversionsOf(type, 0));
  }

  #conversionsOf(type: CatalogType, depth: number): readonly CatalogFunction[] {
    const own = (this.#conversions.get(type.oid) ?? NONE).flatMap((oid) => this.#functionByOid.get(oid) ?? NONE);
    const base = type.base === 0 || depth >= DOMAIN_DEPTH ? undefined : this.#types.get(type.base);
    return base === undefined ? own : [...own, ...this.#conversionsOf(base, depth + 1)];
  }

  type(oid: number): CatalogType | null {
    return this.#types.get(oid) ?? null;
  }

  isDomain(name: string): boolean {
    return this.#typeNames.find(null, name).some(({ kind }) => kind === 'd');
  }
}

export function createCatalog(contents: CatalogContents): Catalog {
  return new CatalogSnapshot(contents);
}

/** The same catalog with tags at its columns. A relation that was about to be made is known by its name. */
export function taggedCatalog(catalog: object, tags: readonly InheritedTag[]): SeenTags & { readonly snapshot: object } {
  if (!(catalog instanceof CatalogSnapshot) || tags.length === 0) return { snapshot: catalog, seen: [], gone: [] };
  const seen: SeenTags['seen'][number][] = [];
  const gone: string[] = [];
  const byRelation = new Map<CatalogRelation, InheritedTag[]>();
  for (const tag of tags) {
    const [schema = '', name = ''] = tag.relation;
    const found = tag.object === null ? catalog.relations(schema, name)[0] : (catalog.relation(Number(tag.object)) ?? undefined);
    if (found === undefined || (tag.object !== null && tag.column !== 0 && !found.columns.some(({ number }) => number === tag.column))) {
      gone.push(tag.id);
      continue;
    }
    const called = found.columns.find(({ number }) => number === tag.column)?.name ?? null;
    const bound = tag.object !== null || tags.some((each) => each.object === String(found.oid) && sameTag(each, tag));
    const moved = found.schema !== schema || found.name !== name || (tag.object !== null && called !== tag.name);
    if (!bound || moved) seen.push({ id: tag.id, object: String(found.oid), relation: [found.schema, found.name], name: called });
    byRelation.set(found, [...(byRelation.get(found) ?? []), tag]);
  }
  const relations = catalog.contents.relations.map((relation) => {
    const own = byRelation.get(relation);
    return own === undefined ? relation : { ...relation, columns: relation.columns.map((column) => taggedColumn(column, own)) };
  });
  return { snapshot: createCatalog({ ...catalog.contents, relations }), seen, gone };
}

const sameTag = (one: InheritedTag, other: InheritedTag): boolean =>
  one.column === other.column && one.exact === other.exact && JSON.stringify(one.from) === JSON.stringify(other.from);

function taggedColumn(column: CatalogColumn, tags: readonly InheritedTag[]): CatalogColumn {
  const own = tags.filter((tag) => tag.column === 0 || tag.column === column.number);
  return own.length === 0 ? column : { ...column, inherited: { from: own.flatMap(({ from }) => from), exact: own.every(({ exact }) => exact) } };
}
