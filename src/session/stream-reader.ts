/**
 * Reads a stream chunk by chunk during a handshake, with one deadline for all of it. A peer that stalls, ends or floods costs one entry
 * here and nothing else: nothing is read while nobody asks, so an unauthenticated peer can make us hold one chunk at most (D6, D18).
 */
import type { Duplex } from 'node:stream';
import { GwError } from '../contract/gw-error.js';

export class StreamReader {
  #stream: Duplex;
  #unread: Buffer[] = [];
  #waiting: { resolve: (chunk: Buffer) => void; reject: (error: unknown) => void } | null = null;
  #failure: GwError | null = null;
  readonly #side: 'client' | 'target';

  constructor(stream: Duplex, side: 'client' | 'target') {
    this.#side = side;
    this.#stream = stream;
    this.#attach();
  }

  get stream(): Duplex {
    return this.#stream;
  }

  #attach(): void {
    this.#stream.on('readable', this.#onReadable);
    this.#stream.on('end', this.#onEnd);
    this.#stream.on('close', this.#onEnd);
    this.#stream.on('error', this.#onError);
  }

  /** Stops listening; bytes not yet read stay in the stream, those given back by `unread` are returned. */
  detach(): Buffer[] {
    this.#stream.off('readable', this.#onReadable);
    this.#stream.off('end', this.#onEnd);
    this.#stream.off('close', this.#onEnd);
    this.#stream.off('error', this.#onError);
    const rest = this.#unread;
    this.#unread = [];
    return rest;
  }

  /** Goes on with another stream over the same connection (TLS). */
  replace(stream: Duplex): void {
    this.detach();
    this.#stream = stream;
    this.#attach();
  }

  readonly #onReadable = (): void => {
    if (this.#waiting === null) return;
    const chunk = this.#stream.read() as Buffer | null;
    if (chunk === null) return;
    const { resolve } = this.#waiting;
    this.#waiting = null;
    resolve(chunk);
  };

  readonly #onEnd = (): void => {
    this.fail(
      new GwError(this.#side === 'client' ? 'protocol.violation' : 'target.unreachable', `The ${this.#side} closed the connection during the handshake.`),
    );
  };

  readonly #onError = (cause: Error): void => {
    this.fail(
      new GwError(this.#side === 'client' ? 'protocol.violation' : 'target.unreachable', `The connection to the ${this.#side} broke during the handshake.`, {
        cause,
      }),
    );
  };

  /** Every read from now on fails so: the deadline passed, the gateway drains. */
  fail(error: GwError): void {
    this.#failure ??= error;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(this.#failure);
  }

  unread(chunk: Buffer): void {
    this.#unread.unshift(chunk);
  }

  read(): Promise<Buffer> {
    const ready = this.#unread.shift() ?? (this.#stream.read() as Buffer | null);
    if (ready !== null) return Promise.resolve(ready);
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }
}
