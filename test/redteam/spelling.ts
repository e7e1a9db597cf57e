/**
 * Other spellings of the same SQL: white space and comments between tokens, case of keywords, names in quotes and as U&"…", strings as E'…',
 * U&'…', $tag$…$tag$ and in pieces. Works on the tokens of PostgreSQL's own lexer, so the meaning stays; what cannot be respelled stays as
 * it is.
 */
import { scan } from '../../src/protocols/postgres/facts/parser.js';
import type { Dice } from './dice.js';

const GAPS: readonly string[] = [
  ' ',
  '  ',
  '\n',
  '\t',
  '\r\n',
  ' /**/ ',
  ' /* where id = 1 */ ',
  ' /* a /* nested */ b */ ',
  " -- it's\n",
  ' -- where id = 1\n',
  '\f',
  ' /* ; */ ',
];
/** Behind these words libpg-query wants the next one without a comment; the server does not, so what it refuses there is no finding. */
const LOOKS_AHEAD: ReadonlySet<string> = new Set(['not', 'nulls', 'with', 'without', 'format', 'uescape']);
const TAGS: readonly string[] = ['$$', '$a$', '$_$', '$select$', '$é$'];

export function respell(sql: string, dice: Dice): string {
  const tokens = scan(sql);
  if (tokens === null) throw new Error(`The generator made SQL that does not lex: ${sql}`);
  const bytes = Buffer.from(sql, 'utf8');
  let out = dice.chance(0.2) ? dice.pick(GAPS) : '';
  let end = 0;
  let before = '';
  for (const { start, end: next, tokenName } of tokens) {
    if (tokenName === 'SQL_COMMENT' || tokenName === 'C_COMMENT') continue;
    const text = bytes.toString('utf8', start, next);
    if (end > 0 && (start > end || dice.chance(0.1)))
      out += dice.chance(0.5) || LOOKS_AHEAD.has(before) || text.toLowerCase() === 'uescape' || out.endsWith("'") ? ' ' : dice.pick(GAPS);
    // The escape character of U&'…' is a plain string and nothing else.
    out += before === 'uescape' ? text : respellToken(tokenName, text, dice);
    before = text.toLowerCase();
    end = next;
  }
  return out;
}

function respellToken(name: string, text: string, dice: Dice): string {
  if (name === 'IDENT') return identifier(text, dice);
  if (name === 'SCONST') return string(text, dice);
  return /^[a-z_]+$/i.test(text) ? letterCase(text, dice) : text;
}

function letterCase(text: string, dice: Dice): string {
  const style = dice.below(4);
  if (style === 0) return text.toUpperCase();
  if (style === 1) return text;
  return [...text].map((char) => (dice.chance(0.5) ? char.toUpperCase() : char.toLowerCase())).join('');
}

/** `name` as it is known to the server: folded when it is not quoted. */
function identifier(text: string, dice: Dice): string {
  const quoted = text.startsWith('"');
  const name = quoted ? text.slice(1, -1).replaceAll('""', '"') : text.toLowerCase();
  switch (dice.below(4)) {
    case 0:
      return quoted ? text : letterCase(name, dice);
    case 1:
      return `"${name.replaceAll('"', '""')}"`;
    case 2:
      return unicode(name, '"', dice);
    default:
      return text;
  }
}

/** U&"\0061b" or, with another escape character, U&"!0061b" UESCAPE '!'. */
function unicode(value: string, quote: string, dice: Dice): string {
  const mark = dice.chance(0.3) ? '!' : '\\';
  const body = [...value].map((char) => {
    const code = char.codePointAt(0) ?? 0;
    if (char === mark) return mark + mark;
    if (char === quote) return quote + quote;
    if (code > 0xffff || dice.chance(0.2)) return `${mark}+${code.toString(16).padStart(6, '0')}`;
    return dice.chance(0.5) ? mark + code.toString(16).padStart(4, '0') : char;
  });
  return `${dice.chance(0.5) ? 'U' : 'u'}&${quote}${body.join('')}${quote}${mark === '!' ? " UESCAPE '!'" : ''}`;
}

function string(text: string, dice: Dice): string {
  if (!text.startsWith("'") && !text.startsWith('$')) return text;
  const value = text.startsWith("'") ? text.slice(1, -1).replaceAll("''", "'") : dollarBody(text);
  // A string in pieces over lines: what lies between the pieces is not part of the value, so it cannot be told here.
  if (text.startsWith("'") && /'\s*\n\s*'/.test(text)) return text;
  switch (dice.below(6)) {
    case 0:
      return escaped(value, dice);
    case 1:
      return unicode(value, "'", dice);
    case 2: {
      const tag = TAGS.find((each) => !value.includes(each.slice(0, -1)) && !value.endsWith('$') && dice.chance(0.5));
      return tag === undefined ? text : ` ${tag}${value}${tag} `;
    }
    case 3: {
      const chars = [...value];
      const cut = dice.below(chars.length + 1);
      return `${quoteLiteral(chars.slice(0, cut).join(''))}\n${quoteLiteral(chars.slice(cut).join(''))}`;
    }
    default:
      return text;
  }
}

function dollarBody(text: string): string {
  const tag = text.slice(0, text.indexOf('$', 1) + 1);
  return text.slice(tag.length, -tag.length);
}

function escaped(value: string, dice: Dice): string {
  const body = [...value].map((char) => {
    if (char === '\\' || char === "'") return `\\${char}`;
    const code = char.codePointAt(0) ?? 0;
    if (code < 0x20 || code > 0x7e || !dice.chance(0.3)) return char;
    return dice.chance(0.5) ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return `${dice.chance(0.5) ? 'E' : 'e'}'${body.join('')}'`;
}

/** A string constant without escapes. */
export function quoteLiteral(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
