/** The effects of a text in a few words for people: "reads bank.customers, deletes from ledger.entries without WHERE". */
import type { Effect } from '../../../contract/operation.js';

const SHOWN = 6;
const NAME_LIMIT = 80;

/** Verbs for the actions whose name alone reads badly; the rest is said as it is called. */
const VERBS: Readonly<Record<string, string>> = {
  select: 'reads',
  insert: 'inserts into',
  update: 'updates',
  delete: 'deletes from',
  merge: 'merges into',
  truncate: 'truncates',
  copy_from: 'copies into',
  copy_to: 'copies out',
  copy_program: 'runs on the server',
  copy_file: 'copies with the server file',
  create: 'creates',
  alter: 'alters',
  drop: 'drops',
  rename: 'renames',
  grant: 'grants on',
  revoke: 'revokes on',
  call: 'calls',
  procedure: 'runs procedure',
  set: 'sets',
  reset: 'resets',
  show: 'shows',
  session_role: 'changes the session role',
  explain: 'explains',
  prepare: 'prepares',
  execute: 'executes',
  lock: 'locks',
  listen: 'listens on',
  unlisten: 'stops listening on',
  notify: 'notifies',
  do: 'runs a DO block',
  role: 'changes role',
  unknown: 'does what cannot be known',
};

export function summarise(effects: readonly Effect[]): string {
  if (effects.length === 0) return 'nothing';
  const told = effects.filter((effect) => effect.action !== 'call' || effect.facts['class'] !== 'plain');
  const parts = [...new Set((told.length === 0 ? effects : told).map(phrase))];
  const rest = parts.length - SHOWN;
  return parts.slice(0, SHOWN).join(', ') + (rest > 0 ? ` and ${String(rest)} more` : '');
}

function phrase(effect: Effect): string {
  const { action, resource, facts } = effect;
  if (action === 'unknown') return `unknown: ${String(facts['reason'])}`;
  if (action === 'transaction') return `transaction ${String(facts['kind'])}`;
  if (action === 'select' && resource === null) return facts['only_constants'] === true ? 'reads constants' : 'computes values';
  if (action === 'set' && resource?.name[0] === null) return 'sets what nobody can tell';
  const verb = VERBS[action] ?? action.replaceAll('_', ' ');
  const object =
    (action === 'create' || action === 'alter' || action === 'drop') && typeof facts['object'] === 'string' ? ` ${facts['object'].replaceAll('_', ' ')}` : '';
  const name = resource === null ? '' : ` ${nameOf(resource.name)}`;
  return `${verb}${object}${name}${where(facts['where'])}`;
}

function nameOf(parts: readonly (string | null)[]): string {
  const name = parts.filter((part) => part !== null).join('.');
  return name.length > NAME_LIMIT ? `${name.slice(0, NAME_LIMIT)}…` : name;
}

function where(effect: unknown): string {
  if (effect === 'none') return ' without WHERE';
  if (effect === 'vacuous') return ' with a WHERE that is always true';
  return effect === 'unknown' ? ' with a WHERE of unknown effect' : '';
}
