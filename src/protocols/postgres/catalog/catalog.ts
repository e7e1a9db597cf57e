export interface CatalogColumn {
  readonly name: string;
  readonly number: number;
  readonly type: number;
}
export interface CatalogRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'r' | 'p' | 'v' | 'm' | 'f' | 'c';
  readonly columns: readonly CatalogColumn[];
  readonly definition: string | null;
}
export interface CatalogFunction {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
}
export interface Catalog {
  readonly version: string;
  readonly searchPath: readonly string[];
  relations(schema: string | null, name: string): readonly CatalogRelation[];
  relation(oid: number): CatalogRelation | null;
  functions(schema: string | null, name: string): readonly CatalogFunction[];
  operators(schema: string | null, name: string): readonly CatalogFunction[];
}
