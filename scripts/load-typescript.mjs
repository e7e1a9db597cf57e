/**
 * Lets Node run the TypeScript of this repository as it stands: `node --import ./scripts/load-typescript.mjs FILE.ts`.
 * Types are erased file by file by the compiler that is here anyway (the sources are `erasableSyntaxOnly`, so nothing else has to
 * happen), and an import of `./x.js` finds `./x.ts`. Development only: what is published is bundled into `dist`.
 */
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
process.setSourceMapsEnabled(true);
