/** The packages that an installed gw brings along, from the lock file: names without versions, sorted, each once. */
import { readFileSync } from 'node:fs';

interface LockEntry {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly name?: string;
}

export function runtimeDependencies(): readonly string[] {
  const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as { readonly packages: Readonly<Record<string, LockEntry>> };
  const names = Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && entry.dev !== true && entry.devOptional !== true)
    // An alias is listed under the name of what is really installed.
    .map(([path, entry]) => entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
  return [...new Set(names)].sort();
}
