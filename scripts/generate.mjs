/**
 * Runs every `scripts/generate-*.ts`, each in a process of its own, and says which committed files changed. With `--check` a change is a
 * failure: the fresh files are left in place, so the cure is to look at the diff and commit it. `--no-build` uses `dist` as it is.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

process.chdir(join(import.meta.dirname, '..'));
const check = process.argv.includes('--check');
const GENERATED = [
  'oclif.manifest.json',
  'docs/errors.md',
  'docs/masking-detectors.md',
  'docs/reference',
  'schema',
  'test/architecture/runtime-dependencies.txt',
];

function snapshot() {
  const found = new Map();
  for (const root of GENERATED.filter((path) => existsSync(path))) {
    const files = statSync(root).isDirectory() ? readdirSync(root, { recursive: true }).map((name) => join(root, name)) : [root];
    for (const file of files) if (statSync(file).isFile()) found.set(file, readFileSync(file, 'utf8'));
  }
  return found;
}

const before = snapshot();
let failed = 0;
if (!process.argv.includes('--no-build') && spawnSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' }).status !== 0) failed += 1;
for (const name of readdirSync('scripts').sort()) {
  if (!/^generate-.*\.ts$/.test(name)) continue;
  const run = spawnSync(process.execPath, ['--import', './scripts/load-typescript.mjs', `scripts/${name}`], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (run.status === 0) continue;
  failed += 1;
  process.stderr.write(`scripts/${name} failed\n`);
}
const after = snapshot();
const changed = [...new Set([...before.keys(), ...after.keys()])].filter((file) => before.get(file) !== after.get(file)).sort();
for (const file of changed) process.stdout.write(`${check ? 'was stale, now regenerated (look at the diff and commit it)' : 'changed'}: ${file}\n`);
if (changed.length === 0 && failed === 0) process.stdout.write(`${after.size} generated files are fresh\n`);
process.exitCode = failed > 0 || (check && changed.length > 0) ? 1 : 0;
