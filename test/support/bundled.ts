/** Modules of gw in a bundle of their own, for what a test runs in another process or needs with its threads. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './build-cli.js';
import { runProgram } from './run-program.js';

export interface Bundled extends AsyncDisposable {
  /** Where a module lies, for `import`. */
  url(module: string): string;
}

/** @param modules below `src`, without their ending */
export async function bundled(...modules: readonly string[]): Promise<Bundled> {
  // Packages are found from there.
  const directory = await mkdtemp(join(ROOT, 'node_modules', '.gw-bundled-'));
  const script = `import { bundle } from ${JSON.stringify(pathToFileURL(join(ROOT, 'scripts', 'bundle.mjs')).href)}; await bundle(...JSON.parse(process.argv[1]));`;
  const { code, stderr } = await runProgram(process.execPath, ['--input-type=module', '-e', script, JSON.stringify([directory, modules])]);
  if (code !== 0) throw new Error(stderr);
  return {
    url: (module) => pathToFileURL(join(directory, `${module}.js`)).href,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}
