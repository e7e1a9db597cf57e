/**
 * Settings that decide how the server reads bytes. The gateway pins them at startup and judges statements on that ground, so no statement
 * may change them, whatever policy allows (redteam 6c: with standard_conforming_strings off, one SELECT for the parser is a DELETE for the
 * server). The server's ParameterStatus is watched as well (`checkPinned`).
 */
import type { Facts } from '../../contract/operation.js';

/** By folded name: the values that keep the pin. */
const PINNED: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['client_encoding', new Set(['utf8', 'utf-8', 'unicode', 'default'])],
  ['names', new Set(['utf8', 'utf-8', 'unicode', 'default'])],
  ['standard_conforming_strings', new Set(['on', 'true', 'yes', '1', 'default'])],
]);

/** Why these facts may not be carried, or null. A value that is not known counts as a wrong one. */
export function pinnedSetting(facts: Facts): string | null {
  for (const effect of facts.effects) {
    if (effect.action !== 'set' || effect.resource === null) continue;
    const name = effect.resource.name.at(-1)?.toLowerCase() ?? '';
    const allowed = PINNED.get(name);
    if (allowed === undefined) continue;
    const value = effect.facts['value'];
    if (typeof value !== 'string' || !allowed.has(value.toLowerCase())) return `the gateway pins the setting ${name}`;
  }
  return null;
}
