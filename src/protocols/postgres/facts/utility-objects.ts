/**
 * Statements on the schema: CREATE, ALTER, DROP, RENAME, COMMENT and their kin. Expressions and queries inside them (defaults, views, rules,
 * bodies in BEGIN ATOMIC) are walked like any other, so that what they would do later counts now.
 */
import type { EffectFacts } from './effect-sink.js';
import { namesOf, objectKind, objectName, subject } from './object-kinds.js';
import type { Scope } from './scope.js';
import { settingsRuleEffect, settingsViewEffect } from './settings-view.js';
import { field, flag, list, relationName, stringNode, strings, struct, type Tree, tagged, text } from './tree.js';
import type { Handler, Handlers, Walk } from './walk.js';

/** Parts below a schema statement that only carry others. */
export const OBJECT_CARRIERS: readonly string[] = [
  'ColumnDef',
  'Constraint',
  'TableLikeClause',
  'PartitionElem',
  'PartitionSpec',
  'PartitionBoundSpec',
  'PartitionRangeDatum',
  'PartitionCmd',
  'DefElem',
  'FunctionParameter',
  'ObjectWithArgs',
  'RoleSpec',
  'AccessPriv',
  'AlterTableCmd',
  'ATAlterConstraint',
  'ReplicaIdentityStmt',
  'StatsElem',
  'TriggerTransition',
  'CreateOpClassItem',
  'PublicationObjSpec',
  'PublicationTable',
  'VacuumRelation',
  'ReturnStmt',
  'RangeVar',
  'LockingClause',
];

export function cascade(node: Tree): EffectFacts {
  return text(node, 'behavior') === 'DROP_CASCADE' ? { cascade: true } : {};
}

/** `action` on the object that `names` gives, then everything below. */
function on(action: string, kind: string, names: (node: Tree) => readonly string[], facts: EffectFacts = {}): Handler {
  return (walk, node, scope) => {
    const { type, name } = objectName(kind, names(node));
    walk.sink.add(action, type, name, { object: kind, ...facts, ...(action === 'create' ? replacing(node) : {}) });
    walk.fields('', node, scope);
  };
}

const one =
  (name: string) =>
  (node: Tree): readonly string[] => {
    const value = text(node, name);
    return value === null ? [] : [value];
  };
const many =
  (name: string) =>
  (node: Tree): readonly string[] =>
    strings(list(node, name));
const range =
  (name: string) =>
  (node: Tree): readonly string[] =>
    relationName(struct(node, name) ?? {}).filter((part) => part !== null && part !== '') as string[];

function createTable(walk: Walk, node: Tree, scope: Scope): void {
  const relation = struct(node, 'relation') ?? struct(struct(node, 'base') ?? {}, 'relation') ?? {};
  const object = struct(node, 'base') === null ? 'table' : 'foreign_table';
  walk.sink.add('create', 'relation', relationName(relation), { object, ...temporary(relation) });
  walk.fields('CreateStmt', struct(node, 'base') ?? node, scope);
  if (struct(node, 'base') !== null) walk.fields('CreateForeignTableStmt', node, scope, ['base']);
}

function temporary(relation: Tree): EffectFacts {
  return text(relation, 'relpersistence') === 't' || text(relation, 'schemaname') === 'pg_temp' ? { temporary: true } : {};
}

function createTableAs(walk: Walk, node: Tree, scope: Scope): void {
  const into = struct(node, 'into') ?? {};
  const relation = struct(into, 'rel') ?? {};
  walk.sink.add('create', 'relation', relationName(relation), { object: objectKind(text(node, 'objtype')), into: true, ...temporary(relation) });
  walk.fields('IntoClause', into, scope, ['rel']);
  walk.fields('CreateTableAsStmt', node, scope, ['into']);
}

function createFunction(walk: Walk, node: Tree, scope: Scope): void {
  const object = flag(node, 'is_procedure') ? 'procedure' : 'function';
  const { type, name } = objectName(object, strings(list(node, 'funcname')));
  const options = list(node, 'options');
  walk.sink.add('create', type, name, {
    object,
    ...replacing(node),
    ...(hasOption(options, 'security') ? { security_definer: true } : {}),
    ...(bodyIsSeen(walk, options) ? {} : { unseen_body: true }),
  });
  for (const option of options) secretBody(walk, option);
  walk.fields('CreateFunctionStmt', node, scope);
}

function replacing(node: Tree): EffectFacts {
  return flag(node, 'replace') ? { replace: true } : {};
}

