/** A log that is read under a size it had before: what it dropped as it grew is found in what it grew to. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LogFiles } from '../../src/audit/log-files.js';
import { LogWriter } from '../../src/audit/log-writer.js';
import { tilePath } from '../../src/audit/tile-layout.js';
import { silentLogger } from '../../src/base/logger.js';
import { key, withDirectory } from './log-world.js';

const NEVER = 3_600_000;
const leafAt = (index: number): Buffer => Buffer.from(`leaf ${index}`);

/** Runs with the files of an empty log, and what makes it grow to a size under a new checkpoint. */
function withLog(run: (files: () => LogFiles, growTo: (size: number) => Promise<Buffer>) => Promise<void>): Promise<void> {
  return withDirectory(async (directory) => {
    const log = await LogWriter.open({ directory, origin: 'bank/0', keys: [key], logger: silentLogger, checkpointMs: NEVER, retryMs: NEVER });
    const growTo = async (size: number): Promise<Buffer> => {
      while (log.size < size) log.append(leafAt(log.size));
      log.commit();
      await log.publish();
      return new LogFiles(directory).subtrees(size)(3, 0);
    };
    await run(() => new LogFiles(directory), growTo);
    await log.close();
  });
}

async function leavesOf(files: LogFiles, size: number): Promise<string[]> {
  const leaves: string[] = [];
  for await (const { leaf } of files.leaves(size)) leaves.push(leaf.toString());
  return leaves;
}

// Within a bundle, to its end, past it, and to where even the tile of the next level is another one.
it.each([610, 768, 769, 1_500])('reads 600 entries of a log that has %i by now', (later) =>
  withLog(async (files, growTo) => {
    const before = await growTo(600);
    await growTo(later);
    expect(await leavesOf(files(), 600)).toEqual(Array.from({ length: 600 }, (_, index) => leafAt(index).toString()));
    expect(await files().subtrees(600)(3, 0)).toEqual(before);
    // The last whole subtree of eight entries lies in the tile that was partial.
    expect(await files().subtrees(600)(3, 74)).toEqual(await files().subtrees(later)(3, 74));
    expect(await files().size()).toBe(later);
  }),
);

it('does not find what a log that lies still has lost', () =>
  withLog(async (files, growTo) => {
    await growTo(600);
    const lost = files();
    await rm(join(lost.directory, tilePath({ level: 'entries', index: 2, width: 600 - 512 })));
    await rm(join(lost.directory, tilePath({ level: 0, index: 2, width: 600 - 512 })));
    expect(await lost.bundle(2, 600)).toBeNull();
    expect(await lost.bundle(2, 590)).toBeNull();
    expect(await lost.bundle(3, 600)).toBeNull();
    await expect(leavesOf(lost, 600)).rejects.toMatchObject({ code: 'audit.invalid' });
    await expect(lost.subtrees(600)(3, 74)).rejects.toMatchObject({ code: 'audit.invalid' });
  }));
