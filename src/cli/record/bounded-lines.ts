/** The lines of a stream as it comes from the gateway. Untrusted: none is longer than it may be. */
import { StringDecoder } from 'node:string_decoder';
import { GwError } from '../../contract/gw-error.js';

/** Longest line of a cast, characters: a result up to the recorder's cap, in JSON. */
export const CAST_LINE = 64 << 20;

/**
 * `limit`: characters of the longest line. `unended`: what becomes of what the stream ends with, without an end of its own.
 * @throws GwError `gateway.unreachable`
 */
export async function* boundedLines(pieces: AsyncIterable<Buffer>, limit: number, unended: 'line' | 'left out'): AsyncGenerator<string, void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + decoder.write(piece)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > limit) throw new GwError('gateway.unreachable', `The gateway gave a line of more than ${limit} characters.`);
    yield* lines;
  }
  if (rest !== '' && unended === 'line') yield rest;
}
