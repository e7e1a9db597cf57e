/** Writes the figures of docs/masking-detectors.md; `test/masking/detector-quality.test.ts` holds page and measurement equal. */
import { readFileSync, writeFileSync } from 'node:fs';
import { renderDetectorFigures } from './render-detector-figures.js';

const page = new URL('../docs/masking-detectors.md', import.meta.url);
writeFileSync(page, renderDetectorFigures(readFileSync(page, 'utf8')));
