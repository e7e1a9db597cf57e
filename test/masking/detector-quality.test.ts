/** What the detectors find and what they take for something else, on a corpus with a held-out half, and that the page says so. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { measureHalves, renderDetectorFigures } from '../../scripts/render-detector-figures.js';
import { buildCorpus } from './corpus/build-corpus.js';
import { DEVELOPMENT_TEMPLATES } from './corpus/development-templates.js';
import { HELD_OUT_TEMPLATES } from './corpus/held-out-templates.js';
import { CORPUS_CLASSES, measure } from './corpus/measure.js';

const WANTED = 0.98;

describe.each(measureHalves())('the $name half', ({ scores }) => {
  it.each(CORPUS_CLASSES)('%s: recall and precision are 0.98 or more', (dataClass) => {
    const score = scores.get(dataClass);
    expect(score?.positives).toBeGreaterThan(300);
    expect((score?.found ?? 0) / (score?.positives ?? 1)).toBeGreaterThanOrEqual(WANTED);
    expect((score?.right ?? 0) / (score?.findings ?? 1)).toBeGreaterThanOrEqual(WANTED);
  });
});

describe('the corpus', () => {
  it('is the same every time, and another for another seed', () => {
    const [once, again, other] = [1, 1, 2].map((seed) => buildCorpus(HELD_OUT_TEMPLATES, 50, seed).map((each) => each.bytes.toString()));
    expect(again).toEqual(once);
    expect(other).not.toEqual(once);
  });

  it('shares no template between its halves, and names known slots only', () => {
    expect(HELD_OUT_TEMPLATES.filter((each) => DEVELOPMENT_TEMPLATES.includes(each))).toEqual([]);
    const documents = [...buildCorpus(HELD_OUT_TEMPLATES, 100, 3), ...buildCorpus(DEVELOPMENT_TEMPLATES, 100, 3)];
    expect(documents.filter(({ bytes }) => /\{[a-z]+[0-9]*!?\}/.test(bytes.toString()))).toEqual([]);
  });

  it('can tell a detector that misses, and one that sees things (this test can fail)', () => {
    const bytes = Buffer.from('536-90-4399 and 4111111111111111');
    const scores = measure([{ bytes, labels: [{ class: 'email', start: 0, end: 11 }] }]);
    expect(scores.get('email')).toEqual({ positives: 1, found: 0, findings: 0, right: 0 });
    expect(scores.get('ssn')).toEqual({ positives: 0, found: 0, findings: 1, right: 0 });
  });
});

describe('docs/masking-detectors.md', () => {
  it('gives the figures that were measured (otherwise: npm run generate)', () => {
    const page = readFileSync(new URL('../../docs/masking-detectors.md', import.meta.url), 'utf8');
    expect(renderDetectorFigures(page)).toBe(page);
  });
});
