/**
 * Reading a log that is written meanwhile: it drops its partial tiles as it grows, so what could not be read while its checkpoint moved is read again,
 * under the checkpoint of then. A log that lies still is read once.
 */
import { GwError } from '../contract/gw-error.js';
import { LogFiles } from './log-files.js';

/** A log that moved on so often while it was read is told as it was seen last. */
export const READ_ATTEMPTS = 5;

/** What moves when a log grows, or gives up its oldest entries. */
async function stateOf(directory: string): Promise<Buffer | null> {
  const files = new LogFiles(directory);
  const checkpoint = await files.checkpoint();
  return checkpoint === null ? null : Buffer.concat([checkpoint, (await files.pruning())?.bytes ?? Buffer.alloc(0)]);
}

/**
 * What `read` finds, which takes the newest checkpoint itself.
 * @param isWhole false: something of it was missing, or wrong
 * @throws what `read` throws; GwError `audit.invalid` only when the log did not move, or moved too often
 */
export async function readSteadily<T>(directory: string, read: () => Promise<T>, isWhole: (found: T) => boolean = () => true): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const before = await stateOf(directory);
    const [found] = await Promise.allSettled([read()]);
    if (found.status === 'fulfilled' && isWhole(found.value)) return found.value;
    const now = await stateOf(directory);
    const moved = now !== null && before?.equals(now) !== true;
    if (moved && attempt < READ_ATTEMPTS && (found.status === 'fulfilled' || isUnreadable(found.reason))) continue;
    if (found.status === 'rejected') throw found.reason;
    return found.value;
  }
}

function isUnreadable(thrown: unknown): boolean {
  return thrown instanceof GwError && thrown.code === 'audit.invalid';
}
