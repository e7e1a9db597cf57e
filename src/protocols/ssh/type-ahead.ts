/**
 * What is typed at a terminal while its shell waits for people. sshd gives a session no room before something runs on it, and OpenSSH reads nothing
 * from its terminal that it has no room for: neither Ctrl-C nor its own `~.`. So the gateway lends the client some room, and keeps what comes in it
 * until the target has some.
 */

/** Bytes of room that are lent: what a person types in that time, and pastes. */
export const LENT_BYTES = 4_096;

export class TypeAhead {
  readonly #send: (bytes: Buffer) => void;
  #kept = Buffer.alloc(0);
  #room = 0;
  #end: (() => void) | null = null;

  constructor(send: (bytes: Buffer) => void) {
    this.#send = send;
  }

  take(bytes: Buffer): void {
    this.#kept = Buffer.concat([this.#kept, bytes]);
    this.#drain();
  }

  /** The target has so much more room. */
  widened(bytes: number): void {
    this.#room += bytes;
    this.#drain();
  }

  /** Nothing comes any more; `then` is called when everything has gone. */
  end(then: () => void): void {
    this.#end = then;
    this.#drain();
  }

  #drain(): void {
    const part = this.#kept.subarray(0, this.#room);
    this.#room -= part.length;
    this.#kept = this.#kept.subarray(part.length);
    if (part.length > 0) this.#send(part);
    if (this.#kept.length > 0) return;
    this.#end?.();
    this.#end = null;
  }
}

/** Ctrl-C, which a terminal in raw mode sends as a character. */
export const interrupts = (typed: Buffer): boolean => typed.includes(0x03);
