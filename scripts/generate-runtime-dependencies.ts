/** Writes the list of run-time packages that `test/architecture/dependencies.test.ts` compares with the lock file. */
import { writeFileSync } from 'node:fs';
import { runtimeDependencies } from './runtime-dependencies.js';

writeFileSync(new URL('../test/architecture/runtime-dependencies.txt', import.meta.url), `${runtimeDependencies().join('\n')}\n`);
