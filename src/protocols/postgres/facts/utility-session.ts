/**
 * Statements on the session: settings, transactions, prepared statements, cursors, notifications, and the commands that neither read nor
 * define (VACUUM, LOCK …). What an EXECUTE or FETCH runs is not in the text: `resolve.ts` adds it from what the session prepared before.
 */
import { EffectSink } from './effect-sink.js';
import { objectKind } from './object-kinds.js';
import type { Scope } from './scope.js';
import { type SettingScope, settingEffect } from './settings.js';
import { as, field, flag, list, qualified, relationName, strings, struct, type Tree, tagged, text } from './tree.js';
import { secretBody } from './utility-objects.js';
import type { Handlers, Walk } from './walk.js';

function setVariable(walk: Walk, node: Tree, scope: Scope): void {
  const kind = text(node, 'kind');
  const name = text(node, 'name') ?? '';
  const reach: SettingScope = flag(node, 'is_local') ? 'local' : 'session';
  switch (kind) {
    case 'VAR_RESET_ALL':
      walk.sink.add('reset', 'setting', ['all'], { scope: 'session' });
      break;
    case 'VAR_RESET':
      settingEffect(walk.sink, name, null, reach, true);
      break;
    case 'VAR_SET_MULTI':
      setMany(walk, name, list(node, 'args'));
      break;
    case 'VAR_SET_VALUE':
    case 'VAR_SET_DEFAULT':
    case 'VAR_SET_CURRENT':
      settingEffect(walk.sink, name, kind === 'VAR_SET_DEFAULT' ? 'default' : constantsOf(walk, list(node, 'args')), reach);
      break;
    default:
      walk.sink.unknown('a SET of an unknown kind');
  }
  walk.fields('VariableSetStmt', node, scope, ['args']);
}

/** A search_path that becomes the one of a role or database. */
export function fixedPath(walk: Walk, node: Tree): void {
  if (text(node, 'name')?.toLowerCase() !== 'search_path' || text(node, 'kind') === 'VAR_RESET' || text(node, 'kind') === 'VAR_SET_DEFAULT') return;
  walk.sink.fixesPath(constantsOf(walk, list(node, 'args')));
}

/** The constants of SET, joined as the server joins them; null when there is none or one is not a constant. */
function constantsOf(walk: Walk, args: readonly unknown[]): string | null {
  const values = args.map((arg) => walk.literals.value(arg));
  return values.length === 0 || values.includes(null) ? null : values.join(', ');
}

/** SET TRANSACTION, SET SESSION CHARACTERISTICS, and the options of BEGIN: each is a setting by another name. */
function setMany(walk: Walk, name: string, options: readonly unknown[]): void {
  const forSession = name === 'SESSION CHARACTERISTICS';
  for (const option of options) {
    const element = as(option, 'DefElem');
    if (element === null) {
      // SET TRANSACTION SNAPSHOT 'id'
      walk.sink.add('set', 'setting', ['transaction_snapshot'], { scope: 'local' });
      continue;
    }
    const setting = text(element, 'defname') ?? '';
    settingEffect(
      walk.sink,
      forSession ? `default_${setting}` : setting,
      switchOf(walk.literals.value(field(element, 'arg'))),
      forSession ? 'session' : 'local',
    );
  }
}

function switchOf(value: string | null): string | null {
  if (value === '1') return 'on';
  return value === '0' ? 'off' : value;
}

function transaction(walk: Walk, node: Tree): void {
  const kind = (text(node, 'kind') ?? 'unknown').replace('TRANS_STMT_', '').toLowerCase();
  const options = list(node, 'options');
  walk.sink.bare('transaction', { kind, ...(flag(node, 'chain') ? { chain: true } : {}) });
  if (kind === 'begin' || kind === 'start') setMany(walk, 'TRANSACTION', options);
}

function explain(walk: Walk, node: Tree, scope: Scope): void {
  const runs = list(node, 'options').some((option) => explainRuns(walk, option));
  const inner = new EffectSink();
  walk.into(inner).visit(field(node, 'query'), scope);
  walk.sink.bare('explain', { analyze: runs });
  // Without ANALYZE the planner looks at the relations but nothing of the statement happens. It may evaluate functions, so calls stay.
  walk.sink.take(inner, (effect) => (runs || !PLANNED.has(effect.action) ? effect : { action: 'explain', facts: { analyze: false, of: effect.action } }));
}

const PLANNED: ReadonlySet<string> = new Set(['select', 'insert', 'update', 'delete', 'merge', 'create', 'declare', 'refresh']);

function explainRuns(walk: Walk, option: unknown): boolean {
  const element = as(option, 'DefElem');
  if (element === null || text(element, 'defname') !== 'analyze') return false;
  const arg = tagged(field(element, 'arg'));
  if (arg === null) return true;
  // `false`, `off` and `0` are the words for no; anything else is taken for yes.
  const word =
    text(arg.node, 'sval') ??
    (arg.tag === 'Integer'
      ? String(field(arg.node, 'ival') ?? 0)
      : arg.tag === 'Boolean'
        ? String(flag(arg.node, 'boolval'))
        : walk.literals.value(field(element, 'arg')));
  return !(word !== null && /^(false|off|0)$/i.test(word));
}

