/** A client's recording as an asciicast of version 3 (https://docs.asciinema.org/manual/asciicast/v3/), as it is read. The content is untrusted. */
import type { FrameOpener } from '../../base/sealed-frames.js';
import { decodeEvents, TERMINAL_EVENT, type TerminalEvent } from '../../base/terminal-events.js';
import { INTACT_WORDS, NOT_INTACT_WORDS } from '../../contract/api-types.js';
import type { ClientRecording } from '../../contract/client-recording.js';

const DEFAULT_SIZE = { cols: 80, rows: 24 };

export async function* castOf(recording: ClientRecording, opener: FrameOpener, content: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  const tape = new CastTape(recording);
  let damaged = false;
  for await (const piece of content) {
    for (const opened of opener.push(piece)) {
      const events = opened.kind === 'frame' ? decodeEvents(opened.plain) : null;
      if (events === null) damaged = true;
      else for (const event of events) yield tape.line(event);
    }
  }
  yield tape.end();
  yield `# ${recording.state === 'complete' && !damaged ? INTACT_WORDS : NOT_INTACT_WORDS}\n`;
}

class CastTape {
  readonly #recording: ClientRecording;
  /** A character may be cut between two events; the two streams are cut independently. */
  readonly #output = new TextDecoder();
  readonly #error = new TextDecoder();
  #now = 0;
  #begun = false;

  constructor(recording: ClientRecording) {
    this.#recording = recording;
  }

  line({ code, at, data }: TerminalEvent): string {
    const head = this.#begin(code === TERMINAL_EVENT.begin ? data : null);
    switch (code) {
      case TERMINAL_EVENT.output:
        return head + this.#event(at, 'o', this.#output.decode(data, { stream: true }));
      case TERMINAL_EVENT.error:
        return head + this.#event(at, 'o', this.#error.decode(data, { stream: true }));
      case TERMINAL_EVENT.resize:
        return head + this.#event(at, 'r', data.toString('latin1'));
      case TERMINAL_EVENT.session:
        return head + this.#event(at, 'm', data.toString('latin1'));
      case TERMINAL_EVENT.exit: {
        const end = objectOf(data);
        return head + this.#event(at, 'x', typeof end['code'] === 'number' ? String(end['code']) : '1');
      }
      default:
        return head;
    }
  }

  /** An empty recording is a cast, too. */
  end(): string {
    return this.#begin(null);
  }

  #begin(data: Buffer | null): string {
    if (this.#begun) return '';
    this.#begun = true;
    const said = data === null ? {} : objectOf(data);
    const { id, name, targets, createdAt } = this.#recording;
    const term = { cols: sizeOf(said['cols'], DEFAULT_SIZE.cols), rows: sizeOf(said['rows'], DEFAULT_SIZE.rows) };
    return `${JSON.stringify({ version: 3, term, timestamp: Math.floor(Date.parse(createdAt) / 1000), title: `${name} on ${targets.join(', ')} (${id})` })}\n`;
  }

  #event(at: number, code: string, data: string): string {
    const before = this.#now;
    this.#now = Math.max(before, at);
    return `${JSON.stringify([(this.#now - before) / 1000, code, data])}\n`;
  }
}

function objectOf(json: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // What is said of the terminal is for its looks only.
    return {};
  }
}

const sizeOf = (value: unknown, otherwise: number): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value < 10_000 ? value : otherwise;
