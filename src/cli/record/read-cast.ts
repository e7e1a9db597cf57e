/**
 * An asciicast of version 3 as it comes from the gateway, for a replay of any length. It is untrusted: what is no event is refused, and its text goes
 * through the filter for terminals when it is shown.
 */
import { z } from 'zod';
import { GwError } from '../../contract/gw-error.js';
import { boundedLines, CAST_LINE } from './bounded-lines.js';
import { type CastEvent, CastEvents, type CastEventsOptions } from './cast-events.js';
import { exportEnd } from './export-end.js';
import { Keyframes, type TerminalSize } from './keyframes.js';

export interface Cast {
  readonly title: string;
  /** To be closed by whoever read it. */
  readonly events: CastEvents;
  readonly intact: boolean;
  /** The terminal that it begins with. */
  readonly size: TerminalSize;
  readonly keyframes: Keyframes;
}

const side = z.number().int().min(1).max(65_535);
const header = z.object({ version: z.literal(3), title: z.string().default(''), term: z.object({ cols: side, rows: side }) });
const SIZE = /^(\d{1,5})x(\d{1,5})$/;
const event = z.tuple([z.number().min(0), z.string(), z.string()]);

/** @throws GwError `gateway.unreachable` when it is no asciicast or not whole; `recording.local` where a long one finds no room */
export async function readCast(pieces: AsyncIterable<Buffer>, options: CastEventsOptions): Promise<Cast> {
  const events = new CastEvents(options);
  try {
    const reader = new Reader(events);
    for await (const line of boundedLines(pieces, CAST_LINE, 'line')) reader.line(line);
    return reader.end();
  } catch (thrown) {
    events.close();
    throw thrown;
  }
}

/** Line by line as they come. */
class Reader {
  readonly #events: CastEvents;
  #title: string | null = null;
  #size: TerminalSize = { columns: 0, rows: 0 };
  #keyframes: Keyframes | null = null;
  #now = 0;
  #last = '';

  constructor(events: CastEvents) {
    this.#events = events;
  }

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
    this.#events.add(found);
    this.#keyframes.take(found);
  }

  end(): Cast {
    const end = exportEnd(this.#last);
    if (end === 'missing' || this.#keyframes === null) throw new GwError('gateway.unreachable', 'The replay ended before its last line: it is not whole.');
    this.#events.end();
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
