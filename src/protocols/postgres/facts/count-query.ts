/**
 * For a plain DELETE or UPDATE of one relation: the query that counts the rows that it would touch. Built out of the statement's own bytes,
 * cut at its own tokens, and then judged like any statement: it may read and compute, nothing else. Where that is not plain, there is none.
 */
import { analyseText } from './analysis.js';
import { scan, type Token } from './parser.js';

const LONGEST = 16 * 1024;

/** Null: it cannot be counted without carrying something out. */
export function countQuery(exact: Uint8Array): Buffer | null {
  const bytes = Buffer.from(exact.buffer, exact.byteOffset, exact.length);
  if (bytes.length > LONGEST) return null;
  const tokens = (scan(bytes.toString('utf8')) ?? []).filter(({ tokenName }) => !tokenName.includes('COMMENT'));
  const parts = partsOf(tokens, bytes.length);
  if (parts === null) return null;
  const slice = ({ from, to }: Range): Buffer => bytes.subarray(from, to);
  const where = parts.where === null ? [] : [Buffer.from(' where '), slice(parts.where)];
  const query = Buffer.concat([Buffer.from('select pg_catalog.count(*) from '), slice(parts.relation), ...where]);
  return onlyReads(query.toString('utf8')) ? query : null;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

function partsOf(tokens: readonly Token[], length: number): { readonly relation: Range; readonly where: Range | null } | null {
  const [first, second] = tokens;
  const deleting = wordOf(first) === 'DELETE' && wordOf(second) === 'FROM';
  if (!deleting && wordOf(first) !== 'UPDATE') return null;
  const start = deleting ? second?.end : first?.end;
  if (start === undefined) return null;
  const top = topLevel(tokens);
  const at = (name: string): Token | undefined => top.find((token) => wordOf(token) === name);
  const [set, where, end] = [at('SET'), at('WHERE'), top.find((token) => wordOf(token) === 'RETURNING' || token.tokenName === 'ASCII_59')];
  const until = end?.start ?? length;
  // A second statement.
  const semicolon = tokens.findIndex(({ tokenName }) => tokenName === 'ASCII_59');
  if (semicolon >= 0 && semicolon < tokens.length - 1) return null;
  // Other relations take part: a row may be met more than once.
  const joins = top.some((token) => token !== second && token.start < (where?.start ?? until) && wordOf(token) === (deleting ? 'USING' : 'FROM'));
  if (joins || (!deleting && set === undefined) || at('CURRENT') !== undefined) return null;
  const relationEnd = deleting ? (where?.start ?? until) : (set?.start ?? until);
  return { relation: { from: start, to: relationEnd }, where: where === undefined ? null : { from: where.end, to: until } };
}

/** The keyword, in capitals; empty for what is none. */
function wordOf(token: Token | undefined): string {
  return token === undefined || token.keywordKind === 0 ? '' : token.text.toUpperCase();
}

/** Tokens outside of parentheses and brackets. */
function topLevel(tokens: readonly Token[]): Token[] {
  const found: Token[] = [];
  let depth = 0;
  for (const token of tokens) {
    if (token.tokenName === 'ASCII_40' || token.tokenName === 'ASCII_91') depth++;
    else if (token.tokenName === 'ASCII_41' || token.tokenName === 'ASCII_93') depth--;
    else if (depth === 0) found.push(token);
  }
  return found;
}

function onlyReads(text: string): boolean {
  const { statements, facts } = analyseText(text);
  if (statements.length !== 1 || facts.unknown.length > 0) return false;
  return facts.effects.every(({ action, facts: each }) => action === 'select' || (action === 'call' && each['class'] === 'plain'));
}
