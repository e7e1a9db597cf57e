/**
 * A message that began in one read and ends in the next. It is put together by itself, so that what follows it stays where it was read: to join two reads
 * costs a copy of all of a result.
 */

const HEADER = 5;
/** What is shorter than this is copied faster than it is looked at twice. */
const WORTH_IT = 8192;

/**
 * How much of `chunk` belongs to the message that `begun` begins. 0: all of it is to be joined, because it is short, the message does not end in it,
 * or its length is none.
 */
export function endOfBegun(begun: Buffer, chunk: Buffer): number {
  if (chunk.length < WORTH_IT) return 0;
  const header = begun.length >= HEADER ? begun : Buffer.concat([begun, chunk.subarray(0, HEADER)]);
  const length = header.readUInt32BE(1);
  const end = 1 + length - begun.length;
  return length >= 4 && end > 0 && end < chunk.length ? end : 0;
}
