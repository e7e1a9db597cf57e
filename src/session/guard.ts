/**
 * Stages 6 and 7: the two doors. Going up, every operation gets a verdict that is in the journal before the operation leaves; coming down,
 * every byte of a result is masked, recorded and only then released. Policy, approval, masking and recording are invisible behind them.
 *
 * Only this file can build a `Verdict`: the class is not exported and its private field is checked at run time (`requireVerdict`), which
 * stops the attack "a code path that forgot to ask".
 */
import type { Clock } from '../base/clock.js';
import type { Decision, PolicySource, PolicyView } from '../contract/decision.js';
import { GwError } from '../contract/gw-error.js';
import type { Identity } from '../contract/identity.js';
import type { Operation } from '../contract/operation.js';
import type { Guard } from '../contract/protocol.js';
import type { OutcomeStatus, SessionRecorder } from '../contract/recording.js';
import type { Target } from '../contract/target.js';
import type { Verdict } from '../contract/verdict.js';

class IssuedVerdict {
  readonly #issuer: SessionGuard;
  readonly allowed: boolean;
  readonly decision: Decision;
  readonly sequence: number;
  /** Milliseconds, monotonic. */
  readonly startedAt: number;
  rows = 0;
  bytes = 0;
  finished = false;

  constructor(issuer: SessionGuard, decision: Decision, sequence: number, startedAt: number) {
    this.#issuer = issuer;
    this.allowed = decision.effect === 'allow';
    this.decision = decision;
    this.sequence = sequence;
    this.startedAt = startedAt;
  }

  static issuedBy(value: object, issuer: SessionGuard): value is IssuedVerdict {
    return #issuer in value && value.#issuer === issuer;
  }
}

export interface GuardCounters {
  operations: number;
  refused: number;
  rows: number;
}

export interface GuardOptions {
  readonly identity: Identity;
  readonly target: Target;
  readonly policy: PolicySource;
  readonly recorder: SessionRecorder;
  readonly clock: Clock;
}

export class SessionGuard implements Guard {
  readonly counters: GuardCounters = { operations: 0, refused: 0, rows: 0 };
  readonly #options: GuardOptions;
  #policySet;
  #view: PolicyView;
  /** Replaced by a renewal. */
  #identity: Identity;
  /** Set from outside when the right to the session is gone; every later call throws it. */
  #revoked: GwError | null = null;
  readonly #transport: IssuedVerdict;
  /** What runs and has no outcome. Nearly always that is one operation, which has a place of its own because a set costs more than it does. */
  #running: IssuedVerdict | null = null;
  readonly #alsoRunning = new Set<IssuedVerdict>();

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#policySet = options.policy.current();
    this.#view = this.#policySet.view(options.identity, options.target);
    this.#identity = options.identity;
    const reasons = ['carries no operation'];
    this.#transport = new IssuedVerdict(this, { effect: 'allow', rule: 'gateway/transport', policy: this.#policySet.digest, reasons, hint: null }, 0, 0);
  }

  get expiresAt(): number {
    return this.#identity.expiresAt;
  }

  /**
   * A fresh token of the same subject was presented: from the next operation on its rights count, and its expiry, even where it is the
   * earlier one. The record has it in front of every operation that it decides.
   * @throws GwError `recording.failed`
   */
  renew(identity: Identity): void {
    const { email, groups, onBehalfOf, expiresAt } = identity;
    this.#options.recorder.event('session.renewed', { email, groups, onBehalfOf, expiresAt });
    this.#identity = identity;
    this.#view = this.#policySet.view(identity, this.#options.target);
  }

  revoke(error: GwError): void {
    this.#revoked ??= error;
  }

  /** True when the policy in force no longer lets this session exist. Asked on every policy change. */
  mayStay(): Decision {
    return this.#currentView().connect();
  }

  #currentView(): PolicyView {
    const set = this.#options.policy.current();
    if (set !== this.#policySet) {
      this.#policySet = set;
      this.#view = set.view(this.#identity, this.#options.target);
    }
    return this.#view;
  }

  #live(): void {
    if (this.#revoked !== null) throw this.#revoked;
    if (this.#options.clock.now() >= this.expiresAt) throw new GwError('login.expired', 'The login behind this session has expired.');
  }

  #decide(operation: Operation): Decision {
    const view = this.#currentView();
    if (operation.forbidden === null) return view.decide(operation.facts);
    return { effect: 'deny', rule: 'gateway/wire', policy: view.policy, reasons: [operation.forbidden], hint: null };
  }

  check(operation: Operation): Verdict {
    this.#live();
    return this.#issue(operation, this.#decide(operation));
  }

  consider(operation: Operation): Verdict {
    this.#live();
    const decision = this.#decide(operation);
    if (decision.effect !== 'allow') return this.#issue(operation, decision);
    return this.#transport as unknown as Verdict;
  }

  #issue(operation: Operation, decision: Decision): Verdict {
    const sequence = ++this.counters.operations;
    const verdict = new IssuedVerdict(this, decision, sequence, this.#options.clock.monotonic());
    this.#options.recorder.operation(sequence, operation.form, operation.facts, decision, operation.exact, operation.parameters);
    if (!verdict.allowed) this.counters.refused++;
    else if (this.#running === null) this.#running = verdict;
    else this.#alsoRunning.add(verdict);
    return verdict as unknown as Verdict;
  }

  transport(): Verdict {
    return this.#transport as unknown as Verdict;
  }

  /** Throws unless `verdict` is an allowing one that this session's guard issued. */
  requireVerdict(verdict: Verdict): void {
    if (!IssuedVerdict.issuedBy(verdict, this) || !verdict.allowed)
      throw new GwError('internal.error', 'Bytes were to go up without a verdict of this session.');
  }

  deliver(verdict: Verdict, chunk: Uint8Array, rows: number): Uint8Array {
    const issued = this.#issued(verdict);
    // An operation that is over has no more result: what still names it (a portal run again in a later segment) answers nothing.
    if (issued === this.#transport || issued.finished) {
      // Words of the target that answer no operation (notifications, parameter changes): the record keeps them under number 0.
      this.#options.recorder.delivered(0, chunk);
      return chunk;
    }
    issued.rows += rows;
    issued.bytes += chunk.length;
    this.#options.recorder.delivered(issued.sequence, chunk);
    return chunk;
  }

  receive(verdict: Verdict, chunk: Uint8Array): void {
    const issued = this.#issued(verdict);
    if (issued !== this.#transport && !issued.finished) this.#options.recorder.received(issued.sequence, chunk);
  }

  finish(verdict: Verdict, status: OutcomeStatus, message: string | null): void {
    const issued = this.#issued(verdict);
    if (issued.finished || issued === this.#transport) return;
    issued.finished = true;
    if (this.#running === issued) this.#running = null;
    else this.#alsoRunning.delete(issued);
    this.counters.rows += issued.rows;
    const durationUs = Math.round((this.#options.clock.monotonic() - issued.startedAt) * 1000);
    this.#options.recorder.outcome(issued.sequence, { status, rows: issued.rows, bytes: issued.bytes, durationUs, message });
  }

  /** The session ends: what is still open is lost. */
  finishAll(message: string): void {
    for (const verdict of [this.#running, ...this.#alsoRunning]) if (verdict !== null) this.finish(verdict as unknown as Verdict, 'lost', message);
  }

  #issued(verdict: Verdict): IssuedVerdict {
    if (!IssuedVerdict.issuedBy(verdict, this)) throw new GwError('internal.error', 'A result was to be delivered without a verdict of this session.');
    return verdict;
  }
}
