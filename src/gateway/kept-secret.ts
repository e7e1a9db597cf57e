/** A secret that the gateway makes itself and keeps in its data directory, readable by its own user only. */
import { link, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectories } from '../base/durable-file.js';
import { newId } from '../base/id.js';
import { readIfThere } from '../base/read-if-there.js';
import { GwError } from '../contract/gw-error.js';

/**
 * Made once, and on disk before it is used: what it locks or signs cannot be had without it. Of several workers that start, the first one's is everybody's.
 * @param make the secret, one line of text
 * @throws GwError `config.invalid`; errors of the file system as they are
 */
export async function keptSecret(path: string, make: () => string, now: number): Promise<string> {
  const found = await readIfThere(path);
  if (found !== null) return found.trim();
  const draft = `${path}.${newId('draft', now)}`;
  await writeFile(draft, `${make()}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    await link(draft, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  } finally {
    await unlink(draft);
  }
  await syncDirectories(dirname(path), []);
  const kept = await readIfThere(path);
  if (kept === null) throw new GwError('config.invalid', `The key ${path} could not be kept.`);
  return kept.trim();
}
