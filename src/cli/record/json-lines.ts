/** JSON documents, one a line, out of a stream as it comes; empty lines say nothing. The stream is untrusted. */
import { GwError } from '../../contract/gw-error.js';
import { boundedLines } from './bounded-lines.js';

/** Longest line, characters. */
const LINE_LIMIT = 1 << 20;

/** @throws GwError `gateway.unreachable` for what is no JSON document of an object */
export async function* jsonLines(pieces: AsyncIterable<Buffer>): AsyncGenerator<Readonly<Record<string, unknown>>, void> {
  for await (const line of boundedLines(pieces, LINE_LIMIT, 'left out')) if (line !== '') yield readLine(line);
}

function readLine(line: string): Readonly<Record<string, unknown>> {
  let value: unknown = null;
  try {
    value = JSON.parse(line);
  } catch {
    value = null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new GwError('gateway.unreachable', 'The gateway gave a line that this version of gw does not understand.');
  return value as Readonly<Record<string, unknown>>;
}
