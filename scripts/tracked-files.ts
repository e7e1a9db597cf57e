/** The files of the repository as git sees them: tracked, and new ones that are not ignored. Paths relative to the root. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

export function trackedFiles(): readonly string[] {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8', maxBuffer: 64 << 20 });
  return [...new Set(list.split('\0'))].filter((name) => name !== '' && existsSync(name)).sort();
}
