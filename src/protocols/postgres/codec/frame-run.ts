/**
 * Runs of frames of one type: results are thousands of rows, and the way down only has to know where each begins. A loop of its own, because
 * it is what a gigabyte of results costs.
 */
import { MESSAGE_LIMIT } from './limits.js';

/** Kept and overwritten: a result for each run would be an object for each read. */
const found = { end: 0, frames: 0 };

/**
 * The whole frames of `type` from `at` on: how many, and where the first thing begins that is none (another type, a part, an impossible length).
 * Valid until the next call.
 */
export function runOf(buffer: Uint8Array, at: number, end: number, type: number): { readonly end: number; readonly frames: number } {
  let frames = 0;
  let position = at;
  while (end - position >= 5 && buffer[position] === type) {
    const length =
      ((buffer[position + 1] as number) << 24) |
      ((buffer[position + 2] as number) << 16) |
      ((buffer[position + 3] as number) << 8) |
      (buffer[position + 4] as number);
    const next = position + 1 + length;
    if (length < 4 || length > MESSAGE_LIMIT || next > end) break;
    frames++;
    position = next;
  }
  found.end = position;
  found.frames = frames;
  return found;
}
