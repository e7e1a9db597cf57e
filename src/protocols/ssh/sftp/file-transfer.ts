/** What went through an open file: bytes and, while they come one after the other from the beginning, their digest, which the record computes. */
import type { StreamDigests } from '../../../contract/recording.js';

class Direction {
  bytes = 0n;
  #ordered = true;

  /** What comes next stands at `offset` of the file. */
  at(offset: bigint): void {
    if (offset !== this.bytes) this.#ordered = false;
  }

  add(data: Uint8Array): void {
    this.bytes += BigInt(data.length);
  }

  words(verb: string, digest: (() => Buffer) | undefined): string | null {
    if (this.bytes === 0n) return null;
    const words = this.#ordered && digest !== undefined ? `sha256 ${digest().toString('hex')}` : 'not in order, so without a digest';
    return `${this.bytes} bytes ${verb}, ${words}`;
  }
}

export class FileTransfer {
  readonly read = new Direction();
  readonly written = new Direction();
  readonly #digests: StreamDigests | null;

  /** `digests`: of the streams of the opening; null: it is over already, and nobody hears of it. */
  constructor(digests: StreamDigests | null) {
    this.#digests = digests;
  }

  /** For the record, before its outcome. */
  words(): string {
    const words = [this.read.words('read', this.#digests?.delivered), this.written.words('written', this.#digests?.received)].filter((each) => each !== null);
    return words.length === 0 ? 'nothing read or written' : words.join('; ');
  }
}
