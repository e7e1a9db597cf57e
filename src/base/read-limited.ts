/** Bodies of requests and answers from outside, which end where somebody else says. Node built-ins only. */

/** All bytes of a stream; null, and the stream is given up, when there are more than `limit`. No stream has no bytes. */
export async function readLimited(stream: AsyncIterable<unknown> | null, limit: number): Promise<Buffer | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream ?? []) {
    if (!(chunk instanceof Uint8Array)) continue;
    length += chunk.length;
    if (length > limit) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
