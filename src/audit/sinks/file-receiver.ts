/**
 * A sink that appends to a file, one JSON document a line. A batch is on disk before it counts as delivered; half a line that a process left behind is
 * taken away before anything follows it. Before it grows too large the file gets the time behind its name, and a new one is begun.
 */
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { makeDirectory, syncDirectories } from '../../base/durable-file.js';
import { GwError } from '../../contract/gw-error.js';
import type { FileSinkSettings } from '../../contract/settings.js';
import type { SinkReceiver } from './sink-receiver.js';

const RECORDS = 2_000;
/** Longer than any line. */
const TAIL_BYTES = 512 * 1024;
const STAMP = '20260101T000000000Z'.length;
/** What stands behind the name of a rotated file: the time, and a number where there are two of one millisecond. */
const ROTATED = /^\d{8}T\d{9}Z(?:-\d+)?$/;

export function fileReceiver(settings: FileSinkSettings, clock: Clock): SinkReceiver {
  const { path, rotateBytes } = settings;
  return {
    most: RECORDS,
    deliver: async (records) => {
      const bytes = Buffer.from(records.map(({ json }) => `${json}\n`).join(''), 'utf8');
      await makeDirectory(dirname(path));
      let file = await open(path, 'a+', 0o600);
      try {
        const size = await cutHalfLine(file);
        if (size > 0 && size + bytes.length > rotateBytes) {
          await file.close();
          await rotate(settings, clock);
          file = await open(path, 'a+', 0o600);
        }
        await file.appendFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
      await syncDirectories(dirname(path), []);
    },
  };
}

/** @returns the size of the file, which ends with a line then */
async function cutHalfLine(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  const from = Math.max(0, size - TAIL_BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
  const whole = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
  if (whole === bytesRead) return size;
  // Nothing but a record of ours is cut, of which a single byte may be there.
  if (!'{"'.startsWith(buffer.toString('latin1', whole, Math.min(whole + 2, bytesRead))))
    throw new GwError('sink.unavailable', 'The file of the sink does not end with a line, and what stands there is none of its records.');
  await file.truncate(from + whole);
  return from + whole;
}

async function rotate({ path, keep }: FileSinkSettings, clock: Clock): Promise<void> {
  const there = await rotatedFiles(path);
  const now = new Date(clock.now()).toISOString().replaceAll(/[-:.]/g, '');
  // A clock that was put back must not give a name before those that there are: the newest would go as the oldest.
  const newest = there.at(-1);
  const name = newest === undefined || newest.slice(0, STAMP) < now ? now : `${newest.slice(0, STAMP)}-${Number(newest.slice(STAMP + 1)) + 1}`;
  await rename(path, `${path}.${name}`);
  await syncDirectories(dirname(path), []);
  if (keep === null) return;
  for (const old of [...there, name].slice(0, -keep)) await rm(`${path}.${old}`, { force: true });
}

/** What stands behind the names of rotated files, the oldest first. */
async function rotatedFiles(path: string): Promise<string[]> {
  const prefix = `${basename(path)}.`;
  const names = (await readdir(dirname(join(path)))).filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return names
    .filter((name) => ROTATED.test(name))
    .sort((a, b) => (a.slice(0, STAMP) === b.slice(0, STAMP) ? Number(a.slice(STAMP + 1)) - Number(b.slice(STAMP + 1)) : a < b ? -1 : 1));
}
