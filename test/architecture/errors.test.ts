/** Rule 8 of the design: one error catalogue with stable codes, docs/errors.md equal to it, and no code that nothing can raise. */
import { describe, expect, it } from 'vitest';
import { renderErrorDocs } from '../../scripts/render-error-docs.js';
import { ERRORS } from '../../src/contract/error-catalogue.js';
import { filesBelow, parse, read, stringsOf } from './source-files.js';

/** Codes that no source file names, and why they are in the catalogue all the same. */
const UNUSED: Readonly<Record<string, string>> = {};

const codes = Object.keys(ERRORS);
const used = new Set(
  filesBelow('src')
    .filter((path) => path !== 'src/contract/error-catalogue.ts')
    .flatMap((path) => stringsOf(parse(path))),
);

describe('error catalogue', () => {
  it('is what docs/errors.md says (otherwise: npm run generate)', () => {
    expect(read('docs/errors.md')).toBe(renderErrorDocs());
  });

  it('has a code for every error that the sources build', () => {
    const built = filesBelow('src').flatMap((path) => [...read(path).matchAll(/new GwError\(\s*'([^']+)'/g)].map((match) => match[1] ?? ''));
    expect(built.length).toBeGreaterThan(20);
    expect(built.filter((code) => !codes.includes(code))).toEqual([]);
  });

  it('has no code that nothing raises, unless it is explained here', () => {
    expect(codes.filter((code) => !used.has(code) && UNUSED[code] === undefined)).toEqual([]);
  });

  it('explains no code that is raised or gone', () => {
    expect(Object.keys(UNUSED).filter((code) => used.has(code) || !codes.includes(code))).toEqual([]);
  });

  it.each(Object.entries(ERRORS))('%s is complete: topic.word, a meaning, a next step, known exit code and status', (code, entry) => {
    expect(code).toMatch(/^[a-z]+\.[a-z_]+$/);
    expect(entry.meaning).toMatch(/^[A-Z].*\.$/);
    expect(entry.hint).toMatch(/^[A-Z].*\.$/);
    expect([1, 2, 3, 4, 5, 6, 7, 8, 9, 75]).toContain(entry.exit);
    expect(entry.http).toBeGreaterThanOrEqual(400);
    expect(entry.http).toBeLessThan(600);
  });

  it('never says "not retryable" with the exit code for temporary failures', () => {
    const wrong = Object.entries(ERRORS).filter(([, entry]) => entry.exit === 75 && !entry.retry);
    expect(wrong.map(([code]) => code)).toEqual([]);
  });
});
