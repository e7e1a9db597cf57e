/**
 * The one verdict that a session waits for: a human is being asked, the message stays where it is, and everything behind it waits. What
 * comes back is used for exactly the operation that was asked for, compared again byte for byte; for anything else it is dropped, and that
 * is asked for by itself.
 */
import { GwError } from '../../contract/gw-error.js';
import type { Facts } from '../../contract/operation.js';
import type { Verdict } from '../../contract/verdict.js';
import type { Conversation } from './conversation.js';
import type { Judged } from './judge.js';

interface Asked {
  readonly facts: Facts;
  readonly form: string;
  readonly exact: Buffer;
  readonly parameters: Buffer | null;
  readonly clears: string;
  /** Null until it came. */
  verdict: Verdict | null;
}

export class AwaitedVerdict {
  readonly #talk: Conversation;
  readonly #came: () => void;
  #asked: Asked | null = null;

  /** `came` is called when the verdict is there. */
  constructor(talk: Conversation, came: () => void) {
    this.#talk = talk;
    this.#came = came;
  }

  /** Nobody has answered yet. What is behind an answer that came may still wait for the server. */
  get waiting(): boolean {
    return this.#asked !== null && this.#asked.verdict === null;
  }

  /** It came at once, and its operation has to wait for something else. */
  keep(judged: Judged, verdict: Verdict): void {
    this.#asked = copyOf(judged, verdict);
  }

  expect(judged: Judged, verdict: Promise<Verdict>): void {
    const asked = copyOf(judged, null);
    this.#asked = asked;
    verdict
      .then(async (value) => {
        // People took their time, and names may mean something else by now: the message is looked at again with what holds then.
        if (value.allowed) await this.#talk.context.recheckCatalog();
        return value;
      })
      .then((value) => {
        asked.verdict = value;
        if (!this.#talk.over) this.#came();
      })
      .catch((error: unknown) => {
        this.#asked = null;
        if (!this.#talk.over) this.#talk.context.end('protocol', GwError.from(error));
      });
  }

  /** The verdict that came for exactly this; null: there is none. */
  take(judged: Judged): Verdict | null {
    const asked = this.#asked;
    if (asked === null || asked.verdict === null) return null;
    this.#asked = null;
    const same =
      asked.facts === judged.facts &&
      asked.form === judged.form &&
      asked.exact.equals(judged.exact) &&
      asked.clears === clearsOf(judged) &&
      (asked.parameters === null ? judged.parameters === null : judged.parameters !== null && asked.parameters.equals(judged.parameters));
    if (same) return asked.verdict;
    this.#drop(asked.verdict);
    return null;
  }

  /** The message that it was for is not sent any more (the server skips it after an error). */
  forget(): void {
    const asked = this.#asked;
    if (asked === null || asked.verdict === null) return;
    this.#asked = null;
    this.#drop(asked.verdict);
  }

  #drop(verdict: Verdict): void {
    if (verdict.allowed) this.#talk.context.guard.finish(verdict, 'cancelled', 'what was asked for was not carried out');
  }
}

function copyOf(judged: Judged, verdict: Verdict | null): Asked {
  const { facts, form, exact, parameters } = judged;
  return { facts, form, exact: Buffer.from(exact), parameters: parameters === null ? null : Buffer.from(parameters), clears: clearsOf(judged), verdict };
}

/** What people let be shown in clear is that, and no column more. */
const clearsOf = ({ clears }: Judged): string => JSON.stringify(clears ?? []);
