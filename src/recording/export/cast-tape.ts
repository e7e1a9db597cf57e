/** Writes an asciicast of version 3 (https://docs.asciinema.org/manual/asciicast/v3/), whose times never run backwards. Pure. */

/** The size of a terminal that nobody knows. */
export const TERMINAL = { cols: 120, rows: 40 };

/** The lines of the file; remembers the time of the last one, because each says how long after the one before it comes. */
export class CastTape {
  #now: number | null = null;

  get begun(): boolean {
    return this.#now !== null;
  }

  /** The time of the last line. */
  get now(): number {
    return this.#now ?? 0;
  }

  begin(time: number, title: string, term = TERMINAL): string {
    this.#now = time;
    return `${JSON.stringify({ version: 3, term, timestamp: Math.floor(time / 1000), title })}\n`;
  }

  event(time: number, code: 'o' | 'm' | 'x' | 'r', data: string): string {
    const before = this.#now ?? time;
    this.#now = Math.max(before, time);
    return `${JSON.stringify([(this.#now - before) / 1000, code, data])}\n`;
  }

  out(time: number, lines: readonly string[]): string {
    return lines.length === 0 ? '' : this.event(time, 'o', lines.map((line) => `${line}\r\n`).join(''));
  }
}
