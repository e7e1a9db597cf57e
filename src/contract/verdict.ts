/**
 * Proof types. A value of these types proves that a stage of the path ran; the classes that can build them live unexported in their
 * stage (`session/authenticate`, `session/authorize`, `session/guard`), and carry a private field that is checked at run time too. They
 * stop the attack "a code path that forgot to ask": no dial without a `Grant`, no upstream write without a `Verdict`.
 */
import type { Decision } from './decision.js';
import type { Identity } from './identity.js';
import type { Facts } from './operation.js';
import type { Target } from './target.js';

declare const authenticatedBrand: unique symbol;
declare const grantBrand: unique symbol;
declare const verdictBrand: unique symbol;

export interface Authenticated {
  readonly [authenticatedBrand]: true;
  readonly identity: Identity;
}

export interface Grant {
  readonly [grantBrand]: true;
  readonly identity: Identity;
  readonly target: Target;
  readonly decision: Decision;
}

export interface Verdict {
  readonly [verdictBrand]: true;
  readonly allowed: boolean;
  readonly decision: Decision;
  /** What it was given for; of transport messages, nothing. */
  readonly facts: Facts;
  /** Number of the operation within its session, from 1 without gaps. 0: transport messages that carry no operation. */
  readonly sequence: number;
}
