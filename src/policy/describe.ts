/**
 * Words for people: an effect and an identity in one short phrase. Names in them come from clients, so control and formatting
 * characters are written as escapes (no terminal sequence, no line break, no reordering of text) and lengths are bounded.
 */
import type { Identity } from '../contract/identity.js';
import type { Effect, FactValue } from '../contract/operation.js';

const PLAIN = /^[A-Za-z0-9_$@:/-]+$/;
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
const LIMIT = 100;

/** Untrusted text as it may be shown: escaped and cut. */
export function printable(text: string): string {
  const cut = text.length > LIMIT ? `${text.slice(0, LIMIT)}…` : text;
  return cut.replace(HIDDEN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

const part = (name: string): string => (PLAIN.test(name) ? printable(name) : `"${printable(name)}"`);

function factText(value: FactValue): string {
  return typeof value === 'object' ? value.slice(0, 5).map(printable).join(' ') : printable(String(value));
}

/** `delete on ledger.entries (where: none)`. `facts` names the facts worth saying. */
export function describeEffect(effect: Effect, facts: readonly string[]): string {
  const said = facts.flatMap((name) => {
    const value = Object.hasOwn(effect.facts, name) ? effect.facts[name] : 'unknown';
    return value === undefined ? [] : [`${name}: ${factText(value)}`];
  });
  let text = printable(effect.action);
  if (effect.resource !== null) {
    const names = effect.resource.name;
    const known = names.filter((name) => name !== null);
    text += ` on ${known.length === 0 ? `some ${effect.resource.type}` : known.map(part).join('.')}`;
    if (known.length > 0 && known.length < names.length) said.unshift('full name not known');
  }
  return said.length === 0 ? text : `${text} (${said.join(', ')})`;
}

/** Who, in the terms that policies use: `groups [auditors]`, or the kind where there are no groups. */
export function describeSubject(identity: Identity): string {
  if (identity.groups.length === 0) return `a ${identity.kind} in no group`;
  const shown = identity.groups.slice(0, 10).map(printable);
  return `groups [${shown.join(', ')}${identity.groups.length > 10 ? ', …' : ''}]`;
}
