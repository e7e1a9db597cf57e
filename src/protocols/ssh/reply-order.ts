/**
 * Replies to requests carry no number: they come in the order of the requests (RFC 4254 section 4 and 5.4). Some are the target's and some the
 * gateway's own, so the gateway's wait until those before them are there.
 */
export class ReplyOrder {
  /** Answers that are known, and those that a peer still owes: with what is done when it gives them, or null where they are passed on. */
  readonly #expected: { readonly owed: boolean; readonly answer: (() => void) | null }[] = [];

  /** The peer was asked. `answered`: by the gateway, which keeps the answer to itself. */
  remote(answered: (() => void) | null = null): void {
    this.#expected.push({ owed: true, answer: answered });
  }

  /** The gateway answers, as soon as it is its turn. */
  local(answer: () => void): void {
    if (this.#expected.length === 0) answer();
    else this.#expected.push({ owed: false, answer });
  }

  /** The peer answered; false: it was not asked. */
  answered(pass: () => void): boolean {
    const [first] = this.#expected;
    if (first?.owed !== true) return false;
    this.#expected.shift();
    (first.answer ?? pass)();
    while (this.#expected[0]?.owed === false) this.#expected.shift()?.answer?.();
    return true;
  }
}
