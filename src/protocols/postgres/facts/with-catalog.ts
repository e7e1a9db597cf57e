/**
 * What the calls of a text mean on a server whose catalog is known. Which function a name means depends on the path, the arguments and what
 * else exists, so a name is taken for *everything* that it could mean in any schema: CVE-2018-1058 is a `lower(varchar)` of somebody else
 * that fits better than PostgreSQL's own. A function of users becomes one effect for each that it may be, with what the catalog says of it; an
 * unqualified name of PostgreSQL's own becomes a call of each namesake as well that is not to be trusted, and so do operators and casts.
 * Without a catalog each such name may be anything. Pure; the same facts and the same meanings give the very same object, because decisions
 * are cached by its identity.
 */
import type { Effect, Facts, FactValue } from '../../../contract/operation.js';
import type { Catalog, CatalogFunction } from '../catalog/catalog.js';
import { UNSEEN } from './function-class.js';
import { type NameUses, usesOf } from './name-uses.js';
import { KEYWORD_CALLS } from './newer-grammar.js';
import { summarise } from './summary.js';

interface Derived {
  readonly uses: NameUses;
  readonly byCatalog: WeakMap<Catalog, Facts>;
  unseen: Facts | null;
  /** One for each meaning that was met, by its effects in JSON. */
  readonly byMeaning: Map<string, Facts>;
}

/** Meanings of one text kept at the same time; a catalog that changes makes few. */
const MEANINGS_LIMIT = 16;

/** Null: nothing in the facts depends on the catalog. */
const derived = new WeakMap<Facts, Derived | null>();

function derivedOf(facts: Facts): Derived | null {
  let found = derived.get(facts);
  if (found === undefined) {
    const uses = usesOf(facts);
    const open = uses.operators.length > 0 || uses.types.length > 0 || facts.effects.some(isOpen);
    found = open ? { uses, byCatalog: new WeakMap(), unseen: null, byMeaning: new Map() } : null;
    derived.set(facts, found);
  }
  return found;
}

/** Those to which a call was added that the text does not name as one of users'. */
const bent = new WeakSet<Facts>();

/**
 * Whether a name may mean something else than it seems to. What people approved for such a text at another time, when it may have meant what
 * it seems to, is not good for it.
 */
export function mayBeBent(facts: Facts): boolean {
  return bent.has(facts);
}

/** What was made without a catalog, and of what. */
const written = new WeakMap<Facts, Facts>();

/** The facts without what was added only because no catalog was there: that a name might be anything is no sign that it is. */
export function asWritten(facts: Facts): Facts {
  return written.get(facts) ?? facts;
}

/** Whether the catalog has a say in what these facts are. */
export function needsCatalog(facts: Facts): boolean {
  return derivedOf(facts) !== null;
}

/** `catalog` null: none is available. */
export function withCatalog(facts: Facts, catalog: Catalog | null): Facts {
  const found = derivedOf(facts);
  if (found === null) return facts;
  if (catalog === null) {
    if (found.unseen === null) {
      found.unseen = meaning(facts, found, unseenEffects(facts, found.uses));
      written.set(found.unseen, facts);
      if (found.unseen !== facts) bent.add(found.unseen);
    }
    return found.unseen;
  }
  let result = found.byCatalog.get(catalog);
  if (result === undefined) {
    const { effects, namesakes } = seenEffects(facts, found.uses, catalog);
    result = meaning(facts, found, effects);
    if (namesakes && result !== facts) bent.add(result);
    found.byCatalog.set(catalog, result);
  }
  return result;
}

function meaning(facts: Facts, found: Derived, effects: readonly Effect[]): Facts {
  if (effects.length === facts.effects.length && effects.every((each, i) => each === facts.effects[i])) return facts;
  const key = JSON.stringify(effects);
  let same = found.byMeaning.get(key);
  if (same === undefined) {
    same = Object.freeze({ effects, unknown: facts.unknown, summary: summarise(effects), redacted: facts.redacted });
    if (found.byMeaning.size >= MEANINGS_LIMIT) found.byMeaning.clear();
    found.byMeaning.set(key, same);
  }
  return same;
}

