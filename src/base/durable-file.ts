/** Files that are either there as a whole or not at all, and stay there when the power goes: written beside their place, synced, renamed. Node built-ins only. */
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

/** What ends like this was being written when its process died. */
export const DRAFT_SUFFIX = '.draft';

/** Writes a file below `root`; directories on the way are made. Call `syncDirectories` for what was written. */
export async function writeWhole(root: string, path: string, bytes: Uint8Array | string): Promise<void> {
  const target = join(root, path);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const draft = `${target}${DRAFT_SUFFIX}`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(draft, target);
}

/** Makes a directory, and those on the way, and puts the names of those that were not there on disk: else what is synced in them goes with their name. */
export async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first !== undefined) await syncDirectories(dirname(first), [relative(dirname(first), path)]);
}

/** Puts the names of files on disk: every directory between `root` and each of `paths`, once. */
export async function syncDirectories(root: string, paths: readonly string[]): Promise<void> {
  const directories = new Set<string>([root]);
  for (const path of paths) {
    const steps = relative(root, dirname(join(root, path))).split(sep);
    for (let depth = 1; depth <= steps.length; depth++) directories.add(join(root, ...steps.slice(0, depth)));
  }
  for (const directory of [...directories].sort((a, b) => b.length - a.length)) {
    const handle = await open(directory, 'r');
    await handle.sync().finally(() => handle.close());
  }
}
