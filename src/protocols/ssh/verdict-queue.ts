/**
 * Verdicts of one session, one after the other. People can be asked about one thing at a time, and records keep the order in which was
 * asked: what comes behind an operation that is held waits for its turn, while what already runs goes on.
 */
import { GwError } from '../../contract/gw-error.js';
import type { Operation } from '../../contract/operation.js';
import type { Guard } from '../../contract/protocol.js';
import type { Verdict } from '../../contract/verdict.js';
import type { ClientProbe } from './client-probe.js';
import type { Speaker } from './legs.js';

const LEFT = 'its client left before it was its turn';

interface Question {
  readonly operation: Operation;
  readonly speaker: Speaker | null;
  readonly then: (verdict: Verdict) => void;
}

export class VerdictQueue {
  readonly #guard: Guard;
  readonly #fail: (error: GwError) => void;
  readonly #probe: ClientProbe;
  #questions: Question[] = [];
  #asking = false;
  /** Who is spoken to about the question in hand. */
  speaker: Speaker | null = null;

  constructor(guard: Guard, probe: ClientProbe, fail: (error: GwError) => void) {
    this.#probe = probe;
    this.#guard = guard;
    this.#fail = fail;
  }

  /** Whoever asked here is gone: the question in hand is taken back, those behind it are never put to anybody. */
  withdraw(speaker: Speaker): void {
    if (this.speaker === speaker) this.#guard.withdraw();
    this.#questions = this.#questions.map((each) => (each.speaker === speaker ? { ...each, operation: { ...each.operation, forbidden: LEFT } } : each));
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
      (verdict) => this.#decided(verdict, then),
      (error: unknown) => this.#fail(GwError.from(error)),
    );
  }

  /** What people let through goes up only if whoever asked is still there. */
  #decided(verdict: Verdict, then: (verdict: Verdict) => void): void {
    const goOn = (): void => this.#answered(() => then(verdict));
    if (!verdict.allowed) {
      goOn();
      return;
    }
    try {
      this.#probe.settle(goOn);
    } catch (error) {
      this.#fail(GwError.from(error));
    }
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
