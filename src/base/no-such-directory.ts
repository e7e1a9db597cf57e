/** Listing a directory that need not be there: `readdir(path).catch(noSuchDirectory)`. Node built-ins only. */

/** Nothing for a directory that there is none of; any other failure is thrown on. */
export function noSuchDirectory(thrown: unknown): [] {
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
  throw thrown;
}
