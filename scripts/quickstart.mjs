/**
 * `npm run quickstart`: from a fresh clone to a running world. Checks Node, installs what is missing, builds what is stale, then becomes
 * `gw quickstart` in this very process, so that Ctrl-C has one receiver. Plain JavaScript without dependencies: it runs before `npm ci`.
 * What it says goes to stderr: with `--json`, stdout is the world's one line.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');

function fail(what, next) {
  process.stderr.write(`error: ${what}\n  next  ${next}\n`);
  process.exit(1);
}

function run(what, command, args) {
  process.stderr.write(`· ${what}\n`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error !== undefined || status !== 0) fail(`${what} did not succeed.`, `Run \`${command} ${args.join(' ')}\` in ${root} and read what it says.`);
}

function changedAt(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

const floor = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace(/^[^\d]*/, '');
const older = (a, b) =>
  a
    .split('.')
    .map(Number)
    .reduce((known, part, at) => known || part - Number(b.split('.')[at] ?? 0), 0) < 0;
if (older(process.versions.node, floor))
  fail(`gw needs Node ${floor} or later; this is ${process.versions.node}.`, 'Install a newer Node from https://nodejs.org and try again.');

// npm writes this file at the end of every installation.
const installedAt = changedAt(join(root, 'node_modules', '.package-lock.json'));
if (installedAt === 0 || installedAt < changedAt(join(root, 'package-lock.json')))
  run('installing dependencies (npm ci)', 'npm', ['ci', '--no-audit', '--no-fund']);

const builtAt = changedAt(join(root, 'dist', '.built'));
const newest = readdirSync(join(root, 'src'), { recursive: true }).reduce((latest, entry) => Math.max(latest, changedAt(join(root, 'src', entry))), 0);
if (builtAt < Math.max(newest, installedAt, changedAt(join(root, 'scripts', 'bundle.mjs'))))
  run('building', process.execPath, [join(root, 'scripts', 'build.mjs')]);

/** Who started us, and who started that: under npm its shell, and npm. Where there is no /proc only the first is known. */
function ancestors() {
  const parent = `/proc/${process.ppid}/stat`;
  if (!existsSync(parent)) return String(process.ppid);
  const stat = readFileSync(parent, 'utf8');
  return `${process.ppid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]}`;
}

// npm passes signals on to its shell, which dies of them without a word to us; killed hard, npm leaves the shell behind. Either way the
// world ends in good order too.
if (process.env.npm_lifecycle_event === 'quickstart') {
  const before = ancestors();
  const watch = setInterval(() => {
    if (ancestors() === before) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 250);
  watch.unref();
}

process.argv = [process.argv[0], join(root, 'bin', 'run.js'), 'quickstart', ...process.argv.slice(2)];
await import('../bin/run.js');
