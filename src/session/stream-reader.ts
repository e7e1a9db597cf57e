/**
 * Reads a connection chunk by chunk during a handshake, with one deadline for all of it. A peer that stalls, ends or floods costs one entry
 * here and nothing else: reading stops when a little has come that nobody asked for, so an unauthenticated peer cannot make us hold more
 * than that (D6, D18).
 */
import type { Duplex } from 'node:stream';
import { GwError } from '../contract/gw-error.js';
import type { Intake } from './intake.js';

/** Bytes held for a reader that does not ask. Node's own streams stop there, too. */
const HELD_LIMIT = 16 * 1024;

export class StreamReader {
  #stream: Duplex;
  /** Set while the stream reads into shared memory and emits no data itself. */
  #intake: Intake | null;
  #unread: Buffer[] = [];
  #paused = false;
  #waiting: { resolve: (chunk: Buffer) => void; reject: (error: unknown) => void } | null = null;
  #failure: GwError | null = null;
  readonly #side: 'client' | 'target';

  constructor(stream: Duplex, side: 'client' | 'target', intake: Intake | null) {
    this.#stream = stream;
    this.#intake = intake;
    this.#side = side;
    this.#attach();
  }

  get stream(): Duplex {
    return this.#stream;
  }

  /** Where the bytes of the connection as it is now come in; null when the stream itself gives them out. */
  get intake(): Intake | null {
    return this.#intake;
  }

  #attach(): void {
    if (this.#intake === null) this.#stream.on('readable', this.#onReadable);
    else this.#intake.handler = this.#onIntake;
    this.#stream.on('end', this.#onEnd);
    this.#stream.on('close', this.#onEnd);
    this.#stream.on('error', this.#onError);
  }

  /** Stops listening; bytes not yet read stay in the stream, those already here are returned. */
  detach(): Buffer[] {
    this.#stream.off('readable', this.#onReadable);
    this.#stream.off('end', this.#onEnd);
    this.#stream.off('close', this.#onEnd);
    this.#stream.off('error', this.#onError);
    const rest = this.#unread;
    // Until the next owner listens, what comes is added to what it is given.
    if (this.#intake !== null) this.#intake.handler = (chunk) => rest.push(Buffer.from(chunk));
    this.#unread = [];
    return rest;
  }

  /** Goes on with another stream over the same connection (TLS). */
  replace(stream: Duplex): void {
    this.detach();
    this.#intake = null;
    this.#stream = stream;
    this.#attach();
  }

  readonly #onReadable = (): void => {
    if (this.#waiting === null) return;
    const chunk = this.#stream.read() as Buffer | null;
    if (chunk !== null) this.#give(chunk);
  };

  readonly #onIntake = (chunk: Buffer): void => {
    const kept = Buffer.from(chunk);
    if (this.#waiting !== null) {
      this.#give(kept);
      return;
    }
    this.#unread.push(kept);
    let held = 0;
    for (const each of this.#unread) held += each.length;
    if (held < HELD_LIMIT) return;
    this.#paused = true;
    this.#stream.pause();
  };

  #give(chunk: Buffer): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(chunk);
  }

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
    const ready = this.#unread.shift() ?? (this.#intake === null ? (this.#stream.read() as Buffer | null) : null);
    if (ready !== null) return Promise.resolve(ready);
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (!this.#paused) return;
      this.#paused = false;
      this.#stream.resume();
    });
  }
}
