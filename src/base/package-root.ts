/** The directory of this package, with its manifest, and what it ships beside the code: found from wherever the code lies below it. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function find(directory: string): string {
  return existsSync(join(directory, 'package.json')) ? directory : find(dirname(directory));
}

export const PACKAGE_ROOT = find(import.meta.dirname);
