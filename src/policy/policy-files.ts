/**
 * Adapter to the file system: which policy files the configuration means, and their text. Paths may hold `*` within a segment; matches of
 * one pattern are taken in order of name, patterns in the order given, each file once. A pattern that matches nothing is an error: a policy
 * that has vanished must be noticed.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, parse, relative, resolve } from 'node:path';
import { GwError } from '../contract/gw-error.js';
import type { ProtocolDescriptor } from '../contract/protocol.js';
import { compileGlob } from './glob.js';
import { type LoadOptions, loadPolicy } from './load-policy.js';
import type { LoadedPolicy, PolicyText } from './policy-set.js';

const SIZE_LIMIT = 4 << 20;
const FILES_LIMIT = 256;
const TESTS = /\.test\.ya?ml$/;

export interface PolicyFiles {
  /** Paths are relative to the base directory where they lie in it. */
  readonly files: readonly PolicyText[];
  /** Directories in which a change can change the answer, absolute. */
  readonly directories: readonly string[];
}

const invalid = (path: string, why: string, cause?: unknown): GwError =>
  new GwError('policy.invalid', `${path}: ${why}`, { detail: { file: path }, ...(cause === undefined ? {} : { cause }) });

function causeText(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'the gateway may not read it';
  return code ?? 'it could not be read';
}

/** Files that one pattern means; notes every directory looked into. */
async function expand(pattern: string, directories: Set<string>): Promise<string[]> {
  const root = parse(pattern).root;
  let found = [root];
  const segments = pattern
    .slice(root.length)
    .split(/[\\/]+/)
    .filter((segment) => segment !== '');
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (!segment.includes('*')) {
      if (last) for (const directory of found) directories.add(directory);
      found = found.map((directory) => join(directory, segment));
      continue;
    }
    const glob = compileGlob(segment);
    const next: string[] = [];
    for (const directory of found) {
      directories.add(directory);
      let names: string[];
      try {
        names = await readdir(directory);
      } catch (error) {
        throw invalid(directory, causeText(error), error);
      }
      for (const name of names.sort()) {
        // As in a shell, a wildcard does not reach hidden names: editors keep their half-written copies there.
        if (name.startsWith('.') && !segment.startsWith('.')) continue;
        if (!glob.test(name)) continue;
        // Tests lie beside the policy; they are meant only where the pattern says so.
        if (TESTS.test(name) && !TESTS.test(segment)) continue;
        const path = join(directory, name);
        const kind = await stat(path).catch(() => null);
        if (kind !== null && (last ? kind.isFile() : kind.isDirectory())) next.push(path);
      }
    }
    found = next;
  }
  return found;
}

async function readText(path: string, shown: string): Promise<string> {
  try {
    const kind = await stat(path);
    if (!kind.isFile()) throw invalid(shown, 'it is not a file');
    if (kind.size > SIZE_LIMIT) throw invalid(shown, `it is larger than ${SIZE_LIMIT} bytes`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof GwError) throw error;
    throw invalid(shown, error instanceof TypeError ? 'it is not UTF-8' : causeText(error), error);
  }
}

/** @throws GwError `policy.invalid` when a pattern matches nothing or a file cannot be read. */
export async function readPolicyFiles(patterns: readonly string[], baseDir: string): Promise<PolicyFiles> {
  const directories = new Set<string>();
  const paths = new Set<string>();
  for (const pattern of patterns) {
    const matches = await expand(resolve(baseDir, pattern), directories);
    if (matches.length === 0) throw invalid(pattern, 'no policy file matches');
    for (const path of matches) paths.add(path);
  }
  if (paths.size > FILES_LIMIT) throw invalid(patterns[0] ?? '', `more than ${FILES_LIMIT} policy files match`);
  const files: PolicyText[] = [];
  for (const path of paths) {
    const inside = relative(baseDir, path);
    const shown = inside === '' || inside.startsWith('..') || isAbsolute(inside) ? path : inside;
    files.push({ path: shown, text: await readText(path, shown) });
    directories.add(dirname(path));
  }
  return { files, directories: [...directories] };
}

/**
 * Reads and loads the policy that the patterns mean.
 * @throws GwError `policy.invalid`
 */
export async function loadPolicyFiles(
  patterns: readonly string[],
  baseDir: string,
  protocols: readonly ProtocolDescriptor[],
  options: LoadOptions = {},
): Promise<LoadedPolicy> {
  const { files } = await readPolicyFiles(patterns, baseDir);
  return loadPolicy(files, protocols, options);
}
