/**
 * Verdicts of one session, one after the other. People can be asked about one thing at a time, and records keep the order in which was
 * asked: what comes behind an operation that is held waits for its turn, while what already runs goes on.
 */
import { GwError } from '../../contract/gw-error.js';
import type { Operation } from '../../contract/operation.js';
import type { Guard } from '../../contract/protocol.js';
import type { Verdict } from '../../contract/verdict.js';
import type { Speaker } from './legs.js';

interface Question {
  readonly operation: Operation;
  readonly speaker: Speaker | null;
  readonly then: (verdict: Verdict) => void;
}

export class VerdictQueue {
  readonly #guard: Guard;
  readonly #fail: (error: GwError) => void;
  #questions: Question[] = [];
  #asking = false;
  /** Who is spoken to about the question in hand. */
  speaker: Speaker | null = null;

  constructor(guard: Guard, fail: (error: GwError) => void) {
    this.#guard = guard;
    this.#fail = fail;
  }

  ask(operation: Operation, speaker: Speaker | null, then: (verdict: Verdict) => void): void {
    if (this.#asking) this.#questions.push({ operation: { ...operation, exact: Buffer.from(operation.exact) }, speaker, then });
    else this.#put({ operation, speaker, then });
  }

  #put({ operation, speaker, then }: Question): void {
    this.speaker = speaker;
    const answer = this.#guard.check(operation);
    if (!(answer instanceof Promise)) {
      this.speaker = null;
      then(answer);
      return;
    }
    this.#asking = true;
    answer.then(
      (verdict) => this.#answered(() => then(verdict)),
      (error: unknown) => this.#fail(GwError.from(error)),
    );
  }

  #answered(step: () => void): void {
    try {
      this.#asking = false;
      this.speaker = null;
      step();
      for (let next = this.#asking ? undefined : this.#questions.shift(); next !== undefined; next = this.#asking ? undefined : this.#questions.shift())
        this.#put(next);
    } catch (error) {
      this.#fail(GwError.from(error));
    }
  }
}
