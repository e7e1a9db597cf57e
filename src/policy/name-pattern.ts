/**
 * Patterns for qualified names (`bank.*`, `*.customers`, `bank."odd.name"`): one glob for each part, so that `*` never reaches across a
 * dot. A name whose parts are not all known (an unqualified table before execution) *may be* what a pattern names; deny rules take
 * that for a match and allow rules do not. Names under test are untrusted.
 */
import { counted } from '../base/counted.js';
import { compileGlob, type Glob, literalGlob } from './glob.js';

/** `is`: certainly named by the pattern. `may`: cannot be ruled out. `no`: certainly not. */
export type NameMatch = 'is' | 'may' | 'no';

export interface NamePattern {
  readonly parts: readonly Glob[];
}

export type NamePatternResult = { readonly ok: true; readonly pattern: NamePattern } | { readonly ok: false; readonly problem: string };

/** Cuts at dots outside double quotes; a quoted part is literal, `""` in it stands for one quote. */
function splitParts(text: string): Glob[] | string {
  const parts: Glob[] = [];
  let at = 0;
  for (;;) {
    if (text.charAt(at) === '"') {
      let value = '';
      let next = at + 1;
      for (;;) {
        const quote = text.indexOf('"', next);
        if (quote < 0) return 'a quoted part is not closed';
        value += text.slice(next, quote);
        next = quote + 1;
        if (text.charAt(next) !== '"') break;
        value += '"';
        next++;
      }
      if (value === '') return 'a part is empty';
      parts.push(literalGlob(value));
      at = next;
      if (at < text.length && text.charAt(at) !== '.') return 'a quoted part must be followed by a dot or the end';
    } else {
      const dot = text.indexOf('.', at);
      const end = dot < 0 ? text.length : dot;
      const part = text.slice(at, end);
      if (part === '') return 'a part is empty';
      if (part.includes('"')) return 'a double quote may only stand around a whole part';
      parts.push(compileGlob(part));
      at = end;
    }
    if (at >= text.length) return parts;
    at++;
  }
}

/**
 * Compiles a pattern for names of `partNames.length` parts. A name of one part is taken whole, dots included.
 * `problem` says in words what is wrong and what to write instead.
 */
export function parseNamePattern(text: string, partNames: readonly string[]): NamePatternResult {
  if (partNames.length === 1 && !text.startsWith('"')) return { ok: true, pattern: { parts: [compileGlob(text)] } };
  const parts = splitParts(text);
  if (typeof parts === 'string') return { ok: false, problem: parts };
  if (parts.length !== partNames.length) {
    const wanted = partNames.join('.');
    const example =
      parts.length < partNames.length ? `; write \`${'*.'.repeat(partNames.length - parts.length)}${text}\` for any ${partNames[0] ?? 'part'}` : '';
    return { ok: false, problem: `it has ${counted(parts.length, 'part')}, but such names are \`${wanted}\`${example}` };
  }
  return { ok: true, pattern: { parts } };
}

/** Compares a name with a pattern of the same number of parts. */
export function matchName(pattern: NamePattern, name: readonly (string | null)[]): NameMatch {
  let result: NameMatch = 'is';
  for (let i = 0; i < pattern.parts.length; i++) {
    const glob = pattern.parts[i];
    const part = name[i];
    if (glob === undefined || glob.any) continue;
    if (part === null || part === undefined) result = 'may';
    else if (!glob.test(part)) return 'no';
  }
  return result;
}
