/** Puts a pack where the user wants it: whole or not at all, also when the export is interrupted. */
import { resolve } from 'node:path';
import { GwError } from '../../contract/gw-error.js';
import { leaveNothing } from '../leave-nothing.js';
import { StagedDirectory } from './staged-directory.js';

/** @throws GwError `usage.invalid` when something stands there already; what `fill` throws, with nothing left */
export async function savePack<T>(path: string, fill: (out: StagedDirectory) => Promise<T>): Promise<T> {
  const place = resolve(path);
  const staged = await StagedDirectory.begin(place).catch((cause: unknown) => {
    throw new GwError('usage.invalid', `Nothing can be written to ${place}.`, { cause });
  });
  if (staged === null) throw new GwError('usage.invalid', `${place} is there already.`, { hint: 'Name a directory that does not exist yet with --out.' });
  return leaveNothing(
    () => staged.abandonNow(),
    async () => {
      try {
        const filled = await fill(staged);
        await staged.finish();
        return filled;
      } catch (thrown) {
        await staged.abandon();
        throw thrown;
      }
    },
  );
}
