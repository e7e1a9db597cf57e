/** What the parts of the engine share: both legs of the session, the doors, and the one place where verdicts are asked for. */
import type { GwError } from '../../contract/gw-error.js';
import type { Operation } from '../../contract/operation.js';
import type { Guard } from '../../contract/protocol.js';
import type { Verdict } from '../../contract/verdict.js';

/** Where words of the gateway can be said to people. */
export interface Speaker {
  say(text: string): void;
}

export interface Legs {
  readonly guard: Guard;
  /** A message for the client: `head` and, behind it, `body`. */
  down(head: Uint8Array, body?: Uint8Array): void;
  /** A message for the target, under an allowing verdict. */
  up(verdict: Verdict, head: Uint8Array, body?: Uint8Array): void;
  /**
   * Asks for a verdict; `then` is called with it, at once or later. One is asked for at a time, so what comes behind a held one waits. Notices
   * about it go to `speaker`.
   */
  ask(operation: Operation, speaker: Speaker | null, then: (verdict: Verdict) => void): void;
  /** Who asked as `speaker` is gone: what is held for it is taken back. */
  withdraw(speaker: Speaker): void;
  /** A text to judge may be so long, bytes. */
  readonly statementLimit: number;
  readonly shell: 'posix' | 'other';
  /** Ends the session. */
  fail(error: GwError): void;
}
