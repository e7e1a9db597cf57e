/**
 * Which operations change rows, and whether the server's answer will say how many: only a single INSERT, UPDATE, DELETE or MERGE without
 * another one inside has a command tag that counts them all. Everything else that changes rows is refused where rows are limited. Pure.
 */
import type { Facts, Operation } from '../../contract/operation.js';
import type { Conversation } from './conversation.js';
import type { Analysis } from './facts/index.js';
import type { Statement } from './names.js';

const CHANGES: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'merge', 'copy_from', 'truncate']);
/** With one of these, the tag is not that of the write. */
const WRAPPED: ReadonlySet<string> = new Set(['explain', 'create', 'copy_from', 'truncate', 'copy_to', 'do', 'procedure']);

interface Seen {
  readonly changes: boolean;
  readonly wrapped: boolean;
  /** PREPARE: nothing runs. */
  readonly prepares: boolean;
  /** The first relation that is written, for people. */
  readonly relation: string;
}

/** By identity of the facts, which are shared. */
const seen = new WeakMap<Facts, Seen>();

function look(facts: Facts): Seen {
  const known = seen.get(facts);
  if (known !== undefined) return known;
  let [changes, wrapped, prepares, relation] = [false, false, false, ''];
  for (const { action, resource, facts: each } of facts.effects) {
    if (CHANGES.has(action) || (action === 'create' && each['into'] === true)) {
      changes = true;
      if (relation === '') relation = resource?.name.filter((part) => part !== null).join('.') ?? '';
    }
    if (WRAPPED.has(action)) wrapped = true;
    if (action === 'prepare') prepares = true;
  }
  const result = { changes, wrapped, prepares, relation };
  seen.set(facts, result);
  return result;
}

export const changesRows = (facts: Facts): boolean => look(facts).changes;

export const changedRelation = (facts: Facts): string => look(facts).relation;

/** The operation with what it changes; the same one when that is nothing. `counted`: its text is one statement whose tag counts. */
export function withChanges(operation: Operation, counted: boolean, alone: boolean): Operation {
  const { changes, wrapped, prepares } = look(operation.facts);
  if (!changes || (prepares && alone)) return operation;
  return { ...operation, changes: counted && !wrapped ? 'counted' : 'uncounted' };
}

/** The same of a statement that was prepared, as it is now: what an EXECUTE runs is another statement when its name is given anew. */
export function countsNow({ source, counted }: Statement, talk: Conversation): boolean {
  return source.inner ? counted : isCounted(source.analysis, talk);
}

/** Whether the tag of what `analysis` runs counts all the rows that it changes. */
export function isCounted(analysis: Analysis, talk: Conversation): boolean {
  const [only] = analysis.statements;
  if (only === undefined || analysis.statements.length > 1) return false;
  if (only.kind !== 'execute' || only.name === null) return only.counted;
  const statement = talk.statements.lookup(only.name, talk.segment);
  return statement !== null && statement !== 'unsettled' && statement.counted;
}
