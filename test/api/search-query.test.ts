import { describe, expect, it } from 'vitest';
import { readSearchQuery } from '../../src/api/search-query.js';

const NOW = Date.UTC(2026, 10, 21, 12);
const read = (text: string) => readSearchQuery(text, NOW, ['delete', 'select', 'unknown']);
const NOTHING = { phrases: [], tags: [], since: null, until: null };

describe('a search', () => {
  it('is words, phrases and names, which must all hold', () => {
    expect(read('transfer "month end" relation:Ledger.Entries verdict:deny')).toEqual({
      ...NOTHING,
      phrases: ['transfer', 'month end'],
      tags: ['relation:ledger.entries', 'verdict:deny'],
    });
    expect(read('user:"Ada Lovelace"')).toEqual({ ...NOTHING, tags: ['user:ada lovelace'] });
  });

  it('bounds the time by moments and by how long ago', () => {
    expect(read('since:2h until:2026-11-21T11:00:00Z')).toEqual({ ...NOTHING, since: '2026-11-21T10:00:00.000Z', until: '2026-11-21T11:00:00.000Z' });
    expect(read('since:2026-11-20').since).toBe('2026-11-20T00:00:00.000Z');
  });

  it('takes a name that is none as a part of a text', () => {
    expect(read('id::int host:5432 "verdic:deny"')).toEqual({ ...NOTHING, phrases: ['id::int', 'host:5432', 'verdic:deny'] });
  });

  it.each([
    ['verdic:deny', 'Did you mean verdict:? In quotes it is looked for in the texts: "verdic:deny".'],
    ['relations:"a b"', 'Did you mean relation:? In quotes it is looked for in the texts: "relations:a b".'],
    ['unitl:2h', 'Did you mean until:?'],
  ])('refuses a name that is nearly one: %j', (text, words) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'usage.invalid', hint: expect.stringContaining(words) as string }) as Error);
  });

  it.each([
    ['verdict:denied', 'allow, deny, require_approval or unknown'],
    ['status:fail', 'ok, error, refused, cancelled, lost or unknown'],
    ['relation:ledger.entries verdict:""', 'allow, deny'],
    ['kind:frobnicate', 'Write delete, select or unknown.'],
    ['kind:Slect', 'Did you mean select?'],
  ])('that asks for a word that nothing is decided by finds nothing, and is refused: %j', (text, words) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'usage.invalid', hint: expect.stringContaining(words) as string }) as Error);
  });

  it('takes verdict, status and kind, and the names of parts, in any case', () => {
    expect(read('Verdict:DENY STATUS:Refused kind:Delete').tags).toEqual(['verdict:deny', 'status:refused', 'kind:delete']);
  });

  it.each(['', '   ', '""', '"open', 'since:noon', 'since:2026-11-21T08:00:00', 'until:7', '***', `${'a '.repeat(51)}`])(
    'is refused with words: %j',
    (text) => {
      expect(() => read(text)).toThrow(expect.objectContaining({ code: 'usage.invalid' }) as Error);
    },
  );
});
