/** A client's recording as an asciicast of version 3 (https://docs.asciinema.org/manual/asciicast/v3/), as it is read. The content is untrusted. */
import type { FrameOpener } from '../../base/sealed-frames.js';
import { decodeEvents, TERMINAL_EVENT, type TerminalEvent } from '../../base/terminal-events.js';
import { INTACT_WORDS, NOT_INTACT_WORDS } from '../../contract/api-types.js';
import type { ClientRecording } from '../../contract/client-recording.js';
import { decodeObject } from '../entry-decoder.js';
import { CastTape } from '../export/cast-tape.js';

const DEFAULT_SIZE = { cols: 80, rows: 24 };

export async function* castOf(recording: ClientRecording, opener: FrameOpener, content: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  const told = new ToldTerminal(recording);
  let damaged = false;
  for await (const piece of content) {
    for (const opened of opener.push(piece)) {
      const events = opened.kind === 'frame' ? decodeEvents(opened.plain) : null;
      if (events === null) damaged = true;
      else for (const event of events) yield told.line(event);
    }
  }
  yield told.end();
  yield `# ${recording.state === 'complete' && !damaged ? INTACT_WORDS : NOT_INTACT_WORDS}\n`;
}

class ToldTerminal {
  readonly #recording: ClientRecording;
  readonly #tape = new CastTape();
  readonly #began: number;
  /** A character may be cut between two events; the two streams are cut independently. */
  readonly #output = new TextDecoder();
  readonly #error = new TextDecoder();

  constructor(recording: ClientRecording) {
    this.#recording = recording;
    this.#began = Date.parse(recording.createdAt);
  }

  line({ code, at, data }: TerminalEvent): string {
    const head = this.#begin(code === TERMINAL_EVENT.begin ? data : null);
    const time = this.#began + at;
    switch (code) {
      case TERMINAL_EVENT.output:
        return head + this.#tape.event(time, 'o', this.#output.decode(data, { stream: true }));
      case TERMINAL_EVENT.error:
        return head + this.#tape.event(time, 'o', this.#error.decode(data, { stream: true }));
      case TERMINAL_EVENT.resize:
        return head + this.#tape.event(time, 'r', data.toString('latin1'));
      case TERMINAL_EVENT.session:
        return head + this.#tape.event(time, 'm', data.toString('latin1'));
      case TERMINAL_EVENT.exit: {
        const code = decodeObject(data)?.['code'];
        return head + this.#tape.event(time, 'x', typeof code === 'number' ? String(code) : '1');
      }
      default:
        return head;
    }
  }

  /** An empty recording is a cast, too. */
  end(): string {
    return this.#begin(null);
  }

  /** What the recording says of the terminal is for its looks only. */
  #begin(data: Buffer | null): string {
    if (this.#tape.begun) return '';
    const said = (data === null ? null : decodeObject(data)) ?? {};
    const { id, name, targets } = this.#recording;
    const term = { cols: sizeOf(said['cols'], DEFAULT_SIZE.cols), rows: sizeOf(said['rows'], DEFAULT_SIZE.rows) };
    return this.#tape.begin(this.#began, `${name} on ${targets.join(', ')} (${id})`, term);
  }
}

const sizeOf = (value: unknown, otherwise: number): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value < 10_000 ? value : otherwise;
