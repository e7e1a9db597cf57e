/**
 * Programs of this package that run as threads and processes of their own. The bundle keeps their names, and this file one directory below its
 * root, as in the sources; there the programs do not exist compiled, and who can do without a thread does.
 */
import { join } from 'node:path';

/** @param name the module below the root of the sources, without its ending: `recording/hash-worker`. Gives a path. */
export function ownProgram(name: string): string {
  return join(import.meta.dirname, '..', `${name}.js`);
}
