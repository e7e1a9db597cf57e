/**
 * A text traced statement by statement, as far as masking asks. Kept by the text (or by the shape, where no literal matters) for one snapshot
 * of the catalog, for all sessions of the process: nothing of a session is in it.
 */
import type { Catalog } from '../catalog/catalog.js';
import type { Analysis } from '../facts/index.js';
import { parse } from '../facts/parser.js';
import { as, field, isTree, list, relationName, strings, struct, type Tree, tagged, text as textOf } from '../facts/tree.js';
import { unknownLineage } from '../lineage/lineage.js';
import { output } from '../lineage/sources.js';
import { type StatementLineage, statementLineage } from '../lineage/statement-lineage.js';
import type { LineageContext } from '../lineage/trace.js';
import { type CopyFormat, copyFormat } from './copy-format.js';

export interface CopyIn {
  /** Null: written in a way that cannot be read. */
  readonly format: CopyFormat | null;
  readonly relation: readonly (string | null)[];
  /** Names of the columns that the fields of a row are for; null: all that the table has. */
  readonly columns: readonly string[] | null;
}

export interface TracedStatement {
  readonly lineage: StatementLineage;
  /** Null: no COPY … TO STDOUT, or one in a way that cannot be masked. */
  readonly copy: CopyFormat | null;
  readonly copiesOut: boolean;
  /** Rows of the client that go into a table. */
  readonly copiesIn: CopyIn | null;
  /** Of PREPARE and DECLARE: the statement that they keep. */
  readonly inner: TracedStatement | null;
  /** Constants of the statement that would be written, where it writes. */
  readonly literals: readonly string[];
  /** What names mean may be something else behind it. */
  readonly changes: boolean;
}

const UNKNOWN = unknownLineage('the text is not understood');

const NOT_UNDERSTOOD: TracedStatement = {
  lineage: {
    outputs: [output(null, UNKNOWN, true)],
    spelled: UNKNOWN,
    conditions: [],
    failures: [],
    flows: [],
    plainFlows: [],
    created: [],
    ties: [],
    computed: UNKNOWN,
    comparisons: [],
    runs: null,
    given: UNKNOWN,
    names: null,
    placed: null,
    literalSensitive: true,
  },
  copy: null,
  copiesOut: false,
  copiesIn: null,
  inner: null,
  literals: [],
  changes: true,
};

export const NOTHING_KNOWN: readonly TracedStatement[] = [NOT_UNDERSTOOD];

const KEPT = 2_000;

/** What was traced with one snapshot of the catalog (or, under this key, with none) and the path of a fresh session. */
const NO_CATALOG = {};

class Traces {
  readonly byAnalysis = new WeakMap<Analysis, readonly TracedStatement[]>();
  #young = new Map<string, readonly TracedStatement[]>();
  #old = new Map<string, readonly TracedStatement[]>();

  get(key: string): readonly TracedStatement[] | undefined {
    const found = this.#young.get(key) ?? this.#old.get(key);
    if (found !== undefined) this.set(key, found);
    return found;
  }

  set(key: string, traced: readonly TracedStatement[]): void {
    if (this.#young.size >= KEPT) [this.#old, this.#young] = [this.#young, new Map<string, readonly TracedStatement[]>()];
    this.#young.set(key, traced);
  }
}

const known = new WeakMap<object, { readonly fresh: Traces; readonly shifted: Traces }>();

/** `context` with nothing of a session in it, or `own` true: then nothing is kept. */
export function traceText(analysis: Analysis, text: Uint8Array, context: LineageContext, own: boolean): readonly TracedStatement[] {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.length);
  if (own) return trace(bytes.toString('utf8'), context);
  const holder: Catalog | object = context.catalog ?? NO_CATALOG;
  let traces = known.get(holder);
  if (traces === undefined) known.set(holder, (traces = { fresh: new Traces(), shifted: new Traces() }));
  const kept = context.searchPath === null ? traces.shifted : traces.fresh;
  const byShape = analysis.shareable ? kept.byAnalysis.get(analysis) : undefined;
  if (byShape !== undefined) return byShape;
  const key = bytes.toString('utf8');
  let traced = kept.get(key);
  if (traced === undefined) {
    traced = trace(key, context);
    const shared = analysis.shareable && traced.every(({ lineage, literals }) => !lineage.literalSensitive && literals.length === 0);
    if (shared) kept.byAnalysis.set(analysis, traced);
    else kept.set(key, traced);
  }
  return traced;
}