/** A body in SQL is walked, so that it counts like the statements themselves; one in any other language says nothing to the gateway. */
function bodyIsSeen(walk: Walk, options: readonly unknown[]): boolean {
  const elements = options.map((option) => tagged(option)?.node ?? {});
  const body = elements.find((element) => text(element, 'defname') === 'as');
  if (body === undefined) return true;
  const language = elements.find((element) => text(element, 'defname') === 'language');
  if (stringNode(field(language ?? {}, 'arg'))?.toLowerCase() !== 'sql') return false;
  return walk.body(namesOf(field(body, 'arg')).join(' '), offsetOf(body));
}

function hasOption(options: readonly unknown[], name: string): boolean {
  return options.some((option) => {
    const element = tagged(option);
    return element !== null && text(element.node, 'defname') === name && flag(tagged(field(element.node, 'arg'))?.node ?? {}, 'boolval');
  });
}

/** A body that speaks of passwords is kept out of the record as a whole. */
export function secretBody(walk: Walk, option: unknown): void {
  const element = tagged(option)?.node ?? {};
  const body = field(element, 'arg');
  if (text(element, 'defname') === 'as' && /password/i.test(namesOf(body).join(' '))) walk.secretAfter(offsetOf(element));
}

export function offsetOf(node: Tree): number {
  const location = field(node, 'location');
  return typeof location === 'number' ? location : 0;
}

function alterTable(walk: Walk, node: Tree, scope: Scope): void {
  const commands = list(node, 'cmds').map((item) => tagged(item)?.node ?? {});
  const changes = [...new Set(commands.map((command) => snake(text(command, 'subtype') ?? 'unknown')))];
  const cascades = commands.some((command) => text(command, 'behavior') === 'DROP_CASCADE');
  const columns = commands.map((command) => text(command, 'name')).filter((name) => name !== null);
  walk.sink.add(
    'alter',
    'relation',
    relationName(struct(node, 'relation') ?? {}),
    { object: objectKind(text(node, 'objtype')), change: changes, ...(cascades ? { cascade: true } : {}) },
    columns.length === 0 ? null : columns,
  );
  walk.fields('AlterTableStmt', node, scope, ['relation']);
}

/** `AT_DropColumn` as `drop_column`. */
function snake(subtype: string): string {
  return subtype
    .replace(/^AT_/, '')
    .replace(/(?<=[a-z])([A-Z])/g, '_$1')
    .toLowerCase();
}

function drop(walk: Walk, node: Tree, scope: Scope): void {
  const kind = objectKind(text(node, 'removeType'));
  for (const object of list(node, 'objects')) {
    const { type, name, part } = objectName(kind, namesOf(object));
    walk.sink.add('drop', type, name, { object: kind, ...cascade(node), ...(part === null ? {} : { part }) });
    if (kind === 'extension' || kind === 'publication') walk.sink.add(kind, type, name, { change: ['drop'] });
  }
  walk.fields('DropStmt', node, scope, ['objects']);
}

function changeOf(action: string, kindField: string, change: string | null): Handler {
  return (walk, node, scope) => {
    const kind = objectKind(text(node, kindField));
    const { type, name, part } = subject(node, kind);
    walk.sink.add(action, type, name, { object: kind, ...(change === null ? {} : { change: [change] }), ...(part === null ? {} : { part }) });
    walk.fields('', node, scope, ['relation', 'object', 'extname']);
  };
}

/** A function is found by its name from then on, so the new name is renamed as well: `lower` must not come into being this way. */
function renamedFunction(walk: Walk, node: Tree): void {
  const kind = objectKind(text(node, 'renameType'));
  const { type, name } = subject(node, kind);
  if (type === 'function') walk.sink.add('rename', type, [...name.slice(0, -1), text(node, 'newname')], { object: kind });
}

/** SET SCHEMA alters what the object is called there as well. */
function movedObject(walk: Walk, node: Tree): void {
  const kind = objectKind(text(node, 'objectType'));
  const { type, name } = subject(node, kind);
  if (name.length === 2) walk.sink.add('alter', type, [text(node, 'newschema'), name.at(-1) ?? null], { object: kind, change: ['schema'] });
}

