/**
 * `npm run check`: every gate, as many at once as there are processors, and a summary of all of them (one failure does not hide another).
 * `npm run check -- layers lint` runs only those named. The rules themselves live in each tool's configuration; CONTRIBUTING.md lists them.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const node = process.execPath;
const script = (name) => [[node, '--import', './scripts/load-typescript.mjs', `scripts/${name}`]];
const own = readdirSync(join(root, 'scripts'))
  .filter((name) => /^check-.*\.ts$/.test(name))
  .sort();

/** Name → commands, run one after the other until one fails. The longest first. */
const gates = new Map([
  [
    'build',
    [
      [node, 'scripts/build.mjs'],
      [node, 'scripts/generate.mjs', '--no-build', '--check'],
    ],
  ],
  ['lint', [['eslint', '.', '--max-warnings', '0']]],
  ['types', [['tsc', '-p', 'tsconfig.test.json', '--pretty', 'false', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/gw/test.tsbuildinfo']]],
  ['dead-code', [['knip', '--no-progress', '--treat-config-hints-as-errors']]],
  ['layers', [['depcruise', 'src', '--config', '.dependency-cruiser.cjs', '--output-type', 'err-long']]],
  ['format', [['biome', 'check', '--error-on-warnings', '--max-diagnostics=50']]],
  ...own.map((name) => [name.slice('check-'.length, -'.ts'.length), script(name)]),
]);

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !gates.has(name));
if (unknown.length > 0) {
  process.stderr.write(`unknown gate ${unknown.join(', ')}; there are ${[...gates.keys()].join(', ')}\n`);
  process.exit(2);
}

/** Resolves with the exit code; what the command printed is appended to `output`. */
function run([command, ...args], output) {
  return new Promise((resolve) => {
    const path = `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`;
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: path, NO_COLOR: '1' } });
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => {
      output.push(Buffer.from(`${command}: ${error.message}\n`));
      resolve(127);
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
}

const failures = [];
async function gate(name, commands) {
  const started = performance.now();
  const output = [];
  let code = 0;
  for (const command of commands) {
    code = await run(command, output);
    if (code !== 0) break;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? 'ok  ' : 'FAIL'} ${name.padEnd(14)} ${seconds.padStart(6)} s\n`);
  const text = Buffer.concat(output).toString('utf8').trim();
  if (code !== 0) failures.push({ name, text });
  else if (text.includes('warning:')) process.stdout.write(`${text}\n`);
}

const started = performance.now();
const queue = [...gates].filter(([name]) => wanted.length === 0 || wanted.includes(name));
const total = queue.length;
await Promise.all(
  Array.from({ length: Math.max(2, availableParallelism()) }, async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await gate(...next);
  }),
);
for (const { name, text } of failures) process.stdout.write(`\n──── ${name}\n${text}\n`);
process.stdout.write(`\n${total - failures.length} of ${total} gates passed in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
