/**
 * An asciicast of version 3 as it comes from the gateway, for a replay. It is untrusted: what is no event is refused, its size is bounded, and its
 * text goes through the filter for terminals when it is shown.
 */
import { z } from 'zod';
import { GwError } from '../../contract/gw-error.js';
import { exportEnd } from './export-end.js';

export interface CastEvent {
  /** Milliseconds from the beginning. */
  readonly at: number;
  readonly kind: 'output' | 'marker';
  readonly text: string;
}

export interface Cast {
  readonly title: string;
  readonly events: readonly CastEvent[];
  readonly intact: boolean;
}

const LIMIT = 256 << 20;

const header = z.object({ version: z.literal(3), title: z.string().default('') });
const event = z.tuple([z.number().min(0), z.string(), z.string()]);

/** @throws GwError `gateway.unreachable` when it is no asciicast or not whole; `usage.invalid` when it is too long to be played */
export async function readCast(pieces: AsyncIterable<Buffer>): Promise<Cast> {
  const held: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > LIMIT)
      throw new GwError('usage.invalid', `The replay is longer than ${LIMIT} bytes.`, {
        hint: 'Export it: `gw sessions export ID --format asciicast -o FILE`.',
      });
    held.push(piece);
  }
  const [first = '', ...lines] = Buffer.concat(held).toString('utf8').trimEnd().split('\n');
  const end = exportEnd(lines.at(-1) ?? '');
  if (end === 'missing') throw new GwError('gateway.unreachable', 'The replay ended before its last line: it is not whole.');
  let now = 0;
  const events: CastEvent[] = [];
  for (const line of lines) {
    if (line.startsWith('#')) continue;
    const [after, code, text] = parsed(event, line);
    now += after * 1000;
    if (code === 'o') events.push({ at: now, kind: 'output', text });
    else if (code === 'm') events.push({ at: now, kind: 'marker', text });
  }
  return { title: parsed(header, first).title, events, intact: end === 'intact' };
}

function parsed<T>(schema: z.ZodType<T>, line: string): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch (cause) {
    throw new GwError('gateway.unreachable', 'The gateway gave a replay that this version of gw does not understand.', { cause });
  }
}