function trace(text: string, context: LineageContext): readonly TracedStatement[] {
  if (text.trim() === '') return [];
  const parsed = parse(text);
  if (parsed.kind !== 'tree') return NOTHING_KNOWN;
  const roots = parsed.statements.map((entry) => (isTree(entry) ? field(entry, 'stmt') : undefined));
  // What one statement of a text changes, the next one finds changed; the snapshot is of before. What is prepared is read again when it runs, behind all of them.
  const behind = roots.some(changesCatalog) ? withoutCatalog(context) : context;
  let changed = false;
  return roots.map((statement) => {
    const traced = traceStatement(statement, changed ? withoutCatalog(context) : context, behind);
    changed ||= traced.changes;
    return traced;
  });
}

/** `context` where what names mean is not known any more. */
export function withoutCatalog(context: LineageContext): LineageContext {
  return { ...context, catalog: null, temporary: () => null };
}

const PLAIN = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'CopyStmt', 'TransactionStmt', 'ExplainStmt', 'PrepareStmt']);
const NAMED = new Set(['DeclareCursorStmt', 'FetchStmt', 'ClosePortalStmt', 'DeallocateStmt', 'ExecuteStmt', 'VariableShowStmt', 'LockStmt']);

function changesCatalog(statement: unknown): boolean {
  const tag = tagged(statement)?.tag ?? '';
  return !PLAIN.has(tag) && !NAMED.has(tag);
}

/** `behind`: for what is prepared. */
function traceStatement(statement: unknown, context: LineageContext, behind: LineageContext): TracedStatement {
  const { tag, node } = tagged(statement) ?? { tag: '', node: {} };
  const keeps = tag === 'PrepareStmt' || tag === 'DeclareCursorStmt';
  const copiesOut = tag === 'CopyStmt' && field(node, 'is_from') !== true;
  return {
    lineage: statementLineage(statement, context),
    changes: changesCatalog(statement),
    copy: copiesOut ? copyFormat(node) : null,
    copiesOut,
    copiesIn: tag === 'CopyStmt' && !copiesOut ? copyIn(node) : null,
    inner: keeps ? traceStatement(field(node, 'query'), tag === 'PrepareStmt' ? behind : context, behind) : null,
    literals: writes(tag) || writesWithin(node) ? literalsIn(node) : [],
  };
}

/** Null: the server reads a file, or runs a program. */
function copyIn(node: Tree): CopyIn | null {
  const relation = struct(node, 'relation');
  if (relation === null || field(node, 'is_program') === true || textOf(node, 'filename') !== null) return null;
  const columns = strings(list(node, 'attlist'));
  return { format: copyFormat(node), relation: relationName(relation), columns: columns.length === 0 ? null : columns };
}

const writes = (tag: string): boolean => tag === 'InsertStmt' || tag === 'UpdateStmt' || tag === 'MergeStmt' || tag === 'ExecuteStmt';

/** EXPLAIN ANALYZE of a write or of EXECUTE, CREATE TABLE AS EXECUTE, and writes in WITH. */
function writesWithin(node: Tree): boolean {
  if (writes(tagged(field(node, 'query'))?.tag ?? '')) return true;
  const clause = struct(node, 'withClause') ?? struct(tagged(field(node, 'query'))?.node ?? {}, 'withClause');
  return clause !== null && list(clause, 'ctes').some((each) => writes(tagged(field(as(each, 'CommonTableExpr') ?? {}, 'ctequery'))?.tag ?? ''));
}

function constantText(constant: Tree): string {
  const whole = struct(constant, 'ival');
  const other = struct(constant, 'sval') ?? struct(constant, 'fval') ?? {};
  return whole === null ? (textOf(other, 'sval') ?? textOf(other, 'fval') ?? '') : String(field(whole, 'ival') ?? 0);
}

function literalsIn(node: Tree): readonly string[] {
  const found: string[] = [];
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const each of value) walk(each);
      return;
    }
    if (!isTree(value)) return;
    const constant = as(value, 'A_Const');
    if (constant !== null) found.push(constantText(constant));
    else for (const key of Object.keys(value)) walk(field(value, key));
  };
  walk(node);
  return found;
}
