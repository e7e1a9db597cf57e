/**
 * The files of a pack as they are made: collects small pieces, takes the SHA-256 of each file, and hands the bytes to a sink (a directory, a stream, or
 * nothing where only the digests are wanted). `settle` waits for the sink: call it now and then, so that nothing piles up.
 */
import { createHash, type Hash } from 'node:crypto';
import { isInnerPath } from '../base/inner-path.js';
import { GwError } from '../contract/gw-error.js';

export interface PackSink {
  /** The next bytes of a file; `last`: no more follow. Calls for one file come in order. */
  write(path: string, bytes: Buffer, last: boolean): Promise<void>;
}

interface OpenFile {
  readonly hash: Hash;
  pieces: string[];
  buffered: number;
}

export interface PackFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

const PIECE = 256 * 1024;
export class PackWriter {
  readonly #sink: PackSink;
  readonly #open = new Map<string, OpenFile>();
  readonly #files = new Map<string, PackFile>();
  readonly #sizes = new Map<string, number>();
  #waiting: Promise<void>[] = [];

  constructor(sink: PackSink) {
    this.#sink = sink;
  }

  /** Files that are whole, sorted by path. */
  get files(): readonly PackFile[] {
    return [...this.#files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** A whole file. */
  put(path: string, content: string | Buffer): void {
    this.bytes(path, typeof content === 'string' ? Buffer.from(content, 'utf8') : content);
    this.end(path);
  }

  /** More of a text file. */
  text(path: string, text: string): void {
    const file = this.#file(path);
    file.pieces.push(text);
    file.buffered += text.length;
    if (file.buffered >= PIECE) this.#flush(path, file, false);
  }

  /** More of a file; the bytes may be used by others again once `settle` resolved. */
  bytes(path: string, bytes: Buffer): void {
    const file = this.#file(path);
    if (file.buffered > 0) this.#flush(path, file, false);
    this.#write(path, file, bytes, false);
  }

  end(path: string): void {
    const file = this.#file(path);
    this.#flush(path, file, true);
    this.#open.delete(path);
    this.#files.set(path, { path, sha256: file.hash.digest('hex'), bytes: this.#sizes.get(path) ?? 0 });
  }

  /** @throws what the sink throws */
  async settle(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    await Promise.all(waiting);
  }

  #file(path: string): OpenFile {
    const open = this.#open.get(path);
    if (open !== undefined) return open;
    if (!isInnerPath(path) || this.#files.has(path)) throw new GwError('internal.error', `The file ${path} cannot be written to an evidence pack.`);
    const file: OpenFile = { hash: createHash('sha256'), pieces: [], buffered: 0 };
    this.#open.set(path, file);
    this.#sizes.set(path, 0);
    return file;
  }

  #flush(path: string, file: OpenFile, last: boolean): void {
    const bytes = Buffer.from(file.pieces.join(''), 'utf8');
    file.pieces = [];
    file.buffered = 0;
    this.#write(path, file, bytes, last);
  }

  #write(path: string, file: OpenFile, bytes: Buffer, last: boolean): void {
    file.hash.update(bytes);
    this.#sizes.set(path, (this.#sizes.get(path) ?? 0) + bytes.length);
    const written = this.#sink.write(path, bytes, last);
    // Its failure is told by `settle`.
    written.catch(() => undefined);
    this.#waiting.push(written);
  }
}

/** Takes nothing: for the digests alone. */
export const noSink: PackSink = { write: () => Promise.resolve() };
