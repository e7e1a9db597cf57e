/**
 * A statement for the eyes of whoever decides on it. Every character is shown, none is carried out by the terminal: control and reordering
 * characters appear as escapes. Paint is only a help to read; strings and comments stand out, because that is where things are hidden.
 */
import type { ChalkInstance } from 'chalk';
import { visible, visibleLines } from '../terminal.js';

const KEYWORDS = new Set(
  'alter analyze and as begin by call case commit copy create cross declare delete distinct do drop else end except execute exists explain fetch from full grant group having in inner insert intersect into is join left like limit lock merge natural not null offset on or order outer prepare reindex returning revoke right rollback select set then to truncate union update using vacuum values when where with'.split(
    ' ',
  ),
);

/** Strings (also E'', dollar-quoted), quoted names, both kinds of comments, words, and anything else. */
const TOKENS =
  /(?<comment>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<string>[eE]'(?:[^'\\]|\\[\s\S]|'')*'?|'(?:[^']|'')*'?|(?<tag>\$[A-Za-z_]*\$)[\s\S]*?(?:\k<tag>|$))|(?<name>"(?:[^"]|"")*"?)|(?<word>[A-Za-z_][A-Za-z0-9_$]*)|(?<rest>[\s\S])/gu;

export function statementText(text: string, language: string, paint: ChalkInstance): string {
  if (language !== 'sql') return visibleLines(text);
  let painted = '';
  for (const { groups, 0: token } of text.matchAll(TOKENS)) {
    const shown = visibleLines(token);
    if (groups?.['comment'] !== undefined) painted += paint.yellow(shown);
    else if (groups?.['string'] !== undefined) painted += paint.green(shown);
    else if (groups?.['word'] !== undefined && KEYWORDS.has(token.toLowerCase())) painted += paint.bold(shown);
    else painted += shown;
  }
  return painted;
}

/** The same in one line of a table. */
export function statementLine(text: string, width: number): string {
  const line = visible(text.replace(/[ \t\n\v\f\r]+/g, ' ').trim());
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}
