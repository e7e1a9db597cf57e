/**
 * The lineage of one statement: what each column of its result is made of, which columns decide what is shown, and what flows where. Entry
 * of this folder. A statement that is not understood has a result of which nothing is known. Pure; the text is untrusted.
 */
import type { Catalog, CatalogRelation } from '../catalog/catalog.js';
import { as, field, flag, integer, isTree, list, relationName, strings, struct, type Tree, tagged, text } from '../facts/tree.js';
import { alterTable, createTable, defineDomain, watchTable } from './definitions.js';
import { derived, type Lineage, NOTHING, unknownLineage } from './lineage.js';
import { deleteColumns, insertColumns, mergeColumns, updateColumns } from './modifications.js';
import { create, fromItem, selectColumns } from './queries.js';
import { columnsOf, relationColumns } from './relations.js';
import { Level, type Output, output } from './sources.js';
import { type Comparison, type Condition, type Created, type Failure, type Flow, type LineageContext, type Tie, TooMuch, Trace } from './trace.js';
import { isFree, valueLineage } from './values.js';

export interface StatementLineage {
  /** Of the rows that it returns, in order. An empty list: it returns none. */
  readonly outputs: readonly Output[];
  /** What the rows spell out by their number, or by which of them stay: a plan that ran says how many there were. */
  readonly spelled: Lineage;
  readonly conditions: readonly Condition[];
  readonly failures: readonly Failure[];
  readonly flows: readonly Flow[];
  /** Of constants and parameters. Of one that is run by its name these hold what it is given. */
  readonly plainFlows: readonly Flow[];
  readonly created: readonly Created[];
  readonly ties: readonly Tie[];
  /** All that it works out, whether it shows it or not: the server's words may tell of it. */
  readonly computed: Lineage;
  /** Valid for the very text that was traced: what is kept by shape has those of another one. */
  readonly comparisons: readonly Comparison[];
  /** It runs another one by its name, and gives what that one gives, shows its plan, or keeps it in a table. */
  readonly runs: {
    readonly kind: 'statement' | 'cursor';
    readonly name: string;
    readonly gives: 'rows' | 'plan' | 'table';
    /** The plan says what there was when it ran. */
    readonly measured: boolean;
    /** What stands for its parameters, in order; valid for the very text, like `comparisons`. */
    readonly values: readonly unknown[];
  } | null;
  /** All that it gives for parameters of what it runs, as one value. */
  readonly given: Lineage;
  /** Of PREPARE, DECLARE, DEALLOCATE, CLOSE and DISCARD: what a name means from here on. */
  readonly names: { readonly kind: 'statement' | 'cursor' | 'all'; readonly name: string | null } | null;
  readonly literalSensitive: boolean;
  /** A view that it makes, or the name that it gives to something else: what stands in the place of a relation from then on. */
  readonly placed: { readonly name: string; readonly temporary: boolean; readonly qualified: boolean } | null;
}

/** `CURSOR_OPT_HOLD` */
const HOLD = 0x20;

const RETURNS_NOTHING: readonly Output[] = [];

function lost(reason: string): readonly Output[] {
  return [output(null, unknownLineage(reason), true)];
}

function queryColumns(trace: Trace, node: unknown, level: Level): readonly Output[] {
  const found = tagged(node);
  switch (found?.tag) {
    case 'SelectStmt':
      return selectColumns(trace, found.node, level);
    case 'InsertStmt':
      return insertColumns(trace, found.node, level);
    case 'UpdateStmt':
      return updateColumns(trace, found.node, level);
    case 'DeleteStmt':
      return deleteColumns(trace, found.node, level);
    case 'MergeStmt':
      return mergeColumns(trace, found.node, level);
    default:
      return lost('a query of an unknown kind');
  }
}

