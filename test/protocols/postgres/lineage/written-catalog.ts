/** A catalog written down: `schema.name: columns`, views with their definition. */
import type { Catalog, CatalogRelation } from '../../../../src/protocols/postgres/catalog/catalog.js';

interface Written {
  readonly tables?: Readonly<Record<string, string>>;
  readonly views?: Readonly<Record<string, readonly [columns: string, definition: string]>>;
  readonly functions?: readonly string[];
  readonly operators?: readonly string[];
  readonly searchPath?: readonly string[];
}

type Find<T> = (schema: string | null, name: string) => readonly T[];

export function writtenCatalog({ tables = {}, views = {}, functions = [], operators = [], searchPath = ['pg_catalog', 'public'] }: Written): Catalog {
  const relations: CatalogRelation[] = [];
  const add = (whole: string, columns: string, definition: string | null): void => {
    const [schema = '', name = ''] = whole.split('.');
    relations.push({
      oid: 16384 + relations.length,
      schema,
      name,
      kind: definition === null ? 'r' : 'v',
      columns: columns.split(' ').map((column, index) => ({ name: column, number: index + 1, type: 25 })),
      definition,
      parents: [],
    });
  };
  for (const [whole, columns] of Object.entries(tables)) add(whole, columns, null);
  for (const [whole, [columns, definition]] of Object.entries(views)) add(whole, columns, definition);
  const named = (names: readonly string[]) => (schema: string | null, name: string) =>
    names.flatMap((whole, index) => {
      const [home = '', own = ''] = whole.split('.');
      return own === name && (schema === null || schema === home) ? [{ oid: 90_000 + index, schema: home, name: own }] : [];
    });
  return {
    version: '1',
    searchPath,
    relations: ((schema, name) =>
      relations.filter((each) => each.name === name && (schema === null || each.schema === schema))) satisfies Find<CatalogRelation>,
    relation: (oid: number) => relations.find((each) => each.oid === oid) ?? null,
    functions: named(functions),
    operators: named(operators),
    conversions: () => [],
    type: () => null,
    isDomain: () => false,
  } as unknown as Catalog;
}
