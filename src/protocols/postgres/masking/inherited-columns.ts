/**
 * The columns that a statement makes out of tagged ones, or gives another name: they inherit the tags, whoever makes them and whatever they are
 * called by then. Of a table that is about to be made the name is known and the place of each column; of one that is there its OID. Pure.
 */
import type { NewInheritedTag } from '../../../contract/inherited-tags.js';
import type { MaskingDoor } from '../../../contract/masking-policy.js';
import type { Effect, Facts } from '../../../contract/operation.js';
import { type Catalog, type CatalogRelation, kinOf } from '../catalog/catalog.js';
import { type Lineage, type SourceColumn, sourceColumns } from '../lineage/lineage.js';
import type { Created } from '../lineage/trace.js';
import type { TracedStatement } from './traced-text.js';
import { classesOf } from './value-plan.js';

interface Question {
  readonly door: MaskingDoor;
  readonly catalog: Catalog | null;
  readonly statements: readonly TracedStatement[];
  readonly facts: Facts;
  readonly shifted: boolean;
}

/** Where a new table comes to stand; null: not known for certain, or something of that name may be there. */
export function newPlace({ schema, name }: Created, catalog: Catalog | null, shifted: boolean): readonly [schema: string, name: string] | null {
  const home = schema ?? (shifted ? null : (catalog?.searchPath.find((each) => !each.startsWith('pg_')) ?? null));
  return home === null || catalog === null || catalog.relations(home, name).length > 0 ? null : [home, name];
}

export function inheritedColumns({ door, catalog, statements, facts, shifted }: Question): readonly NewInheritedTag[] {
  if (catalog === null) return [];
  const made = statements.flatMap(({ lineage }) =>
    lineage.created.flatMap((created) => (created.temporary ? [] : createdColumns(created, door, catalog, shifted))),
  );
  return [...made, ...facts.effects.flatMap((effect) => renamedRelations(effect, catalog)).flatMap((relation) => renamedColumns(relation, door))];
}

function createdColumns(created: Created, door: MaskingDoor, catalog: Catalog, shifted: boolean): readonly NewInheritedTag[] {
  const place = newPlace(created, catalog, shifted);
  if (place === null) return [];
  const { columns } = created;
  const counted = columns.every(({ many }) => !many);
  return columns.flatMap(({ name, lineage }, index): NewInheritedTag[] => {
    const from = taggedSources(lineage, door);
    if (from.length === 0) return [];
    // Where a column's place is not known, each may be it.
    return [
      { relation: place, object: null, column: counted ? index + 1 : 0, name: counted ? name : null, from, exact: counted && lineage.exact, reason: 'created' },
    ];
  });
}

const moves = ({ action, facts: { change } }: Effect): boolean =>
  action === 'rename' || (action === 'alter' && Array.isArray(change) && change.includes('schema'));

/** Relations that have another name, or stand elsewhere, after this effect. */
function renamedRelations(effect: Effect, catalog: Catalog): readonly CatalogRelation[] {
  const { resource } = effect;
  const name = resource?.name.at(-1);
  if (!moves(effect) || name == null) return [];
  if (resource?.type === 'schema') return catalog.relationsOf(name);
  return resource?.type === 'relation' ? catalog.relations(resource.name.at(-2) ?? null, name) : [];
}

/** Columns keep their number whatever they are called. */
const HOLDING: ReadonlySet<unknown> = new Set(['table', 'matview', 'foreign_table']);

/**
 * Why a relation may not get another name, or move: it is not in the catalog, so what it holds, and which tags it is about to inherit, is not known;
 * null: nothing is said against it. `plain`: a relation of this name was made by the session and inherits nothing.
 */
export function unknownMove(facts: Facts, catalog: Catalog | null, plain: (name: string) => boolean): string | null {
  for (const effect of facts.effects) {
    const { resource, facts: about } = effect;
    const name = resource?.name.at(-1);
    if (!moves(effect) || resource?.type !== 'relation' || name == null || !HOLDING.has(about['object'])) continue;
    // SET SCHEMA names it where it is and where it comes to be.
    if (effect.action === 'alter' && facts.effects.indexOf(effect) > 0) continue;
    if (catalog !== null && catalog.relations(resource.name.at(-2) ?? null, name).length > 0) continue;
    if (!plain(name)) return `what ${name} holds is not known yet, so its tags could be lost with its name; do it when what made it is committed`;
  }
  return null;
}

function renamedColumns(relation: CatalogRelation, door: MaskingDoor): readonly NewInheritedTag[] {
  return [...sourceColumns(relation).values()].flatMap((source): NewInheritedTag[] => {
    const from = namesOf(source, door);
    if (from.length === 0) return [];
    const { number, name, inherited } = source.column;
    return [
      {
        relation: [relation.schema, relation.name],
        object: String(relation.oid),
        column: number,
        name,
        from,
        exact: inherited?.exact !== false,
        reason: 'renamed',
      },
    ];
  });
}

/** The names under which policy tags what is in a value. */
function taggedSources(lineage: Lineage, door: MaskingDoor): readonly (readonly string[])[] {
  const found = new Map<string, readonly string[]>();
  for (const source of lineage.columns) for (const name of namesOf(source, door)) found.set(JSON.stringify(name), name);
  return [...found.values()];
}

function namesOf(source: SourceColumn, door: MaskingDoor): readonly (readonly string[])[] {
  if (classesOf(source, door.view).length === 0) return [];
  const { name } = source.column;
  const kin = kinOf(source.relation).flatMap((each) => sourceColumns(each).get(name) ?? []);
  return [source, ...kin]
    .flatMap(({ relation, column }) => [[relation.schema, relation.name, column.name], ...(column.inherited?.from ?? [])])
    .filter((each) => door.view.columnClasses(each.slice(0, -1), each.at(-1) ?? '').length > 0);
}
