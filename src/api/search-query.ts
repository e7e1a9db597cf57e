/**
 * What is asked of the index, out of one line of words: `transfer "month end" relation:ledger.entries verdict:deny since:7d`. Words and quoted
 * phrases are looked for in the texts, `name:value` among the names. All must hold. Pure.
 */
import { closestWord } from '../base/closest-word.js';
import { parseDuration } from '../base/duration.js';
import { readMoment } from '../base/read-moment.js';
import { GwError } from '../contract/gw-error.js';
import { type OperationQuery, SEARCH_FIELDS, type SearchField, STATUSES, tagOf, VERDICTS } from '../contract/operation-index.js';
import { requireWord } from './search-words.js';

const PART = /(?<name>[A-Za-z]+):(?:"(?<quoted>[^"]*)"|(?<value>[^\s"]+))|"(?<phrase>[^"]*)"|(?<word>[^\s"]+)|(?<open>")/gu;
const MOMENTS = new Set(['since', 'until']);
/** Parts of one question. */
const LIMIT = 50;

/** `actions`: all that a protocol has. @throws GwError `usage.invalid` */
export function readSearchQuery(text: string, now: number, actions: readonly string[]): Pick<OperationQuery, 'phrases' | 'tags' | 'since' | 'until'> {
  const words: Partial<Record<SearchField, readonly string[]>> = { verdict: VERDICTS, status: STATUSES, kind: actions };
  const phrases: string[] = [];
  const tags: string[] = [];
  const moments: { since: string | null; until: string | null } = { since: null, until: null };
  const parts = [...text.matchAll(PART)];
  if (parts.length === 0)
    throw new GwError('usage.invalid', 'There is nothing to search for.', { hint: 'Write words, "a phrase", or relation:ledger.entries.' });
  if (parts.length > LIMIT) throw new GwError('usage.invalid', `A search has at most ${LIMIT} parts.`);
  for (const { groups, 0: part } of parts) {
    const { quoted, value, phrase, word, open } = groups ?? {};
    const name = groups?.['name']?.toLowerCase();
    if (open !== undefined) throw new GwError('usage.invalid', 'A quote is not closed.');
    if (name !== undefined && MOMENTS.has(name)) moments[name as 'since' | 'until'] = momentOf(quoted ?? value ?? '', now);
    else if (name !== undefined && isField(name)) {
      const wanted = quoted ?? value ?? '';
      const known = words[name];
      if (known !== undefined) requireWord(name, wanted, known);
      tags.push(tagOf(name, wanted));
    }
    // `a:b` with another name before it is a part of a text.
    else if (name !== undefined) phrases.push(requireWords(requireNoName(name, part)));
    else phrases.push(requireWords(phrase ?? word ?? ''));
  }
  return { phrases, tags, ...moments };
}

const isField = (name: string): name is SearchField => (SEARCH_FIELDS as readonly string[]).includes(name);

/** A name that was mistyped would be looked for in the texts, and nothing would be found. */
function requireNoName(name: string, part: string): string {
  const near = closestWord(name, [...SEARCH_FIELDS, ...MOMENTS]);
  if (near === null) return part;
  throw new GwError('usage.invalid', `No part of a search is called "${name}:".`, {
    hint: `Did you mean ${near}:? In quotes it is looked for in the texts: "${part.replaceAll('"', '')}".`,
  });
}

function requireWords(phrase: string): string {
  if (/[\p{L}\p{N}]/u.test(phrase)) return phrase;
  throw new GwError('usage.invalid', 'Signs alone cannot be searched for.', { hint: 'Write words: signs between them do not count.' });
}

function momentOf(text: string, now: number): string {
  const ago = parseDuration(text);
  const time = ago !== null ? now - ago : readMoment(text);
  if (time === null)
    throw new GwError('usage.invalid', `A part of the search is no moment.`, { hint: 'Write since:2026-11-21, since:2026-11-21T08:00:00Z or since:7d.' });
  return new Date(time).toISOString();
}