export function statementLineage(statement: unknown, context: LineageContext): StatementLineage {
  const trace = new Trace(context, valueLineage, queryColumns);
  const level = new Level(null);
  let outputs: readonly Output[];
  try {
    outputs = topColumns(trace, statement, level);
  } catch (error) {
    if (!(error instanceof TooMuch || error instanceof RangeError)) throw error;
    const unknown = unknownLineage('the statement is too large to be traced');
    return {
      outputs: [output(null, unknown, true)],
      spelled: unknown,
      conditions: [{ use: 'other', lineage: unknown }],
      failures: [],
      flows: [{ relation: null, column: null, what: 'a place that was not traced', lineage: unknown }],
      plainFlows: [],
      created: [],
      ties: [],
      computed: unknown,
      comparisons: [],
      runs: runsOf(statement),
      given: unknown,
      names: namesOf(statement),
      literalSensitive: true,
      placed: placedBy(statement),
    };
  }
  const { conditions, failures, flows, created, literalSensitive } = trace;
  const comparisons = runsOnce(statement) ? comparedOnly(statement, trace.comparisons) : [];
  return {
    outputs,
    spelled: level.spelled,
    conditions,
    failures,
    flows,
    plainFlows: trace.plainFlows,
    created,
    ties: trace.ties,
    computed: derived(...trace.computed),
    comparisons,
    runs: runsOf(statement),
    given: derived(...trace.given),
    names: namesOf(statement),
    literalSensitive,
    placed: placedBy(statement),
  };
}

/** What the columns of a relation are made of; those of a view, of what its query reads. */
export function relationLineage(relation: CatalogRelation, catalog: Catalog): readonly Output[] {
  const context = { catalog, searchPath: null, temporary: () => null, doubtful: () => false, steady: true, unseenRan: false };
  try {
    return columnsOf(new Trace(context, valueLineage, queryColumns), catalog, relation);
  } catch (error) {
    if (!(error instanceof TooMuch || error instanceof RangeError)) throw error;
    return lost('its view is too large to be traced');
  }
}

const RUNS_ONCE: ReadonlySet<string> = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);

/** Its constants are kept nowhere: in no view, plan or prepared statement. */
function runsOnce(statement: unknown): boolean {
  const { tag, node } = tagged(statement) ?? { tag: '', node: {} };
  if (RUNS_ONCE.has(tag)) return true;
  if (tag === 'CreateTableAsStmt') return text(node, 'objtype') === 'OBJECT_TABLE';
  return tag === 'CopyStmt' && text(node, 'filename') === null;
}

/** Without parameters that are used for anything else as well: what is put in their place would be used there, too. */
function comparedOnly(statement: unknown, comparisons: readonly Comparison[]): readonly Comparison[] {
  if (!comparisons.some(({ parameters }) => parameters.length > 0)) return comparisons;
  const compared = new Set(comparisons.flatMap(({ parameters }) => parameters.map(({ at }) => at)));
  const elsewhere = new Set<number>();
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) walk(each);
    else if (isTree(value)) {
      const parameter = as(value, 'ParamRef');
      if (parameter === null) for (const key of Object.keys(value)) walk(field(value, key));
      else if (!compared.has(integer(parameter, 'location'))) elsewhere.add(integer(parameter, 'number'));
    }
  };
  walk(statement);
  return comparisons.map((each) => ({ ...each, parameters: each.parameters.filter(({ number }) => !elsewhere.has(number)) }));
}

function runsOf(statement: unknown): StatementLineage['runs'] {
  const found = tagged(statement);
  if (found?.tag === 'ExecuteStmt')
    return { kind: 'statement', name: text(found.node, 'name') ?? '', gives: 'rows', measured: false, values: list(found.node, 'params') };
  if (found?.tag === 'FetchStmt') return { kind: 'cursor', name: text(found.node, 'portalname') ?? '', gives: 'rows', measured: false, values: [] };
  if (found?.tag !== 'ExplainStmt' && found?.tag !== 'CreateTableAsStmt') return null;
  const inner = runsOf(field(found.node, 'query'));
  if (inner === null) return null;
  return found.tag === 'ExplainStmt' ? { ...inner, gives: 'plan', measured: isMeasured(found.node) } : { ...inner, gives: 'table' };
}

