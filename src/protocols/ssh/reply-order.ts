/**
 * Replies to requests carry no number: they come in the order of the requests (RFC 4254 section 4 and 5.4). Some are the target's and some the
 * gateway's own, so the gateway's wait until those before them are there.
 */
export class ReplyOrder {
  readonly #expected: ((() => void) | null)[] = [];

  /** The target was asked. */
  remote(): void {
    this.#expected.push(null);
  }

  /** The gateway answers, as soon as it is its turn. */
  local(answer: () => void): void {
    if (this.#expected.length === 0) answer();
    else this.#expected.push(answer);
  }

  /** The target answered; false: it was not asked. */
  answered(pass: () => void): boolean {
    if (this.#expected[0] !== null) return false;
    this.#expected.shift();
    pass();
    while (typeof this.#expected[0] === 'function') this.#expected.shift()?.();
    return true;
  }
}
