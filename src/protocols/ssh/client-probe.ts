/**
 * Is the client still there? The master of a shared OpenSSH connection tells of a client of it that was killed only when something wakes it: a
 * request that it must answer (RFC 4254 section 4) does. It answers first and tells then, so whoever has two answers, one after the other, has
 * heard of everybody who had left before the first question.
 */

import { MESSAGE } from './codec/messages.js';
import { boolean, message, string } from './codec/wire.js';
import type { ReplyOrder } from './reply-order.js';

const QUESTION = message(MESSAGE.globalRequest, string('keepalive@openssh.com'), boolean(true));

export class ClientProbe {
  readonly #down: (payload: Uint8Array) => void;
  /** Of the requests that go down. */
  readonly #replies: ReplyOrder;
  #asked = false;

  constructor(down: (payload: Uint8Array) => void, replies: ReplyOrder) {
    this.#down = down;
    this.#replies = replies;
  }

  /** Asks, unless an answer is still to come. */
  look(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#ask(() => {
      this.#asked = false;
    });
  }

  /** Goes on once everything is heard that there was to say. */
  settle(then: () => void): void {
    this.#ask(() => this.#ask(then));
  }

  #ask(answered: () => void): void {
    this.#replies.remote(answered);
    this.#down(QUESTION);
  }
}
