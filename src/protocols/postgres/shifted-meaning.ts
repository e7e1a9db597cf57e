/**
 * Whether carrying something out may change what a later text of the session means: where its names are looked up (search_path, a temporary
 * table before all others), who runs it, how its literals are read; and code whose body nobody saw, which may do any of that. From then on a
 * text does not say by itself what it does, so what people approved for it elsewhere is not good for it here.
 */
import type { Effect, Facts } from '../../contract/operation.js';
import { asWritten } from './facts/index.js';

const SETTINGS: ReadonlySet<string> = new Set(['search_path', 'role', 'session_authorization', 'datestyle', 'transform_null_equals']);

function shifts({ action, resource, facts }: Effect): boolean {
  switch (action) {
    case 'session_role':
    case 'unknown':
    case 'do':
    case 'procedure':
      return true;
    case 'set': {
      const name = resource?.name.at(-1) ?? null;
      return name === null || SETTINGS.has(name.toLowerCase());
    }
    case 'create':
      return facts['temporary'] === true;
    case 'call':
      return facts['class'] === 'user' || facts['class'] === 'dynamic_sql';
    default:
      return false;
  }
}

/** By identity of the facts, which are shared and never change. */
const known = new WeakMap<Facts, boolean>();

export function shiftsMeaning(explained: Facts): boolean {
  const facts = asWritten(explained);
  let found = known.get(facts);
  if (found === undefined) {
    found = facts.effects.some(shifts);
    known.set(facts, found);
  }
  return found;
}