/** What decides what a plan that ran says. Of what code of the database gives it says nothing: then it is not shown. */
export function measured(computed: Lineage, conditions: readonly Condition[]): Condition {
  return { use: 'plan', lineage: { ...derived(computed, ...conditions.map(({ lineage }) => lineage)), unknown: null } };
}

/** EXPLAIN with ANALYZE; where it is not plainly denied it is taken for said. */
function isMeasured(explain: Tree): boolean {
  return list(explain, 'options').some((option) => {
    const element = as(option, 'DefElem') ?? {};
    return text(element, 'defname') === 'analyze' && !/^(false|off)$/i.test(text(as(field(element, 'arg'), 'String') ?? {}, 'sval') ?? '');
  });
}

function placedBy(statement: unknown): StatementLineage['placed'] {
  const { tag, node } = tagged(statement) ?? { tag: '', node: {} };
  if (tag === 'RenameStmt') return { name: text(node, 'newname') ?? '', temporary: false, qualified: false };
  if (tag !== 'ViewStmt') return null;
  const view = struct(node, 'view') ?? {};
  const [schema, name] = relationName(view);
  return { name, temporary: text(view, 'relpersistence') === 't' || schema === 'pg_temp', qualified: schema !== null };
}

function namesOf(statement: unknown): StatementLineage['names'] {
  const { tag, node } = tagged(statement) ?? { tag: '', node: {} };
  switch (tag) {
    case 'PrepareStmt':
    case 'DeallocateStmt':
      return { kind: 'statement', name: text(node, 'name') };
    case 'DeclareCursorStmt':
    case 'ClosePortalStmt':
      return { kind: 'cursor', name: text(node, 'portalname') };
    case 'DiscardStmt':
      return { kind: 'all', name: null };
    default:
      return null;
  }
}

function topColumns(trace: Trace, statement: unknown, level: Level): readonly Output[] {
  const { tag, node } = tagged(statement) ?? { tag: '', node: {} };
  switch (tag) {
    case 'SelectStmt':
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt': {
      const columns = trace.query(statement, level);
      // SELECT INTO returns no rows; a description that comes anyway finds nothing known.
      return tag === 'SelectStmt' && struct(node, 'intoClause') !== null ? RETURNS_NOTHING : columns;
    }
    case 'CopyStmt':
      return copyColumns(trace, node, level);
    case 'CreateStmt':
      createTable(trace, node);
      return RETURNS_NOTHING;
    case 'AlterTableStmt':
      alterTable(trace, node);
      return RETURNS_NOTHING;
    case 'CreateDomainStmt':
    case 'AlterDomainStmt':
      defineDomain(trace, node);
      return RETURNS_NOTHING;
    case 'CreateTableAsStmt':
      return createdTable(trace, node, level);
    case 'ExplainStmt':
      // A plan shows the text's own constants and numbers of rows; what decides those numbers is a condition like any other, and may be spelled out by them.
      // Of a cursor the plan of its query is shown, and it runs.
      topColumns(trace, field(as(field(node, 'query'), 'DeclareCursorStmt') ?? node, 'query'), level);
      if (isMeasured(node)) trace.conditions.push(measured(derived(...trace.computed), trace.conditions));
      // The planner runs functions that are called immutable, and shows what they give.
      return [output('QUERY PLAN', trace.foreign ? unknownLineage('the plan may show what code of the database gives') : derived(level.spelled))];
    case 'DeclareCursorStmt':
      // A cursor that outlives its transaction runs to its end at COMMIT, whether or not anybody fetches from it.
      if ((integer(node, 'options') & HOLD) !== 0) trace.query(field(node, 'query'), level);
      return RETURNS_NOTHING;
    case 'PrepareStmt':
      // What it keeps is traced by itself when it runs; preparing shows nothing. So it is with other cursors.
      return RETURNS_NOTHING;
    case 'CreateSchemaStmt':
      for (const element of list(node, 'schemaElts')) topColumns(trace, element, level);
      return RETURNS_NOTHING;
    case 'CreateStatsStmt':
      statistics(trace, node, level);
      return RETURNS_NOTHING;
    case 'VariableShowStmt':
      return [
        output(null, trace.context.unseenRan && isFree(text(node, 'name') ?? '') ? unknownLineage('code of the database may have set it') : NOTHING, true),
      ];
    case 'ExecuteStmt':
      return executed(trace, node, level);
    case 'FetchStmt':
      return lost('what it runs is not known');
    case 'ViewStmt':
      // Its columns are traced when it is read; what decides its rows would be seen nowhere then.
      trace.query(field(node, 'query'), level);
      return RETURNS_NOTHING;
    case 'RuleStmt':
    case 'CreateTrigStmt':
    case 'CreatePolicyStmt':
      watchTable(trace, node);
      return RETURNS_NOTHING;
    case 'CallStmt':
    case 'DoStmt':
      return lost('the code that it runs is not in its text');
    default:
      return RETURNS_NOTHING;
  }
}

