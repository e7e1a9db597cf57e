/** Words of a search that only few can be: with another one the answer would be that nothing was found. */
import { closestWord } from '../base/closest-word.js';
import { GwError } from '../contract/gw-error.js';
import type { ApiServices } from './api-services.js';

/** Actions of operations: all that a protocol has, and what could not be understood. */
export function actionWords({ protocols }: Pick<ApiServices, 'protocols'>): readonly string[] {
  return [...new Set([...[...protocols.values()].flatMap(({ actions }) => actions.map(({ name }) => name)), 'unknown'])].sort();
}

/** @throws GwError `usage.invalid`: `value` is none of `words`, in whatever case */
export function requireWord(what: string, value: string, words: readonly string[]): void {
  if (words.includes(value.toLowerCase())) return;
  const near = closestWord(value, words);
  const all = `Write ${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}.`;
  throw new GwError('usage.invalid', `There is no such ${what} to search for.`, { hint: near === null ? all : `Did you mean ${near}? ${all}` });
}

/** Notes as part of an answer, where there are any. */
export const withNotes = (notes: readonly string[]): { readonly notes?: readonly string[] } => (notes.length === 0 ? {} : { notes });

/** Of classes of data that the policy in force does not know. What earlier policies masked is found all the same. */
export function notesOnClasses(classes: readonly string[], { policy }: Pick<ApiServices, 'policy'>): readonly string[] {
  const known = policy.current().classes;
  const unknown = [...new Set(classes.map((name) => name.toLowerCase()))].filter((name) => !known.has(name));
  return unknown.map((name) => {
    const near = closestWord(name, known);
    return `The policy in force knows no class of data "${name}": only what an earlier policy masked as that is found.${near === null ? '' : ` Did you mean ${near}?`}`;
  });
}
