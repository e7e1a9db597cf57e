/**
 * Settings that decide how the server reads bytes. The gateway pins them at startup and judges statements on that ground, so no statement
 * may change them, whatever policy allows (redteam 6c: with standard_conforming_strings off, one SELECT for the parser is a DELETE for the
 * server). The server's ParameterStatus is watched as well (`checkPinned`).
 */
import type { Facts } from '../../contract/operation.js';
import { usesOf } from './facts/index.js';

/** Looked in before everything else by itself; what is behind another schema can be hidden by that one (CVE-2018-1058). */
const OWN_SCHEMA = 'pg_catalog';
/** Functions and operators are never looked for there. */
const TEMPORARY = 'pg_temp';

/**
 * Why a search_path of this value may not be set, or null. The gateway takes a name for all that it could mean in any schema, so paths may be
 * anything but one that puts PostgreSQL's own schema behind another, which no honest client does, or one that nobody can read.
 */
function hidingPath(value: unknown): string | null {
  if (typeof value !== 'string') return 'a search_path that is computed cannot be judged; write it as a constant';
  // As the server reads a list of names, but for the case of quoted ones: a superset.
  const schemas = value.split(',').map((part) => part.trim().replaceAll('"', '').toLowerCase());
  const first = schemas.findIndex((schema) => schema !== TEMPORARY);
  return schemas.lastIndexOf(OWN_SCHEMA) > first ? 'pg_catalog may stand first in a search_path, or be left out, but not behind another schema' : null;
}

/** By folded name: the values that keep the pin. */
const PINNED: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['client_encoding', new Set(['utf8', 'utf-8', 'unicode', 'default'])],
  ['names', new Set(['utf8', 'utf-8', 'unicode', 'default'])],
  ['standard_conforming_strings', new Set(['on', 'true', 'yes', '1', 'default'])],
]);

/** Why these facts may not be carried, or null. A value that is not known counts as a wrong one. */
export function pinnedSetting(facts: Facts): string | null {
  for (const path of usesOf(facts).paths) {
    const hiding = hidingPath(path);
    if (hiding !== null) return hiding;
  }
  for (const effect of facts.effects) {
    if (effect.action !== 'set' || effect.resource === null) continue;
    const name = effect.resource.name.at(-1)?.toLowerCase() ?? '';
    if (name === 'search_path') {
      const hiding = hidingPath(effect.facts['value']);
      if (hiding !== null) return hiding;
    }
    const allowed = PINNED.get(name);
    if (allowed === undefined) continue;
    const value = effect.facts['value'];
    if (typeof value !== 'string' || !allowed.has(value.toLowerCase())) return `the gateway pins the setting ${name}`;
  }
  return null;
}
