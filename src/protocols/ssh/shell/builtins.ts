/**
 * Builtins of shells that make more of an argument than a text: names of variables that they set, subscripts that they evaluate (`test -v
 * 'a[$(rm x)]'` runs rm), commands, and options of the shell that change how the rest is read. Only plain names pass; what else is said to them,
 * or what bash, dash and ksh differ in, makes the command unknown.
 */
import type { Word } from './tree.js';
import { loadsCode, NAME } from './variables.js';

interface Said {
  /** Values of options, by letter. */
  readonly values: readonly (readonly [letter: string, value: string])[];
  readonly rest: readonly string[];
}

/** As getopt reads them; null: an option that is not in the lists, or a word that is not known. `values` are letters with a value. */
function said(args: readonly Word[], flags: string, values: string): Said | null {
  const texts: string[] = [];
  for (const word of args) {
    if (word.text === null || mayBeMore(word)) return null;
    texts.push(word.text);
  }
  const found: (readonly [string, string])[] = [];
  let at = 0;
  for (; at < texts.length; at++) {
    const text = texts[at] ?? '';
    if (text === '--') return { values: found, rest: texts.slice(at + 1) };
    if (!/^[-+]./.test(text)) break;
    for (let letter = 1; letter < text.length; letter++) {
      const option = text.charAt(letter);
      if (text.startsWith('-') && flags.includes(option)) continue;
      if (text.startsWith('+') || !values.includes(option)) return null;
      found.push([option, text.slice(letter + 1) === '' ? (texts[++at] ?? '') : text.slice(letter + 1)]);
      break;
    }
  }
  return { values: found, rest: texts.slice(at) };
}

/** Names of files in the place of such a word may be options, or several words. */
export const mayBeMore = ({ text, expanded }: Word): boolean => expanded && /^[-+*?[]/.test(text ?? '*');

/** Why a variable is not to be set, if so. */
function whyNotSet(program: string, name: string): string | null {
  if (!NAME.test(name)) return `${program} evaluates ${name.slice(0, 40)}`;
  return loadsCode(name) ? `${name} changes what programs run or do` : null;
}

const firstOf = (reasons: readonly (string | null)[]): string | null => reasons.find((reason) => reason !== null) ?? null;

/** Sets variables that its arguments name, and those that the value of an option in `naming` does. */
const setter =
  (flags: string, values = '', naming = '') =>
  (program: string, args: readonly Word[]): string | null => {
    const all = said(args, flags, values);
    if (all === null) return `the options of ${program} are not known`;
    const names = [...all.values.filter(([letter]) => naming.includes(letter)).map(([, value]) => value), ...all.rest];
    return firstOf(names.map((name) => whyNotSet(program, name)));
  };

/** `NAME` or `NAME=value`. A value in parentheses is one of several: bash reads it anew. */
const declarer =
  (flags: string) =>
  (program: string, args: readonly Word[]): string | null => {
    const all = said(args, flags, '');
    if (all === null) return `the options of ${program} are not known`;
    return firstOf(
      all.rest.map((text) => {
        const [name = '', value] = text.split(/=(.*)/s);
        return whyNotSet(program, name) ?? (value?.startsWith('(') === true ? `${program} evaluates ${text.slice(0, 40)}` : null);
      }),
    );
  };

function printed(program: string, args: readonly Word[]): string | null {
  const [first] = args;
  if (first === undefined || first.text === null) return null;
  if (mayBeMore(first)) return `the options of ${program} are not known`;
  const format = first.text === '--' ? args[1]?.text : first.text;
  if (first.text.startsWith('-v')) return whyNotSet(program, first.text === '-v' ? (args[1]?.text ?? '') : first.text.slice(2));
  return /%[-+ #0-9.*hlLjzt]*n/.test(format ?? '') ? `${program} sets a variable` : null;
}

function tested(program: string, args: readonly Word[]): string | null {
  for (const [at, word] of args.entries()) {
    const next = args[at + 1]?.text ?? '';
    if (mayBeMore(word)) return `what ${program} compares is not known`;
    if ((word.text === '-v' || word.text === '-R') && !NAME.test(next)) return `${program} evaluates ${next.slice(0, 40)}`;
    // ksh takes both sides for expressions; the others refuse what is no number.
    if (/^-(?:eq|ne|lt|le|gt|ge)$/.test(word.text ?? '') && ![args[at - 1]?.text, next].every((side) => /^[-+]?\d+$/.test(side ?? '')))
      return `${program} may evaluate what it compares`;
  }
  return null;
}

/** What `set` may be told; `-k`, for one, makes arguments assignments. */
const OPTIONS = new Set(['errexit', 'nounset', 'pipefail', 'noglob', 'noclobber', 'allexport', 'verbose', 'xtrace']);
function shellOptions(program: string, args: readonly Word[]): string | null {
  for (let at = 0; at < args.length; at++) {
    const text = args[at]?.text ?? '';
    if (text === '--' || text === '-' || !/^[-+*?[]/.test(text)) return null;
    if (!/^[-+][aefuvxC]*o?$/.test(text)) return `${program} ${text.slice(0, 40)} changes how the text is read`;
    if (text.endsWith('o') && !OPTIONS.has(args[++at]?.text ?? '')) return `${program} changes how the text is read`;
  }
  return null;
}

function waited(program: string, args: readonly Word[]): string | null {
  return args.every(({ text }) => /^(?:-n|\d+|%[\w+-]*)$/.test(text ?? '')) ? null : `the options of ${program} are not known`;
}

function optionsRead(program: string, args: readonly Word[]): string | null {
  const name = args[args[0]?.text === '--' ? 2 : 1];
  return name?.text === undefined || name.text === null ? `${program} sets a variable` : whyNotSet(program, name.text);
}

/** With `-x` they are a command. */
function jobsListed(program: string, args: readonly Word[]): string | null {
  return said(args, 'lnprs', '') === null ? `the options of ${program} are not known` : null;
}

const always = (program: string): string => `${program} evaluates what it is given, or changes how the text is read`;

const BUILTINS: ReadonlyMap<string, (program: string, args: readonly Word[]) => string | null> = new Map([
  ['export', declarer('pn')],
  ['readonly', declarer('p')],
  ...['declare', 'typeset', 'local'].map((name) => [name, declarer('gprx')] as const),
  ['read', setter('ers', 'adinNptu', 'a')],
  ...['mapfile', 'readarray'].map((name) => [name, setter('t', 'dnOsuc')] as const),
  ['unset', setter('vf')],
  ['printf', printed],
  ...['test', '['].map((name) => [name, tested] as const),
  ['set', shellOptions],
  ['wait', waited],
  ['getopts', optionsRead],
  ['jobs', jobsListed],
  ...['let', 'compgen', 'complete', 'compopt', 'bind', 'fc', 'shopt'].map((name) => [name, always] as const),
]);

/** Why it is not known what such a builtin does; null: it does nothing but what its arguments say, or is none. */
export const evaluatedBy = (program: string, args: readonly Word[]): string | null => BUILTINS.get(program)?.(program, args) ?? null;
