/** How far long work is, in one line at a terminal on stderr that is written over and taken away at the end; nothing where nobody watches. */
import { isTalkTerminal } from './terminal.js';

export class Progress {
  readonly #shown: boolean;
  #last = '';

  constructor() {
    this.#shown = isTalkTerminal();
  }

  /** @param part from 0 to 1 */
  tell(what: string, part: number): void {
    const line = `${what} … ${Math.floor(part * 100)} %`;
    if (!this.#shown || line === this.#last) return;
    this.#last = line;
    process.stderr.write(`\r\u001b[2K${line}`);
  }

  end(): void {
    if (this.#last !== '') process.stderr.write('\r\u001b[2K');
    this.#last = '';
  }
}
