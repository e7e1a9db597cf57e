/**
 * An asciicast of version 3 as it comes from the gateway, for a replay. It is untrusted: what is no event is refused, its size is bounded, and its
 * text goes through the filter for terminals when it is shown.
 */
import { StringDecoder } from 'node:string_decoder';
import { z } from 'zod';
import { GwError } from '../../contract/gw-error.js';
import { exportEnd } from './export-end.js';
import { Keyframes, type TerminalSize } from './keyframes.js';

/** `at`: milliseconds from the beginning. */
export type CastEvent =
  | { readonly at: number; readonly kind: 'output' | 'marker'; readonly text: string }
  | ({ readonly at: number; readonly kind: 'resize' } & TerminalSize);

export interface Cast {
  readonly title: string;
  readonly events: readonly CastEvent[];
  readonly intact: boolean;
  /** The terminal that it begins with. */
  readonly size: TerminalSize;
  readonly keyframes: Keyframes;
}

/** A terminal is recorded up to 256 MiB; in JSON that is more. */
const LIMIT = 512 << 20;

const side = z.number().int().min(1).max(65_535);
const header = z.object({ version: z.literal(3), title: z.string().default(''), term: z.object({ cols: side, rows: side }) });
const SIZE = /^(\d{1,5})x(\d{1,5})$/;
const event = z.tuple([z.number().min(0), z.string(), z.string()]);

/** @throws GwError `gateway.unreachable` when it is no asciicast or not whole; `usage.invalid` when it is too long to be played */
export async function readCast(pieces: AsyncIterable<Buffer>): Promise<Cast> {
  const reader = new Reader();
  const decoder = new StringDecoder('utf8');
  let bytes = 0;
  let rest = '';
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > LIMIT)
      throw new GwError('usage.invalid', `The replay is longer than ${LIMIT} bytes.`, {
        hint: 'Export it: `gw sessions export ID --format asciicast -o FILE`.',
      });
    const lines = (rest + decoder.write(piece)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) reader.line(line);
  }
  if (rest !== '') reader.line(rest);
  return reader.end();
}

/** Line by line as they come: a recording is not held twice. */
class Reader {
  readonly #events: CastEvent[] = [];
  #title: string | null = null;
  #size: TerminalSize = { columns: 0, rows: 0 };
  #keyframes: Keyframes | null = null;
  #now = 0;
  #last = '';

  line(line: string): void {
    this.#last = line;
    if (this.#keyframes === null) {
      const { title, term } = parsed(header, line);
      this.#title = title;
      this.#size = { columns: term.cols, rows: term.rows };
      this.#keyframes = new Keyframes(this.#size);
      return;
    }
    if (line.startsWith('#')) return;
    const [after, code, text] = parsed(event, line);
    this.#now += after * 1000;
    const found = eventOf(this.#now, code, text);
    if (found === null) return;
    this.#events.push(found);
    this.#keyframes.take(found);
  }

  end(): Cast {
    const end = exportEnd(this.#last);
    if (end === 'missing' || this.#keyframes === null) throw new GwError('gateway.unreachable', 'The replay ended before its last line: it is not whole.');
    return { title: this.#title ?? '', events: this.#events, intact: end === 'intact', size: this.#size, keyframes: this.#keyframes };
  }
}

function eventOf(at: number, code: string, text: string): CastEvent | null {
  if (code === 'o') return { at, kind: 'output', text };
  if (code === 'm') return { at, kind: 'marker', text };
  const [, columns, rows] = code === 'r' ? (SIZE.exec(text) ?? []) : [];
  return columns === undefined ? null : { at, kind: 'resize', columns: Number(columns), rows: Number(rows) };
}

function parsed<T>(schema: z.ZodType<T>, line: string): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch (cause) {
    throw new GwError('gateway.unreachable', 'The gateway gave a replay that this version of gw does not understand.', { cause });
  }
}