/** How many values there are, how long they are and how many are missing is shown after the next ANALYZE. */
function statistics(trace: Trace, node: Tree, level: Level): void {
  for (const relation of list(node, 'relations')) level.show(fromItem(trace, relation, level));
  for (const item of list(node, 'exprs')) {
    const element = as(item, 'StatsElem') ?? {};
    const name = text(element, 'name');
    trace.condition('other', name === null || name === '' ? trace.value(field(element, 'expr'), level) : level.resolve([name]));
  }
}

function copyColumns(trace: Trace, node: Tree, level: Level): readonly Output[] {
  if (flag(node, 'is_from')) {
    trace.condition('other', trace.value(field(node, 'whereClause'), level));
    return RETURNS_NOTHING;
  }
  const relation = struct(node, 'relation');
  const columns = relation === null ? trace.query(field(node, 'query'), level) : tableColumns(trace, relation, strings(list(node, 'attlist')));
  // To a file or a program it leaves by another door than the one that masks.
  if (text(node, 'filename') !== null || flag(node, 'is_program'))
    for (const { lineage } of columns) trace.flow({ relation: null, column: null, what: 'a file or program of the server', lineage });
  return columns;
}

function tableColumns(trace: Trace, relation: Tree, names: readonly string[]): readonly Output[] {
  const [schema, name] = relationName(relation);
  const columns = relationColumns(trace, schema, name);
  if (columns === null) return lost(`${name} is not in the catalog`);
  if (names.length === 0)
    return columns.filter(
      ({ many, lineage }) => many || ![...lineage.columns].some(({ column, relation: { name: home } }) => home === name && column.generated),
    );
  return names.map((each) => columns.find((column) => column.name === each && !column.many) ?? output(each, unknownLineage(`column "${each}" is not known`)));
}

/** Whatever it runs may show, keep, or decide by, what it is given. */
function executed(trace: Trace, node: Tree, level: Level): readonly Output[] {
  for (const each of list(node, 'params')) {
    const value = trace.value(each, level);
    trace.condition('other', value);
    trace.given.push(value);
  }
  return lost('what it runs is not known');
}

function createdTable(trace: Trace, node: Tree, level: Level): readonly Output[] {
  const query = field(node, 'query');
  const execute = as(query, 'ExecuteStmt');
  const columns = execute === null ? trace.query(query, level) : executed(trace, execute, level);
  const into = struct(node, 'into');
  if (into !== null) create(trace, into, columns);
  return RETURNS_NOTHING;
}
