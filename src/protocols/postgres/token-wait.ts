/**
 * The wait for what tokens stand for: between the verdict on an operation and its going up. So nothing is looked up for an operation that policy
 * refuses, or that people have not let through; and where it cannot be found, the operation ends as refused, though it was let through.
 */
import type { GwError } from '../../contract/gw-error.js';
import type { Verdict } from '../../contract/verdict.js';
import type { AwaitedVerdict } from './awaited-verdict.js';
import type { Conversation } from './conversation.js';
import type { Judged } from './judge.js';
import type { TokenAnswer, TokenEdit } from './masking/session-tokens.js';

export class TokenWait {
  readonly #talk: Conversation;
  readonly #awaited: AwaitedVerdict;
  #verdict: Verdict | null = null;
  /** It has run for longer than it may. */
  #late: GwError | null = null;

  constructor(talk: Conversation, awaited: AwaitedVerdict) {
    this.#talk = talk;
    this.#awaited = awaited;
  }

  /**
   * What of an operation that was let through is replaced when it goes up; null: nothing. `wait`: it is being looked up. An error: it does not go up
   * after all. `kept`: its verdict is kept elsewhere meanwhile.
   */
  edit(asked: Judged, verdict: Verdict, answer: TokenAnswer | null, kept: boolean): TokenEdit | null | 'wait' | GwError {
    const late = this.#verdict === verdict ? this.#late : null;
    if (answer === 'wait' && late === null) {
      if (!kept) this.#awaited.keep(asked, verdict);
      this.#verdict = verdict;
      return 'wait';
    }
    [this.#verdict, this.#late] = [null, null];
    const found = answer === 'wait' ? null : answer;
    const refusal = late ?? found?.refusal ?? null;
    if (refusal === null) return found?.edit ?? null;
    this.#talk.context.guard.finish(verdict, 'refused', refusal.message);
    return refusal;
  }

  /** What ran too long is what waits here. False: it is not. */
  stop(verdict: Verdict, error: GwError): boolean {
    if (this.#verdict !== verdict) return false;
    this.#late = error;
    return true;
  }
}
