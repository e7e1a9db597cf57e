/**
 * Tables, columns and domains as they are made and changed: which data goes where by it. A default is worked out for every row to come, USING for
 * every row that is there; both are flows into their column. What makes data move later without a statement that says so (generated columns, foreign
 * keys that cascade, heirs, triggers) is a tie: whoever knows what a table of the session holds has to follow it. Pure; the tree is of untrusted text.
 */
import { as, field, list, relationName, strings, struct, type Tree, text } from '../facts/tree.js';
import { derived, type Lineage, NOTHING, unknownLineage } from './lineage.js';
import { relationColumns } from './relations.js';
import { Level, type Output, output } from './sources.js';
import type { Trace } from './trace.js';

/** Something that is made or changed, and what its expressions may name. */
interface Defined {
  readonly schema: string | null;
  readonly name: string;
  readonly level: Level;
}

const TEMPORARY_SCHEMA = 'pg_temp';

/** CREATE TABLE: a table that others see comes with the next catalog, a temporary one of the session never. */
export function createTable(trace: Trace, node: Tree): void {
  const relation = struct(node, 'relation') ?? {};
  const [schema, name] = relationName(relation);
  const temporary = text(relation, 'relpersistence') === 't' || schema === TEMPORARY_SCHEMA;
  const elements = list(node, 'tableElts');
  const inherits = list(node, 'inhRelations').length > 0 || struct(node, 'partbound') !== null;
  const plain = !inherits && struct(node, 'ofTypename') === null && elements.every((each) => as(each, 'TableLikeClause') === null);
  const unknown = output(null, unknownLineage(`${name} is made after another table`), true);
  const definitions = elements.map((each) => as(each, 'ColumnDef')).filter((each) => each !== null);
  const level = new Level(null);
  const own = definitions.map((each) => output(text(each, 'colname'), NOTHING));
  level.sources.push({ alias: name, columns: plain ? own : [...own, unknown] });
  const table: Defined = { schema, name, level };
  const columns = definitions.map((each): Output => {
    const column = text(each, 'colname');
    const values = columnValues(trace, table, each);
    if (!temporary) into(trace, table, column, values);
    return output(column, values);
  });
  for (const each of elements) constraint(trace, table, as(each, 'Constraint'));
  const bound = struct(node, 'partbound');
  if (bound !== null) kept(trace, `the bounds of ${name}`, derived(trace.inside(bound, level, [])));
  // What flows into a partition or an heir is shown by what it is a part of.
  if (inherits) trace.ties.push({ kind: 'open', name });
  // Where there is one already, that one stays what it is.
  trace.created.push({ schema, name, temporary, filled: field(node, 'if_not_exists') === true, columns: plain ? columns : [unknown] });
}

export function alterTable(trace: Trace, node: Tree): void {
  const [schema, name] = relationName(struct(node, 'relation') ?? {});
  const columns = relationColumns(trace, schema, name);
  for (const item of list(node, 'cmds')) {
    const command = as(item, 'AlterTableCmd') ?? {};
    const column = text(command, 'name');
    const level = new Level(null);
    // Of a table that nobody knows a column may be made of itself.
    level.sources.push({ alias: name, columns: columns ?? (column === null ? [] : [output(column, NOTHING)]) });
    alter(trace, { schema, name, level }, command);
  }
}

function alter(trace: Trace, table: Defined, command: Tree): void {
  const { level, name } = table;
  const column = text(command, 'name');
  const definition = field(command, 'def');
  switch (text(command, 'subtype')) {
    case 'AT_AddColumn': {
      const added = as(definition, 'ColumnDef') ?? {};
      into(trace, table, text(added, 'colname'), columnValues(trace, table, added));
      break;
    }
    case 'AT_AlterColumnType':
      into(trace, table, column, trace.value(field(as(definition, 'ColumnDef') ?? {}, 'raw_default'), level));
      break;
    case 'AT_ColumnDefault':
      into(trace, table, column, trace.value(definition, level));
      break;
    case 'AT_SetExpression':
      trace.ties.push({ kind: 'mixed', name });
      into(trace, table, column, trace.value(definition, level));
      break;
    case 'AT_AddConstraint':
      constraint(trace, table, as(definition, 'Constraint'));
      break;
    case 'AT_AddInherit':
      heir(trace, relationName(as(definition, 'RangeVar') ?? {})[1], name);
      break;
    case 'AT_AttachPartition': {
      const part = as(definition, 'PartitionCmd') ?? {};
      const bound = struct(part, 'bound');
      if (bound !== null) kept(trace, `the bounds of a partition of ${name}`, derived(trace.inside(bound, level, [])));
      heir(trace, name, relationName(struct(part, 'name') ?? {})[1]);
      break;
    }
    default:
  }
}

/** CREATE DOMAIN, and of ALTER DOMAIN what gives it a default or a constraint. */
export function defineDomain(trace: Trace, node: Tree): void {
  const name = strings(list(node, 'domainname').length > 0 ? list(node, 'domainname') : list(node, 'typeName')).join('.');
  const level = new Level(null);
  level.sources.push({ alias: null, columns: [output('value', NOTHING)] });
  const changed = as(field(node, 'def'), 'Constraint');
  const constraints = [...list(node, 'constraints').map((each) => as(each, 'Constraint')), changed];
  for (const each of constraints) {
    if (each === null) continue;
    const value = trace.value(field(each, 'raw_expr'), level);
    if (text(each, 'contype') === 'CONSTR_DEFAULT') kept(trace, `the default of ${name}`, value);
    else trace.condition('other', value);
  }
  if (changed === null) kept(trace, `the default of ${name}`, trace.value(field(node, 'def'), level));
}

/** CREATE TRIGGER, RULE and POLICY: code that runs on the rows, or decides who sees them. */
export function watchTable(trace: Trace, node: Tree): void {
  trace.ties.push({ kind: 'open', name: relationName(struct(node, 'relation') ?? struct(node, 'table') ?? {})[1] });
}

/** All that a column is given without a statement that writes it: its default, or what it is generated from. */
function columnValues(trace: Trace, table: Defined, definition: Tree): Lineage {
  const values: Lineage[] = [];
  for (const item of list(definition, 'constraints')) {
    const each = as(item, 'Constraint') ?? {};
    const kind = text(each, 'contype');
    if (kind === 'CONSTR_GENERATED') trace.ties.push({ kind: 'mixed', name: table.name });
    if (kind === 'CONSTR_DEFAULT' || kind === 'CONSTR_GENERATED') values.push(trace.value(field(each, 'raw_expr'), table.level));
    else constraint(trace, table, each);
  }
  return derived(...values);
}

function constraint(trace: Trace, { name, level }: Defined, node: Tree | null): void {
  if (node === null) return;
  // Whether it fails is told.
  trace.condition('other', trace.value(field(node, 'raw_expr'), level));
  if (text(node, 'contype') === 'CONSTR_FOREIGN') trace.ties.push({ kind: 'follows', name, from: relationName(struct(node, 'pktable') ?? {})[1] });
}

/** Its rows are rows of the parent, and what is written there may come to stand in it. */
function heir(trace: Trace, parent: string, child: string): void {
  trace.ties.push({ kind: 'open', name: child }, { kind: 'follows', name: child, from: parent });
}

function into(trace: Trace, { schema, name }: Defined, column: string | null, lineage: Lineage): void {
  const what = [schema, name, column].filter((part) => part !== null).join('.');
  trace.flow({ relation: { schema, name }, column, what, lineage });
}

function kept(trace: Trace, what: string, lineage: Lineage): void {
  trace.flow({ relation: null, column: null, what, lineage });
}
