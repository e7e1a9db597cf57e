/**
 * Gate: nothing in a tracked file belongs to the machine that it was written on. Looks for this checkout's own path, the home directory,
 * the host name of the package registry in use (unless it is the public one), resolved addresses in the lock file and private keys, and
 * for relative links in Markdown that lead nowhere.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { trackedFiles } from './tracked-files.js';

const PUBLIC_REGISTRY = 'registry.npmjs.org';

function registryHost(): string | null {
  const configured = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  const host = URL.canParse(configured) ? new URL(configured).hostname : '';
  return host === '' || host === PUBLIC_REGISTRY ? null : host;
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** A directory as an absolute path of its own, not as a part of another path. Short system directories would only be noise. */
const pathPattern = (path: string): RegExp => new RegExp(`(?<![\\w./~-])${escaped(path)}(?![\\w-])`);

const cwd = process.cwd();
const machine: (readonly [RegExp, string])[] = [cwd, dirname(cwd), homedir()]
  .filter((path) => path !== '/' && path !== '/tmp' && path !== '/home' && path !== '/root')
  .map((path) => [pathPattern(path), 'a path of this machine'] as const);
const host = registryHost();
if (host !== null) machine.push([new RegExp(escaped(host)), 'the host of a private package registry']);
const privateKey = new RegExp(`-----BEGIN [A-Z ]*PRIVATE ${'KEY'}-----\\s*[A-Za-z0-9+/]{40}`);

let violations = 0;
const fail = (file: string, why: string): void => {
  violations += 1;
  process.stdout.write(`${file}: ${why}\n`);
};

for (const file of trackedFiles()) {
  const bytes = readFileSync(file);
  if (bytes.includes(0)) continue;
  const text = bytes.toString('utf8');
  for (const [pattern, what] of machine) if (pattern.test(text)) fail(file, `contains ${what}: ${pattern.exec(text)?.[0] ?? ''}`);
  if (!file.startsWith('test/') && privateKey.test(text)) fail(file, 'contains a private key');
  if (file === 'package-lock.json' && /"resolved": "(?!file:)/.test(text))
    fail(file, 'names the hosts that it was resolved from; .npmrc has omit-lockfile-registry-resolved');
  if (!file.endsWith('.md')) continue;
  for (const [, target] of text.replace(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g)) {
    if (target === undefined || /^[a-z]+:/.test(target)) continue;
    const path = normalize(join(dirname(file), target));
    if (!existsSync(path)) fail(file, `links to ${target}, which does not exist`);
  }
}
process.exitCode = violations > 0 ? 1 : 0;
