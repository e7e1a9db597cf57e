/**
 * Loads a module without its one warning: the provider's library says "Unsupported runtime" on Node 20, where it is tested here and works.
 * Only that sentence is held back, only while the module loads.
 */
const SENTENCE = 'oidc-provider WARNING: Unsupported runtime';

export async function quietImport<T>(load: () => Promise<T>): Promise<T> {
  const { stderr } = process;
  const write = stderr.write;
  // Bound to the stream at the call: `write` has several overloads and all of them must keep working.
  stderr.write = ((...args: Parameters<typeof write>) => (String(args[0]).includes(SENTENCE) ? true : write.apply(stderr, args))) as typeof write;
  try {
    return await load();
  } finally {
    stderr.write = write;
  }
}
