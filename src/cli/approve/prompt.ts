/** Questions at the terminal, and how they end without an answer: Ctrl-D leaves, Ctrl-C ends the program, as everywhere else. */
import { createInterface } from 'node:readline/promises';

export class Prompt {
  readonly #lines = createInterface({ input: process.stdin, output: process.stderr });
  readonly #closing = new AbortController();
  /** Resolves to null when nobody is there to be asked any more. One for all questions: a listener for each would add up. */
  readonly #left: Promise<null>;

  constructor() {
    this.#left = new Promise((resolve) => {
      this.#lines.once('close', () => {
        this.#closing.abort();
        resolve(null);
      });
    });
    // While it reads keys the terminal sends no signal of its own.
    this.#lines.once('SIGINT', () => {
      this.close();
      process.kill(process.pid, 'SIGINT');
    });
  }

  get isOver(): boolean {
    return this.#closing.signal.aborted;
  }

  /** What was typed, without spaces around it. Null: whoever was asked has left, or `signal` took the question back. */
  async ask(question: string, signal: AbortSignal = this.#closing.signal): Promise<string | null> {
    if (this.isOver) return null;
    const typed = this.#lines.question(question, { signal }).then(
      (text) => text.trim(),
      (thrown: unknown) => {
        if (signal.aborted || this.isOver || (thrown instanceof Error && thrown.name === 'AbortError')) return null;
        throw thrown;
      },
    );
    return Promise.race([typed, this.#left]);
  }

  close(): void {
    this.#lines.close();
  }
}
