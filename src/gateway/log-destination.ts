/**
 * Where the lines of the log go: written in the background, so that nobody waits for a slow reader. What cannot be written (the disk is
 * full, the terminal was closed, nobody reads any more) is dropped and counted, and told in the log when it can be written again: a
 * log that fails neither ends a process nor keeps one from ending. What must not be lost is in the journal.
 */
import { write, writeSync } from 'node:fs';

/** Characters that may wait for a reader. */
const MAX_WAITING = 8 << 20;
const PAUSE = 50;
/** Pauses in which `flush` lets a slow reader read. */
const FLUSH_PAUSES = 20;

const mayComeAgain = (error: NodeJS.ErrnoException): boolean => error.code === 'EAGAIN' || error.code === 'EBUSY';

export class LogDestination {
  readonly #fd: number;
  #waiting: string[] = [];
  #size = 0;
  /** A write is under way, or begins at the end of this turn. */
  #busy = false;
  #lost = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** @param line with its line break */
  write(line: string): void {
    if (this.#size + line.length > MAX_WAITING) {
      this.#lost++;
      return;
    }
    this.#waiting.push(line);
    this.#size += line.length;
    if (this.#busy) return;
    this.#busy = true;
    setImmediate(() => this.#begin());
  }

  /** Writes what waits, as far as it can be written. Blocks, though not for long. */
  flush(): void {
    const { bytes, lines } = this.#take();
    for (let at = 0, pauses = 0; at < bytes.length; ) {
      try {
        at += writeSync(this.#fd, bytes, at);
      } catch (cause) {
        if (!mayComeAgain(cause as NodeJS.ErrnoException) || ++pauses > FLUSH_PAUSES) {
          this.#lost += lines;
          return;
        }
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
      }
    }
  }

  #begin(): void {
    this.#busy = this.#waiting.length > 0;
    if (!this.#busy) return;
    const { bytes, lines } = this.#take();
    this.#write(bytes, 0, lines);
  }

  #write(bytes: Buffer, from: number, lines: number): void {
    write(this.#fd, bytes, from, (error, written) => {
      if (error !== null && mayComeAgain(error)) {
        setTimeout(() => this.#write(bytes, from, lines), PAUSE);
        return;
      }
      if (error === null && from + written < bytes.length) {
        this.#write(bytes, from + written, lines);
        return;
      }
      if (error !== null) this.#lost += lines;
      this.#begin();
    });
  }

  /** Everything that waits, and how many lines are gone if it cannot be written. */
  #take(): { readonly bytes: Buffer; readonly lines: number } {
    const lines = this.#waiting.length + this.#lost;
    if (this.#lost > 0 && this.#waiting.length > 0)
      this.#waiting.unshift(
        `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), lost: this.#lost, msg: 'lines of this log were lost, because they could not be written' })}\n`,
      );
    const bytes = Buffer.from(this.#waiting.join(''));
    if (this.#waiting.length > 0) this.#lost = 0;
    this.#waiting = [];
    this.#size = 0;
    return { bytes, lines };
  }
}
