/**
 * Replies to requests carry no number: they come in the order of the requests (RFC 4254 section 4 and 5.4). Some are the target's and some the
 * gateway's own, so the gateway's wait until those before them are there.
 */

type Answer = (pass: () => void, agreed: boolean) => void;

export class ReplyOrder {
  /** Answers that are known, and those that a peer still owes: with what is done when it gives them, or null where they are passed on. */
  readonly #expected: { readonly owed: boolean; readonly answer: Answer | null }[] = [];

  /** The peer was asked. `answered`: the gateway wants to know what it says, and passes that on or keeps it to itself. */
  remote(answered: Answer | null = null): void {
    this.#expected.push({ owed: true, answer: answered });
  }

  /** The gateway answers, as soon as it is its turn. */
  local(answer: () => void): void {
    if (this.#expected.length === 0) answer();
    else this.#expected.push({ owed: false, answer });
  }

  /** The peer answered, and agreed or did not; false: it was not asked. */
  answered(pass: () => void, agreed = true): boolean {
    const [first] = this.#expected;
    if (first?.owed !== true) return false;
    this.#expected.shift();
    if (first.answer === null) pass();
    else first.answer(pass, agreed);
    while (this.#expected[0]?.owed === false) this.#expected.shift()?.answer?.(pass, agreed);
    return true;
  }
}
