/**
 * Views over pg_settings. PostgreSQL lets anybody update a view over one relation, and an UPDATE of pg_settings sets; under the view's name
 * nobody would see it. So the making of such a view is the effect: `set` of a setting that is not known. What was made before, or elsewhere,
 * stays unseen: the engine watches what settings the server reports.
 */
import type { EffectSink } from './effect-sink.js';
import { as, list, relationName, struct, type Tree, text } from './tree.js';

/** Adds the effect when `query`, of a view, reads pg_settings and nothing beside it: no other view can be updated. */
export function settingsViewEffect(sink: EffectSink, query: unknown): void {
  const select = as(query, 'SelectStmt');
  const from = select === null ? [] : list(select, 'fromClause');
  // A view with WITH cannot be updated, and the name may be one of its own tables.
  if (select === null || from.length !== 1 || struct(select, 'withClause') !== null) return;
  const range = as(from[0], 'RangeVar');
  if (range === null) return;
  const [schema, name] = relationName(range);
  if (name === 'pg_settings' && (schema === null || schema === 'pg_catalog')) sink.add('set', 'setting', [null], { scope: 'session' });
}

/** ON SELECT DO INSTEAD makes a view too, out of a table (up to 15). */
export function settingsRuleEffect(sink: EffectSink, rule: Tree): void {
  if (text(rule, 'event') !== 'CMD_SELECT') return;
  for (const action of list(rule, 'actions')) settingsViewEffect(sink, action);
}
