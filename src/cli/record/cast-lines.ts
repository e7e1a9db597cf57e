/** The lines of a cast as it comes from the gateway, the last one also without its end. Untrusted: none is longer than a result can be. */
import { StringDecoder } from 'node:string_decoder';
import { GwError } from '../../contract/gw-error.js';

/** Longest line, characters: a result up to the recorder's cap, in JSON. */
const LINE_LIMIT = 64 << 20;

/** @throws GwError `gateway.unreachable` */
export async function* castLines(pieces: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + decoder.write(piece)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_LIMIT) throw new GwError('gateway.unreachable', `The gateway gave a line of more than ${LINE_LIMIT} characters.`);
    yield* lines;
  }
  if (rest !== '') yield rest;
}
