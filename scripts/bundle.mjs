/**
 * Bundles programs of `src` into a directory: each keeps its name, what several of them share lies in `chunks`, packages stay packages. Node
 * loads few large files faster than a thousand small ones: a worker of the gateway takes 0.6 s of processor time to load instead of 0.9.
 * Types are erased and not checked: `npm run check` does that.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { rolldown } from 'rolldown';

const SOURCE = join(import.meta.dirname, '..', 'src');
/** What `using` becomes on Node 20 is the bundler's own code. */
const HELPERS = '@oxc-project/runtime/';
/** It finds other programs from where it lies. */
const CHUNKS = { groups: [{ name: 'own-program', test: /base[\\/]own-program\.ts$/ }] };

/** Everything that is loaded or started by name: commands, and what threads and processes run. */
export function programs() {
  const commands = readdirSync(join(SOURCE, 'commands'), { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('commands', name.slice(0, -'.ts'.length)));
  return [
    'cli/main',
    'cli/help',
    'gateway/worker-main',
    'gateway/evidence-thread',
    'policy/check-worker',
    'recording/hash-worker',
    'quickstart/web-host/host-main',
    ...commands,
  ];
}

/**
 * @param {string} directory what was in it is removed
 * @param {readonly string[]} entries modules below `src`, without their ending
 * @param {Readonly<Record<string, string>>} instead code that takes the place of a module
 */
export async function bundle(directory, entries = programs(), instead = {}) {
  const built = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [entry, join(SOURCE, `${entry}.ts`)])),
    platform: 'node',
    external: (id) => !/^[./]/.test(id) && !id.startsWith(HELPERS),
    resolve: { extensionAlias: { '.js': ['.ts'] } },
    transform: { target: 'node20' },
    plugins: [{ name: 'instead', load: (id) => instead[relative(SOURCE, id).slice(0, -'.ts'.length)] ?? null }],
  });
  rmSync(directory, { recursive: true, force: true });
  await built.write({
    dir: directory,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    sourcemap: true,
    codeSplitting: CHUNKS,
  });
  await built.close();
}
