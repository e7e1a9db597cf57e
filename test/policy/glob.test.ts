import { describe, expect, test } from 'vitest';
import { compileGlob } from '../../src/policy/glob.js';
import { fc } from '../support/fast-check.js';

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

describe('glob', () => {
  test.each([
    ['bank-*', 'bank-db', true],
    ['bank-*', 'bank-', true],
    ['bank-*', 'bank', false],
    ['*', '', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['*ab*ab', 'ab', false],
    ['*ab*ab', 'abab', true],
    ['a.c', 'abc', false],
    ['a?c', 'abc', false],
    ['', '', true],
    ['', 'x', false],
  ])('%s on %s is %s', (pattern, text, expected) => {
    expect(compileGlob(pattern).test(text)).toBe(expected);
  });

  test('agrees with the textbook meaning of the wildcard', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.'), maxLength: 8 });
    fc.assert(
      fc.property(word, word, (pattern, text) => {
        const reference = new RegExp(`^${pattern.split('*').map(escaped).join('[^]*')}$`);
        expect(compileGlob(pattern).test(text)).toBe(reference.test(text));
      }),
      { numRuns: 2000 },
    );
  });

  test('a long text that almost matches is answered (a backtracking matcher would not come back)', () => {
    expect(compileGlob(`${'a*'.repeat(40)}b`).test('a'.repeat(50_000))).toBe(false);
  });
});
