/** Modules of gw as they are published, in a bundle: what the compiler and the threads of the journal and of the policy make of them is the same. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundle } from '../../scripts/bundle.mjs';

/** What `modules` (below `src`, without their ending) export, together. */
export async function bundled(name, modules) {
  const directory = join(import.meta.dirname, '..', '..', 'tmp', 'bench', name);
  await bundle(directory, [...modules, 'policy/check-worker', 'recording/hash-worker']);
  const loaded = await Promise.all(modules.map((module) => import(pathToFileURL(join(directory, `${module}.js`)).href)));
  return Object.assign({}, ...loaded);
}
