import { describe, expect, test } from 'vitest';
import { matchName, parseNamePattern } from '../../src/policy/name-pattern.js';

function match(pattern: string, name: readonly (string | null)[], parts = ['schema', 'name']): string {
  const parsed = parseNamePattern(pattern, parts);
  return parsed.ok ? matchName(parsed.pattern, name) : parsed.problem;
}

describe('name pattern', () => {
  test.each([
    ['bank.customers', ['bank', 'customers'], 'is'],
    ['bank.customers', ['bank', 'Customers'], 'no'],
    ['bank.*', ['bank', 'a.b'], 'is'],
    ['bank.*', ['bank2', 'customers'], 'no'],
    ['*.customers', [null, 'customers'], 'is'],
    ['bank.customers', [null, 'customers'], 'may'],
    ['bank.customers', [null, 'accounts'], 'no'],
    ['bank.customers', ['bank', null], 'may'],
    ['bank.customers', ['x', null], 'no'],
    ['*.*', [null, null], 'is'],
    ['bank."odd.name"', ['bank', 'odd.name'], 'is'],
    ['bank."say ""hi"""', ['bank', 'say "hi"'], 'is'],
    ['bank."*"', ['bank', '*'], 'is'],
    ['bank."*"', ['bank', 'customers'], 'no'],
    ['"a*".*', ['ab', 'x'], 'no'],
  ])('%s against %j: %s', (pattern, name, expected) => {
    expect(match(pattern, name)).toBe(expected);
  });

  test('`*` does not reach across a dot', () => {
    expect(match('bank*', ['bank', 'customers'])).toMatch(/it has 1 part/);
    expect(match('b*s.x', ['bank.customers', 'x'])).toBe('is');
    expect(match('b*s.x', ['bank', 'customers'])).toBe('no');
  });

  test('a name of one part is taken whole', () => {
    expect(match('app.*', ['app.user'], ['name'])).toBe('is');
    expect(match('app.user', ['app'], ['name'])).toBe('no');
  });

  test.each(['"open', 'a."b', '""."x"', 'a.', '.a', 'a.b"c', '"a"b.c'])('%s is refused', (pattern) => {
    expect(parseNamePattern(pattern, ['schema', 'name']).ok).toBe(false);
  });
});
