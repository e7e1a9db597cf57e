/** How far long work is, in one line at a terminal on stderr that is written over and taken away at the end; nothing where nobody watches. */
import { isTalkTerminal } from './terminal.js';

/** What comes faster than anybody reads needs no line, bytes. */
const LONG = 8 << 20;

export class Progress {
  readonly #shown: boolean;
  #last = '';

  constructor() {
    this.#shown = isTalkTerminal();
  }

  /** @param part from 0 to 1 */
  tell(what: string, part: number): void {
    this.#show(`${what} … ${Math.floor(part * 100)} %`);
  }

  /** The same pieces, of which nobody knows how many there are. */
  async *count(what: string, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
    let bytes = 0;
    try {
      for await (const piece of pieces) {
        bytes += piece.length;
        if (bytes >= LONG) this.#show(`${what} … ${Math.floor(bytes / LONG) * (LONG >> 20)} MiB`);
        yield piece;
      }
    } finally {
      this.end();
    }
  }

  #show(line: string): void {
    if (!this.#shown || line === this.#last) return;
    this.#last = line;
    process.stderr.write(`\r\u001b[2K${line}`);
  }

  end(): void {
    if (this.#last !== '') process.stderr.write('\r\u001b[2K');
    this.#last = '';
  }
}