function relations(walk: Walk, action: string, nodes: readonly unknown[], facts: Readonly<Record<string, string | boolean>>): void {
  if (nodes.length === 0) walk.sink.bare(action, facts);
  for (const item of nodes) {
    const vacuumed = as(item, 'VacuumRelation');
    const range = vacuumed === null ? as(item, 'RangeVar') : struct(vacuumed, 'relation');
    walk.sink.add(action, 'relation', relationName(range ?? {}), facts);
  }
}

function maintenance(action: string): (walk: Walk, node: Tree) => void {
  return (walk, node) => {
    const range = struct(node, 'relation');
    if (range === null) walk.sink.bare(action);
    else walk.sink.add(action, 'relation', relationName(range));
  };
}

export const SESSION_STATEMENTS: Handlers = {
  VariableSetStmt: setVariable,
  VariableShowStmt: (walk, node) => {
    walk.sink.add('show', 'setting', [(text(node, 'name') ?? 'all').toLowerCase()]);
  },
  TransactionStmt: transaction,
  ConstraintsSetStmt: (walk) => {
    walk.sink.bare('transaction', { kind: 'set_constraints' });
  },
  ExplainStmt: explain,
  PrepareStmt: (walk, node, scope) => {
    walk.sink.add('prepare', 'statement', [text(node, 'name')]);
    walk.fields('PrepareStmt', node, scope);
  },
  ExecuteStmt: (walk, node, scope) => {
    walk.sink.add('execute', 'statement', [text(node, 'name')]);
    walk.fields('ExecuteStmt', node, scope);
  },
  DeallocateStmt: (walk, node) => {
    walk.sink.add('deallocate', 'statement', [text(node, 'name')]);
  },
  DeclareCursorStmt: (walk, node, scope) => {
    walk.sink.add('declare', 'cursor', [text(node, 'portalname')]);
    walk.fields('DeclareCursorStmt', node, scope);
  },
  FetchStmt: (walk, node) => {
    walk.sink.add('fetch', 'cursor', [text(node, 'portalname')], flag(node, 'ismove') ? { move: true } : {});
  },
  ClosePortalStmt: (walk, node) => {
    walk.sink.add('close', 'cursor', [text(node, 'portalname')]);
  },
  DiscardStmt: (walk, node) => {
    walk.sink.bare('discard', { target: (text(node, 'target') ?? 'unknown').replace('DISCARD_', '').toLowerCase() });
  },
  ListenStmt: (walk, node) => {
    walk.sink.add('listen', 'channel', [text(node, 'conditionname')]);
  },
  UnlistenStmt: (walk, node) => {
    walk.sink.add('unlisten', 'channel', [text(node, 'conditionname')]);
  },
  NotifyStmt: (walk, node) => {
    walk.sink.add('notify', 'channel', [text(node, 'conditionname')]);
  },
  DoStmt: (walk, node) => {
    walk.sink.bare('do');
    walk.sink.unknown('DO runs code that the text alone does not explain');
    for (const option of list(node, 'args')) secretBody(walk, option);
  },
  CallStmt: (walk, node, scope) => {
    const call = struct(node, 'funccall') ?? {};
    const [schema, name] = qualified(strings(list(call, 'funcname')));
    walk.sink.add('procedure', 'function', [schema, name]);
    walk.sink.unknown('CALL runs a procedure whose body is not in the text');
    walk.fields('FuncCall', call, scope, ['funcname']);
  },
  TruncateStmt: (walk, node) => {
    relations(walk, 'truncate', list(node, 'relations'), text(node, 'behavior') === 'DROP_CASCADE' ? { cascade: true } : {});
  },
  LockStmt: (walk, node) => {
    relations(walk, 'lock', list(node, 'relations'), {});
  },
  VacuumStmt: (walk, node, scope) => {
    const full = list(node, 'options').some((option) => text(as(option, 'DefElem') ?? {}, 'defname') === 'full');
    relations(walk, flag(node, 'is_vacuumcmd') ? 'vacuum' : 'analyze', list(node, 'rels'), full ? { full: true } : {});
    walk.fields('VacuumStmt', node, scope, ['rels']);
  },
  ClusterStmt: maintenance('cluster'),
  ReindexStmt: (walk, node) => {
    const kind = objectKind(text(node, 'kind'));
    const range = struct(node, 'relation');
    if (range !== null) walk.sink.add('reindex', 'relation', relationName(range), { object: kind });
    else if (kind === 'schema') walk.sink.add('reindex', 'schema', [text(node, 'name')], { object: kind });
    else walk.sink.add('reindex', 'database', [text(node, 'name')], { object: kind });
  },
  RefreshMatViewStmt: maintenance('refresh'),
  CheckPointStmt: (walk) => {
    walk.sink.bare('checkpoint');
  },
};
