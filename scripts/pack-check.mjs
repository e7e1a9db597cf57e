/**
 * `npm run pack:check`: packs what would be published, lints it, installs the tarball into an empty directory as a user would, and runs
 * it there. Fails when a file is missing or when something gets in that no user needs.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const work = mkdtempSync(join(tmpdir(), 'gw-pack-'));
const run = (command, args, cwd) => execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 64 << 20 });

try {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // `prepack` builds and holds the generated files fresh; its own words go to stdout before the JSON.
  const packed = run('npm', ['pack', '--json', '--pack-destination', work], root);
  const [tarball] = JSON.parse(packed.slice(packed.search(/^\[/m)));
  const names = tarball.files.map((file) => file.path);
  const needed = ['bin/run.js', 'oclif.manifest.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'dist/commands/login.js'];
  const absent = needed.filter((name) => !names.includes(name));
  const surplus = names.filter((name) => /^(test|src|bench|scripts|docs|\.)/.test(name) || name === 'dist/.built');
  if (absent.length > 0) throw new Error(`the package lacks ${absent.join(', ')}`);
  if (surplus.length > 0) throw new Error(`the package holds ${surplus.slice(0, 10).join(', ')}`);

  const file = join(work, tarball.filename);
  process.stdout.write(run(join(root, 'node_modules/.bin/publint'), ['run', file, '--strict'], root));

  const user = join(work, 'user');
  writeFileSync(join(work, 'package.json'), '{"private":true}\n');
  run('npm', ['install', '--prefix', user, '--no-audit', '--no-fund', '--omit=dev', file], work);
  const printed = run(join(user, 'node_modules/.bin/gw'), ['--version'], work);
  if (!printed.includes(version)) throw new Error(`the installed gw says ${printed.trim()}, not ${version}`);
  run(join(user, 'node_modules/.bin/gw'), ['help'], work);
  process.stdout.write(`${tarball.filename}: ${names.length} files, ${(tarball.size / 1024).toFixed(0)} KiB packed; installed, says ${printed.trim()}\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
