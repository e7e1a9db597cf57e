/** Looks a program up as a shell would: on the PATH, executable. Empty and relative entries of the PATH are skipped, so that a folder's content is never run by being there. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

/** Absolute path, or null. */
export async function findProgram(name: string, path: string): Promise<string | null> {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', '.bat', ''] : [''];
  for (const folder of path.split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    for (const ending of endings) {
      const candidate = join(folder, name + ending);
      const usable = await access(candidate, constants.X_OK).then(
        async () => (await stat(candidate)).isFile(),
        () => false,
      );
      if (usable) return candidate;
    }
  }
  return null;
}
