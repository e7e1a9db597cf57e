/** What went through an open file: bytes and, while they come one after the other from the beginning, their digest. */
import { createHash, type Hash } from 'node:crypto';

class Direction {
  bytes = 0n;
  #hash: Hash | null = createHash('sha256');
  #next = 0n;

  at(offset: bigint): void {
    if (offset !== this.#next) this.#hash = null;
  }

  add(data: Uint8Array): void {
    this.bytes += BigInt(data.length);
    this.#next += BigInt(data.length);
    this.#hash?.update(data);
  }

  words(verb: string): string | null {
    if (this.bytes === 0n) return null;
    return `${this.bytes} bytes ${verb}, ${this.#hash === null ? 'not in order, so without a digest' : `sha256 ${this.#hash.digest('hex')}`}`;
  }
}

export class FileTransfer {
  readonly read = new Direction();
  readonly written = new Direction();

  /** For the record, at the end. Once. */
  words(): string {
    const words = [this.read.words('read'), this.written.words('written')].filter((each) => each !== null);
    return words.length === 0 ? 'nothing read or written' : words.join('; ');
  }
}
