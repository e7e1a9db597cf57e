/** What can be wrong with an audit log in a copy of a data directory: what `GrowingLog` must find, each by itself. Logs are those of two workers. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LogFiles, TILE_WIDTH, tilePath } from '../../../src/audit/index.js';
import { HASH_BYTES, leafHash } from '../../../src/base/merkle-hash.js';

/** The files of the newest entries. */
async function newest(dataDir: string): Promise<{ readonly entries: string; readonly tile: string; readonly width: number }> {
  const directory = join(dataDir, 'log', '0');
  const size = await new LogFiles(directory).size();
  const index = Math.floor((size - 1) / TILE_WIDTH);
  const width = size - index * TILE_WIDTH;
  return { entries: join(directory, tilePath({ level: 'entries', index, width })), tile: join(directory, tilePath({ level: 0, index, width })), width };
}

/** Changes the last character but the brackets of the last entry. @returns the entry as it is then */
async function changeEntry(dataDir: string): Promise<Buffer> {
  const { entries, width } = await newest(dataDir);
  const bytes = await readFile(entries);
  let at = 0;
  for (let entry = 1; entry < width; entry++) at += 2 + bytes.readUInt16BE(at);
  const digit = bytes.lastIndexOf('Z"');
  if (digit < at) throw new TypeError('the last entry has no time');
  bytes[digit - 1] = bytes[digit - 1] === 0x30 ? 0x31 : 0x30;
  await writeFile(entries, bytes);
  return bytes.subarray(at + 2);
}

export const DAMAGED_LOGS: Readonly<Record<string, (dataDir: string) => Promise<void>>> = {
  'an entry is another one': async (dataDir) => void (await changeEntry(dataDir)),
  'an entry is another one, and the tile says so': async (dataDir) => {
    const entry = await changeEntry(dataDir);
    const { tile, width } = await newest(dataDir);
    const hashes = await readFile(tile);
    leafHash(entry).copy(hashes, (width - 1) * HASH_BYTES);
    await writeFile(tile, hashes);
  },
  'the entries are gone': async (dataDir) => rm((await newest(dataDir)).entries),
  'a log is gone': async (dataDir) => rm(join(dataDir, 'log', '1'), { recursive: true }),
  'the checkpoint is gone': async (dataDir) => rm(join(dataDir, 'log', '1', 'checkpoint')),
  'another log took its place': async (dataDir) => {
    await rename(join(dataDir, 'log', '0'), join(dataDir, 'log', 'other'));
    await rename(join(dataDir, 'log', '1'), join(dataDir, 'log', '0'));
    await rename(join(dataDir, 'log', 'other'), join(dataDir, 'log', '1'));
  },
  'the checkpoint is not what was signed': async (dataDir) => {
    const path = join(dataDir, 'log', '0', 'checkpoint');
    const note = await readFile(path, 'latin1');
    await writeFile(
      path,
      note.replace(/^(\S+\n)(\d+)\n/, (_, origin: string, size: string) => `${origin}${Number(size) - 1}\n`),
      'latin1',
    );
  },
};
