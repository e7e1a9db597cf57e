/**
 * Reads a file whose size and kind somebody else decided. A file larger than its kind can be, a directory, a pipe or a device counts as one that is
 * not there: nothing is read without a bound, and nothing is waited for.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const NOT_THERE = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ENXIO', 'ELOOP', 'ENAMETOOLONG']);

/** @returns null for what is not there as a file of at most `limit` bytes. @throws other errors of the file system as they are */
export async function readBounded(path: string, limit: number): Promise<Buffer | null> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const info = await file.stat();
    if (!info.isFile() || info.size > limit) return null;
    const bytes = Buffer.allocUnsafe(info.size);
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && NOT_THERE.has(String(thrown.code))) return null;
    throw thrown;
  }
}
