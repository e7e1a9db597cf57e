/** What kind of statement the top node is, as far as the names of a session are concerned. */
import { field, flag, struct, type Tree, tagged, text } from './tree.js';

export type StatementKind = 'prepare' | 'execute' | 'deallocate' | 'declare' | 'fetch' | 'close' | 'discard' | 'transaction' | 'copy' | 'other';

export interface StatementForm {
  readonly kind: StatementKind;
  /** Of a prepared statement or cursor; of `transaction`, its kind (`begin`, `commit` …). */
  readonly name: string | null;
  /** DEALLOCATE ALL, CLOSE ALL, DISCARD ALL. */
  readonly all: boolean;
  /** INSERT, UPDATE, DELETE or MERGE with no other one inside: the server's command tag counts all rows that it changes. */
  readonly counted: boolean;
  /** What PREPARE takes: SELECT, VALUES, INSERT, UPDATE, DELETE or MERGE. It does what it says, whoever runs it by a name, and changes no name. */
  readonly preparable: boolean;
}

export function statementInfo(statement: unknown): StatementForm & { readonly inner: unknown } {
  const found = tagged(statement);
  if (found === null) return form('other', null);
  const { tag, node } = found;
  switch (tag) {
    case 'PrepareStmt':
      return { ...form('prepare', text(node, 'name')), inner: field(node, 'query') };
    case 'DeclareCursorStmt':
      return { ...form('declare', text(node, 'portalname')), inner: field(node, 'query') };
    case 'ExecuteStmt':
      return form('execute', text(node, 'name'));
    case 'DeallocateStmt':
      return form('deallocate', text(node, 'name'), flag(node, 'isall') || text(node, 'name') === null);
    case 'FetchStmt':
      return form('fetch', text(node, 'portalname'));
    case 'ClosePortalStmt':
      return form('close', text(node, 'portalname'), text(node, 'portalname') === null);
    case 'DiscardStmt':
      return form('discard', null, text(node, 'target') === 'DISCARD_ALL');
    case 'TransactionStmt':
      return form('transaction', (text(node, 'kind') ?? 'unknown').replace('TRANS_STMT_', '').toLowerCase());
    case 'CopyStmt':
      return form('copy', null);
    case 'ExplainStmt':
    case 'CreateTableAsStmt':
      return executed(node);
    default:
      return {
        ...form('other', null),
        counted: WRITES.has(tag) && !holdsWrite(node),
        preparable: WRITES.has(tag) || (tag === 'SelectStmt' && struct(node, 'intoClause') === null),
      };
  }
}

const WRITES: ReadonlySet<string> = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);

/** A statement that writes anywhere below: WITH is the place, and none is left out. */
function holdsWrite(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsWrite);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, inner]) => WRITES.has(key) || holdsWrite(inner));
}

/** EXPLAIN EXECUTE and CREATE TABLE AS EXECUTE run a prepared statement as well. */
function executed(node: Tree): StatementForm & { readonly inner: unknown } {
  const query = tagged(field(node, 'query'));
  if (query === null) return form('other', null);
  if (query.tag === 'ExecuteStmt') return form('execute', text(query.node, 'name'));
  // EXPLAIN CREATE TABLE AS EXECUTE
  return query.tag === 'CreateTableAsStmt' && struct(query.node, 'into') !== null ? executed(query.node) : form('other', null);
}

function form(kind: StatementKind, name: string | null, all = false): StatementForm & { readonly inner: unknown } {
  return { kind, name, all, counted: false, preparable: false, inner: null };
}
