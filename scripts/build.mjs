/**
 * Builds `dist`: compiles src (only what changed), removes compiled files whose source is gone, makes the entry point executable.
 * Exits with the compiler's code; a type error still leaves a complete `dist` behind, so that one broken file does not stop all work.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

process.chdir(join(import.meta.dirname, '..'));
const tsc = createRequire(import.meta.url).resolve('typescript/lib/tsc.js');
// The build information lives in dist: whoever removes dist removes it too, and the next build is a full one.
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.json', '--incremental', '--tsBuildInfoFile', 'dist/.tsbuildinfo'], { stdio: 'inherit' });

for (const entry of readdirSync('dist', { recursive: true })) {
  const stem = /^(.*?)\.(?:js|js\.map|d\.ts)$/.exec(entry)?.[1];
  if (stem !== undefined && !existsSync(join('src', `${stem}.ts`))) rmSync(join('dist', entry));
}
if (existsSync('bin/run.js')) chmodSync('bin/run.js', 0o755);
process.exitCode = status ?? 1;
