/**
 * Replies to requests carry no number: they come in the order of the requests (RFC 4254 section 4 and 5.4). Some are the target's and some the
 * gateway's own, so the gateway's wait until those before them are there.
 */
import { REPLIES } from './codec/limits.js';
import { broken } from './codec/wire.js';
import { Fifo } from './fifo.js';

type Answer = (pass: () => void, agreed: boolean) => void;

interface Expected {
  readonly owed: boolean;
  readonly answer: Answer | null;
}

export class ReplyOrder {
  /** Answers that are known, and those that a peer still owes: with what is done when it gives them, or null where they are passed on. */
  readonly #expected = new Fifo<Expected>();

  /**
   * The peer was asked. `answered`: the gateway wants to know what it says, and passes that on or keeps it to itself.
   * @throws GwError `protocol.violation` where too much is owed: nothing else bounds what a peer asks without reading the answers
   */
  remote(answered: Answer | null = null): void {
    this.#expect({ owed: true, answer: answered });
  }

  /** The gateway answers, as soon as it is its turn. @throws GwError `protocol.violation` as `remote` does */
  local(answer: () => void): void {
    if (this.#expected.length === 0) answer();
    else this.#expect({ owed: false, answer });
  }

  #expect(expected: Expected): void {
    if (this.#expected.length >= REPLIES) throw broken('more requests than replies may be owed to');
    this.#expected.push(expected);
  }

  /** The peer answered, and agreed or did not; false: it was not asked. */
  answered(pass: () => void, agreed = true): boolean {
    const first = this.#expected.head;
    if (first?.owed !== true) return false;
    this.#expected.shift();
    if (first.answer === null) pass();
    else first.answer(pass, agreed);
    while (this.#expected.head?.owed === false) this.#expected.shift()?.answer?.(pass, agreed);
    return true;
  }
}