interface Call {
  readonly schema: string | null;
  readonly name: string;
  readonly ofUsers: boolean;
  readonly operator: boolean;
}

function callOf(effect: Effect): Call | null {
  if (effect.action !== 'call' || effect.resource?.type !== 'function') return null;
  const [schema = null, name = null] = effect.resource.name;
  if (name === null) return null;
  return { schema, name, ofUsers: effect.facts['class'] === 'user', operator: effect.facts['operator'] === true };
}

/** A call whose meaning the name leaves open. `pg_catalog.lower` leaves nothing open but what a superuser put into that schema. */
function isOpen(effect: Effect): boolean {
  const call = callOf(effect);
  return call !== null && (call.ofUsers || call.schema === null || call.schema === 'pg_catalog');
}

/**
 * Code that may run unseen: it has no rights but the caller's, is not able to write by itself, and comes from who could do anything anyway.
 * A SECURITY DEFINER function, a volatile one, and one that just anybody owns is none.
 */
function isTrusted(code: CatalogFunction): boolean {
  const vouched = code.ownerSuperuser || (code.extension !== null && code.extensionOfSuperuser);
  return vouched && !code.securityDefiner && code.volatility !== 'volatile';
}

class Effects {
  readonly #all = new Map<string, Effect>();

  keep(effect: Effect): void {
    this.#all.set(JSON.stringify([effect.action, effect.resource, effect.facts]), effect);
  }

  call(schema: string | null, name: string, facts: Readonly<Record<string, FactValue>>, operator: boolean): void {
    this.keep({ action: 'call', resource: { type: 'function', name: [schema, name], columns: null }, facts: operator ? { ...facts, operator: true } : facts });
  }

  meant(code: CatalogFunction, operator: boolean): void {
    this.call(
      code.schema,
      code.name,
      {
        class: 'user',
        volatility: code.volatility,
        security_definer: code.securityDefiner,
        owner: code.owner,
        ...(code.extension === null ? {} : { extension: code.extension }),
        trusted: isTrusted(code),
      },
      operator,
    );
  }

  list(): readonly Effect[] {
    return [...this.#all.values()];
  }
}

function seenEffects(facts: Facts, uses: NameUses, catalog: Catalog): { readonly effects: readonly Effect[]; readonly namesakes: boolean } {
  const effects = new Effects();
  let found = false;
  const namesakes = (all: readonly CatalogFunction[], operator: boolean): void => {
    for (const code of all) {
      if (isTrusted(code)) continue;
      found = true;
      effects.meant(code, operator);
    }
  };
  for (const effect of facts.effects) {
    const call = callOf(effect);
    if (call === null || !isOpen(effect)) {
      effects.keep(effect);
      continue;
    }
    const { schema, name, operator } = call;
    const meant = operator ? catalog.operators(schema, name) : [...catalog.functions(schema, name), ...catalog.conversions(schema, name)];
    if (!call.ofUsers) {
      effects.keep(effect);
      namesakes(meant, operator);
    } else if (meant.length === 0) {
      if (schema !== null || !KEYWORD_CALLS.has(name)) effects.keep(effect);
    } else for (const code of meant) effects.meant(code, operator);
  }
  for (const name of uses.operators) namesakes(catalog.operators(null, name), true);
  for (const [schema, name] of uses.types) namesakes(catalog.conversions(schema, name), false);
  return { effects: effects.list(), namesakes: found };
}

function unseenEffects(facts: Facts, uses: NameUses): readonly Effect[] {
  const effects = new Effects();
  for (const effect of facts.effects) {
    effects.keep(effect);
    const call = callOf(effect);
    if (call !== null && !call.ofUsers && call.schema === null) effects.call(null, call.name, UNSEEN, call.operator);
  }
  for (const name of uses.operators) effects.call(null, name, UNSEEN, true);
  for (const [schema, name] of uses.types) effects.call(schema, name, UNSEEN, false);
  return effects.list();
}
