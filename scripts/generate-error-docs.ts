/** Writes docs/errors.md from the error catalogue; `test/architecture/errors.test.ts` holds the two equal. */
import { writeFileSync } from 'node:fs';
import { renderErrorDocs } from './render-error-docs.js';

writeFileSync(new URL('../docs/errors.md', import.meta.url), renderErrorDocs());
