/**
 * Policy files by name or pattern. `*` and `?` work in the last part of a path only, which is what people use and what can be told
 * apart at a glance. A pattern that matches nothing is an error of the caller: a policy that is not there must never go unnoticed.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Absolute paths of the files that `pattern` (absolute) matches, sorted; hidden files only when the pattern starts with a dot. */
export async function expandFilePattern(pattern: string): Promise<string[]> {
  const last = basename(pattern);
  if (!/[*?]/.test(last)) return (await isFile(pattern)) ? [pattern] : [];
  const directory = dirname(pattern);
  const names = await readdir(directory).catch(() => []);
  const matching = names.filter((each) => (each.startsWith('.') ? last.startsWith('.') : true) && matches(last, each)).sort();
  const files: string[] = [];
  for (const each of matching) if (await isFile(join(directory, each))) files.push(join(directory, each));
  return files;
}

async function isFile(file: string): Promise<boolean> {
  const info = await stat(file).catch(() => null);
  return info?.isFile() ?? false;
}

/** Greedy wildcard match in linear space and O(n·m) time; no regular expression is built from the text. */
function matches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern[p] !== '*' && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (p < pattern.length && pattern[p] === '*') {
      star = p++;
      mark = t;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