export const OBJECT_STATEMENTS: Handlers = {
  CreateStmt: createTable,
  CreateForeignTableStmt: createTable,
  CreateTableAsStmt: createTableAs,
  CreateFunctionStmt: createFunction,
  ViewStmt: (walk, node, scope) => {
    on('create', 'view', range('view'))(walk, node, scope);
    settingsViewEffect(walk.sink, field(node, 'query'));
  },
  IndexStmt: on('create', 'index', range('relation')),
  CreateSeqStmt: on('create', 'sequence', range('sequence')),
  CreateSchemaStmt: on('create', 'schema', one('schemaname')),
  CreateTrigStmt: on('create', 'trigger', (node) => [...range('relation')(node), text(node, 'trigname') ?? '']),
  RuleStmt: (walk, node, scope) => {
    on('create', 'rule', (rule) => [...range('relation')(rule), text(rule, 'rulename') ?? ''])(walk, node, scope);
    settingsRuleEffect(walk.sink, node);
  },
  CreatePolicyStmt: on('create', 'policy', (node) => [...range('table')(node), text(node, 'policy_name') ?? '']),
  CreateEventTrigStmt: on('create', 'event_trigger', one('trigname')),
  CreateDomainStmt: on('create', 'domain', many('domainname')),
  CompositeTypeStmt: on('create', 'type', range('typevar')),
  CreateEnumStmt: on('create', 'type', many('typeName')),
  CreateRangeStmt: on('create', 'type', many('typeName')),
  CreateOpClassStmt: on('create', 'opclass', many('opclassname')),
  CreateOpFamilyStmt: on('create', 'opfamily', many('opfamilyname')),
  CreateConversionStmt: on('create', 'conversion', many('conversion_name')),
  CreateCastStmt: on('create', 'cast', () => []),
  CreateTransformStmt: on('create', 'transform', one('lang')),
  CreateStatsStmt: on('create', 'statistic_ext', many('defnames')),
  CreateAmStmt: on('create', 'access_method', one('amname')),
  CreatePLangStmt: on('create', 'language', one('plname')),
  CreateTableSpaceStmt: on('create', 'tablespace', one('tablespacename')),
  CreatedbStmt: on('create', 'database', one('dbname')),
  DefineStmt: (walk, node, scope) => on('create', objectKind(text(node, 'kind')), many('defnames'))(walk, node, scope),
  AlterTableStmt: alterTable,
  AlterDomainStmt: on('alter', 'domain', many('typeName')),
  AlterTypeStmt: on('alter', 'type', many('typeName')),
  AlterEnumStmt: on('alter', 'type', many('typeName')),
  AlterSeqStmt: on('alter', 'sequence', range('sequence')),
  AlterPolicyStmt: on('alter', 'policy', (node) => [...range('table')(node), text(node, 'policy_name') ?? '']),
  AlterEventTrigStmt: on('alter', 'event_trigger', one('trigname')),
  AlterFunctionStmt: (walk, node, scope) => {
    const { type, name } = objectName('function', strings(list(struct(node, 'func') ?? {}, 'objname')));
    walk.sink.add('alter', type, name, {
      object: objectKind(text(node, 'objtype')),
      ...(hasOption(list(node, 'actions'), 'security') ? { security_definer: true } : {}),
    });
    walk.fields('AlterFunctionStmt', node, scope);
  },
  AlterOperatorStmt: on('alter', 'operator', (node) => strings(list(struct(node, 'opername') ?? {}, 'objname'))),
  AlterOpFamilyStmt: on('alter', 'opfamily', many('opfamilyname')),
  AlterCollationStmt: on('alter', 'collation', many('collname')),
  AlterStatsStmt: on('alter', 'statistic_ext', many('defnames')),
  AlterTSDictionaryStmt: on('alter', 'tsdictionary', many('dictname')),
  AlterTSConfigurationStmt: on('alter', 'tsconfiguration', many('cfgname')),
  AlterTableSpaceOptionsStmt: on('alter', 'tablespace', one('tablespacename')),
  AlterTableMoveAllStmt: on('alter', 'tablespace', one('orig_tablespacename')),
  AlterDatabaseStmt: on('alter', 'database', one('dbname')),
  AlterDatabaseRefreshCollStmt: on('alter', 'database', one('dbname')),
  AlterObjectSchemaStmt: (walk, node, scope) => {
    changeOf('alter', 'objectType', 'schema')(walk, node, scope);
    movedObject(walk, node);
  },
  AlterOwnerStmt: changeOf('alter', 'objectType', 'owner'),
  AlterObjectDependsStmt: changeOf('alter', 'objectType', 'depends'),
  RenameStmt: (walk, node, scope) => {
    changeOf('rename', 'renameType', null)(walk, node, scope);
    renamedFunction(walk, node);
    if (text(node, 'renameType') === 'OBJECT_ROLE') walk.sink.add('role', 'role', [text(node, 'subname')], { change: ['rename'] });
  },
  CommentStmt: changeOf('comment', 'objtype', null),
  SecLabelStmt: changeOf('security_label', 'objtype', null),
  DropStmt: drop,
  DropdbStmt: on('drop', 'database', one('dbname')),
  DropTableSpaceStmt: on('drop', 'tablespace', one('tablespacename')),
};
