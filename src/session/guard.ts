/**
 * Stages 6 and 7: the two doors. Going up, every operation gets a verdict that is in the journal before the operation leaves; coming down,
 * every byte of a result is masked, recorded and only then released. Policy, approval, masking and recording are invisible behind them.
 *
 * Only this file can build a `Verdict`: the class is not exported and its private field is checked at run time (`requireVerdict`), which
 * stops the attack "a code path that forgot to ask".
 */
import type { Clock } from '../base/clock.js';
import type { AbandonReason, ApprovalAnswer, ApprovalRecord, ChangedRows } from '../contract/approval.js';
import { authenticationOf } from '../contract/authentication.js';
import { type Decision, NOTHING_FURTHER, type PolicySource, type PolicyView } from '../contract/decision.js';
import { GwError } from '../contract/gw-error.js';
import type { Identity } from '../contract/identity.js';
import type { ClassView, ClearColumn, MaskingDoor, MaskingView } from '../contract/masking-policy.js';
import type { Facts, Operation } from '../contract/operation.js';
import type { ClientNotice, Guard, OverRows } from '../contract/protocol.js';
import type { OutcomeStatus, SessionRecorder, StreamDigests } from '../contract/recording.js';
import type { Target } from '../contract/target.js';
import type { Verdict } from '../contract/verdict.js';
import { copyOperation, type HeldOperation, Hold, type HoldOptions } from './hold.js';
import { type Amount, overdue, refuseOneTooMany, refuseUncounted, requireWithin } from './operation-limits.js';
import { askOverRows, standOverRows, undone } from './over-rows.js';
import { isGlassOffered, standOnApproval } from './stand-on-approval.js';
import { isApproval, isUnapproved, mayStayMasked, stayingMasked } from './stay-masked.js';

const LOST_WRITES = 'it grants only reads by now, and this session was opened to write; connect again for a read-only one';

const NO_EFFECT: Facts = { effects: [], unknown: [], summary: '', redacted: null };

/** Shared by all that have none: it is replaced, not changed. */
const NO_FURTHER = { rows: 0, bytes: 0 } as const satisfies Amount;

class IssuedVerdict {
  readonly #issuer: SessionGuard;
  readonly allowed: boolean;
  readonly facts: Facts;
  readonly decision: Decision;
  readonly sequence: number;
  /** Milliseconds, monotonic. Later by each wait for people: that is no time of the operation. */
  startedAt: number;
  rows = 0;
  bytes = 0;
  /** People approved it. */
  approved = false;
  /** Hidden columns that they let it show in clear. */
  clears: readonly ClearColumn[] | undefined;
  /** What masking did to its result; null: nothing. */
  masked: Map<ClassView, number> | null = null;
  /** What later operations read on from its cursors. */
  further: Amount = NO_FURTHER;
  /** Whose cursors it reads from; null: nobody's. */
  readonly continues: readonly IssuedVerdict[] | null;
  finished = false;
  /** A copy of what was asked, where people may have to be asked about what it did; otherwise null. */
  operation: HeldOperation | null = null;
  /** People are being asked about what it did. */
  asking: ChangedRows | null = null;
  /** Rows that people let through beyond the limit. */
  released = 0;

  constructor(issuer: SessionGuard, facts: Facts, decision: Decision, sequence: number, startedAt: number, continues: readonly IssuedVerdict[] | null = null) {
    this.#issuer = issuer;
    this.facts = facts;
    this.allowed = decision.effect === 'allow';
    this.decision = decision;
    this.sequence = sequence;
    this.startedAt = startedAt;
    this.continues = continues;
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
  /** Null: nobody can be asked, so what must be asked for is refused. */
  readonly hold: HoldOptions | null;
  /** Set where people let the connection be: what it rests on. */
  readonly connected: ApprovalRecord | null;
  /** The target refuses writes on the session's connection, and does so until its end. */
  readonly readOnly: boolean;
  readonly identity: Identity;
  readonly target: Target;
  /** The account at the target that it was opened as. */
  readonly account: string;
  readonly policy: PolicySource;
  /** The session was opened with a reason. */
  readonly reasoned: boolean;
  masking(view: MaskingView): MaskingDoor;
  readonly recorder: SessionRecorder;
  readonly clock: Clock;
  /** Tells the client something that ends nothing. */
  say(notice: ClientNotice): void;
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
  readonly #hold: Hold | null;
  /** Time-boxed grants that this session rests on, by id. It ends with the first of them. */
  readonly grants = new Map<string, ApprovalRecord>();
  #held: { readonly operation: HeldOperation; readonly decision: Decision; readonly sequence: number } | null = null;
  #over = false;
  /** By now policy grants only reads, and the connection is one that takes writes, from functions too: it may not go on. */
  #lostWrites = false;
  /** What runs and has no outcome. Nearly always that is one operation, which has a place of its own because a set costs more than it does. */
  #running: IssuedVerdict | null = null;
  readonly #alsoRunning = new Set<IssuedVerdict>();

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#policySet = options.policy.current();
    this.#view = this.#policySet.view(options.identity, options.target);
    this.#identity = options.identity;
    this.#hold = options.hold === null ? null : new Hold(options.hold, options.recorder);
    if (options.connected !== null && options.connected.activeUntil !== null) this.#rest(options.connected);
    const policy = this.#policySet.digest;
    const decision: Decision = { effect: 'allow', rule: 'gateway/transport', policy, reasons: ['carries no operation'], hint: null, ...NOTHING_FURTHER };
    this.#transport = new IssuedVerdict(this, NO_EFFECT, decision, 0, 0);
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
    const { email, groups, onBehalfOf, expiresAt, claims } = identity;
    this.#options.recorder.event('session.renewed', { email, groups, onBehalfOf, expiresAt, ...authenticationOf(claims) });
    this.#identity = identity;
    this.#use(this.#policySet.view(identity, this.#options.target));
  }

  revoke(error: GwError): void {
    this.#revoked ??= error;
  }

  /** What the policy in force says of this session's being there. Asked every second. */
  mayStay(): Decision {
    const decision = this.#currentView().connect(this.#options.account);
    this.#hold?.policyIs(decision.policy);
    if (this.#lostWrites) return { ...decision, effect: 'deny', reasons: [LOST_WRITES] };
    const { connected } = this.#options;
    if (decision.effect !== 'require_approval' || connected === null) return decision;
    // By nobody, which the review will look at; or approved under this policy.
    if (connected.kind === 'break_glass') {
      const offered = isGlassOffered(connected, decision, this.#options.clock.now());
      return offered
        ? { ...decision, effect: 'allow' }
        : { ...decision, reasons: ['it was opened by break-glass access, which policy does not give here any more'] };
    }
    const stands = connected.policy === decision.policy;
    return stands ? { ...decision, effect: 'allow' } : { ...decision, reasons: ['the policy changed since people let it be opened'] };
  }

  /** People are being asked. */
  get waiting(): boolean {
    return this.#hold?.waiting ?? false;
  }

  /** The first moment at which something ends that this session rests on; null: nothing does. */
  get grantEnds(): number | null {
    let end: number | null = null;
    for (const { activeUntil } of this.grants.values()) if (activeUntil !== null && (end === null || activeUntil < end)) end = activeUntil;
    return end;
  }

  #rest(record: ApprovalRecord): void {
    this.grants.set(record.id, record);
  }

  /** Ends the wait for people from this side. False: nothing waits. */
  abandon(reason: AbandonReason): boolean {
    return this.#hold?.abandon(reason) ?? false;
  }

  withdraw(): void {
    this.abandon({ kind: 'gave_up', why: 'its client left while it waited' });
  }

  #currentView(): PolicyView {
    const set = this.#options.policy.current();
    if (set !== this.#policySet) {
      this.#policySet = set;
      this.#use(set.view(this.#identity, this.#options.target));
    }
    return this.#view;
  }

  #use(view: PolicyView): void {
    this.#view = view;
    this.#lostWrites = view.readOnly && !this.#options.readOnly;
  }

  #live(): void {
    if (this.#revoked !== null) throw this.#revoked;
    if (this.#options.clock.now() >= this.expiresAt) throw new GwError('login.expired', 'The login behind this session has expired.');
  }

  /** `before`: operations of this session so far. */
  #decide(operation: Operation, before: number = this.counters.operations): Decision {
    const view = this.#currentView();
    if (this.#lostWrites) throw new GwError('session.revoked', `Policy no longer lets this session be: ${LOST_WRITES}.`, { hint: 'Connect again.' });
    if (operation.forbidden !== null)
      return {
        effect: 'deny',
        rule: `gateway/${operation.forbiddenBy ?? 'wire'}`,
        policy: view.policy,
        reasons: [operation.forbidden],
        hint: null,
        ...NOTHING_FURTHER,
      };
    const plain = view.decide(operation.facts);
    let decision = operation.clears === undefined ? plain : view.asking(plain, operation.clears);
    if (decision.effect === 'require_approval' && (this.#hold === null || operation.reach === 'partial')) {
      const why = this.#hold === null ? 'nobody can be asked in this session' : 'it is too long to be shown to anybody';
      if (!mayStayMasked(operation, decision)) return refuseUnasked(decision, why);
      decision = stayingMasked(plain, why);
    }
    return refuseUncounted(decision, operation) ?? refuseOneTooMany(decision, before) ?? decision;
  }

  check(operation: Operation): Verdict | Promise<Verdict> {
    this.#live();
    const decision = this.#decide(operation);
    const sequence = ++this.counters.operations;
    if (decision.effect === 'require_approval' && this.#hold !== null) return this.#ask(this.#hold, copyOperation(operation), decision, sequence);
    return this.#issue(operation, decision, sequence);
  }

  /** Asks people, and then decides again: everything may have changed while they thought. */
  async #ask(hold: Hold, operation: HeldOperation, decision: Decision, sequence: number): Promise<Verdict> {
    this.#held = { operation, decision, sequence };
    let answer: ApprovalAnswer | GwError;
    try {
      answer = await hold.ask(operation, decision, sequence, this.#identity);
    } catch (thrown) {
      answer = GwError.from(thrown);
      if (answer.code === 'recording.failed') throw answer;
    }
    if (this.#over) return new IssuedVerdict(this, operation.facts, refusedBy(decision, gone()), sequence, 0) as unknown as Verdict;
    this.#held = null;
    this.#live();
    const answered = this.#answered(operation, decision, answer, sequence);
    const approved = answered.effect === 'allow' && isApproval(answer);
    const verdict = this.#issue(approved ? operation : { ...operation, clears: undefined }, answered, sequence);
    if (approved) Object.assign(this.#issued(verdict), { approved, clears: operation.clears });
    return verdict;
  }

  #answered(operation: HeldOperation, asked: Decision, answer: ApprovalAnswer | GwError, sequence: number): Decision {
    if (answer instanceof GwError) return refusedBy(asked, answer);
    if (answer.kind === 'waiting' || answer.kind === 'refused') {
      if (!isUnapproved(answer) || !mayStayMasked(operation, asked)) return refusedBy(asked, answer.error);
      const masked = this.#decide({ ...operation, clears: undefined }, sequence - 1);
      if (masked.effect === 'require_approval') return refusedBy(asked, answer.error);
      const { message, hint } = answer.error;
      if (masked.effect === 'allow')
        this.#options.say({ severity: 'warning', message: `what it would show in clear stays hidden: ${message}`, detail: '', hint });
      return stayingMasked(masked, message);
    }
    const { record } = answer;
    const now = this.#decide(operation, sequence - 1);
    if (now.effect === 'deny') return now;
    const standing = standOnApproval(asked, record, now, this.#options.clock.now());
    if (standing === null)
      return refusedBy(
        asked,
        new GwError('approval.stale', 'The policy changed since this was asked.', { detail: { request: record.id }, hint: 'Run it again.' }),
      );
    if (record.activeUntil !== null) this.#rest(record);
    return standing;
  }

  consider(operation: Operation): Verdict {
    this.#live();
    const decision = this.#decide(operation);
    // Nothing runs yet: people are asked about each run, with its parameters.
    if (decision.effect === 'deny') return this.#issue(operation, decision, ++this.counters.operations);
    return this.#transport as unknown as Verdict;
  }

  #issue(operation: Operation, decision: Decision, sequence: number): Verdict {
    const continues = operation.continues?.map((each) => this.#issued(each)) ?? null;
    const verdict = new IssuedVerdict(this, operation.facts, decision, sequence, this.#options.clock.monotonic(), continues);
    if (verdict.allowed && operation.changes === 'counted' && operation.reach !== 'partial' && (decision.limits?.overRows ?? null) !== null)
      verdict.operation = copyOperation(operation);
    const { form, facts, exact, parameters } = operation;
    this.#options.recorder.operation(sequence, form, facts, decision, exact, parameters, operation.keeps === 'whole');
    if (verdict.allowed && decision.warnings.length > 0) this.warn(decision);
    if (!verdict.allowed) this.counters.refused++;
    else if (this.#running === null) this.#running = verdict;
    else this.#alsoRunning.add(verdict);
    return verdict as unknown as Verdict;
  }

  overRows(verdict: Verdict, changed: ChangedRows): OverRows | Promise<OverRows> {
    const issued = this.#issued(verdict);
    this.#live();
    const { operation } = issued;
    const asked = askOverRows(issued.decision, changed);
    if (this.#hold === null || operation === null || asked === null) return { kind: 'undo', refusal: null };
    return this.#askOver(this.#hold, issued, operation, asked, changed);
  }

  async #askOver(hold: Hold, issued: IssuedVerdict, operation: HeldOperation, asked: Decision, changed: ChangedRows): Promise<OverRows> {
    const began = this.#options.clock.monotonic();
    issued.asking = changed;
    let answer: ApprovalAnswer | GwError;
    try {
      answer = await hold.ask(operation, asked, issued.sequence, this.#identity, changed);
    } catch (thrown) {
      answer = GwError.from(thrown);
      if (answer.code === 'recording.failed') throw answer;
    }
    issued.startedAt += this.#options.clock.monotonic() - began;
    if (this.#over) return { kind: 'undo', refusal: gone() };
    issued.asking = null;
    this.#live();
    if (answer instanceof GwError) return { kind: 'undo', refusal: undone(answer, changed) };
    if (answer.kind === 'waiting' || answer.kind === 'refused') return { kind: 'undo', refusal: undone(answer.error, changed) };
    const { record } = answer;
    const refusal = standOverRows(issued.decision, asked, record, this.#decide(operation, issued.sequence - 1), changed);
    if (refusal !== null) return { kind: 'undo', refusal: undone(refusal, changed) };
    if (record.activeUntil !== null) this.#rest(record);
    issued.released = changed.rows;
    return { kind: 'keep' };
  }

  /** What policy wants said with a decision goes to the client in its own protocol, in front of the result. */
  warn({ warnings, policy }: Decision): void {
    for (const message of warnings) this.#options.say({ severity: 'warning', message, detail: `Policy ${policy.slice(0, 19)}.`, hint: '' });
  }

  transport(): Verdict {
    return this.#transport as unknown as Verdict;
  }

  /** Throws unless `verdict` is an allowing one that this session's guard issued. */
  requireVerdict(verdict: Verdict): void {
    if (!IssuedVerdict.issuedBy(verdict, this) || !verdict.allowed)
      throw new GwError('internal.error', 'Bytes were to go up without a verdict of this session.');
  }

  deliver(verdict: Verdict, chunk: Uint8Array, rows: number, ahead = 0, recorded = chunk): Uint8Array {
    const issued = this.#issued(verdict);
    // An operation that is over has no more result, but for words of the target: nothing would count its rows, and nobody find them in the record.
    if (issued.finished && rows > 0) throw new GwError('internal.error', 'Rows were to be delivered for an operation that is over.');
    if (issued === this.#transport || issued.finished) {
      // Words of the target that answer no operation (notifications, parameter changes): the record keeps them under number 0.
      this.#options.recorder.delivered(0, recorded);
      return chunk;
    }
    const { continues } = issued;
    const bytes = chunk.length;
    // Nothing that is refused counts: it is not delivered.
    if (issued.decision.limits !== null) {
      requireWithin(issued.decision, ...sum(issued, rows, bytes + ahead), issued.released);
      if (continues !== null) for (const origin of continues) requireWithin(issued.decision, ...sum(origin, rows, bytes + ahead), issued.released);
    }
    issued.rows += rows;
    issued.bytes += bytes;
    if (continues !== null) for (const origin of continues) origin.further = { rows: origin.further.rows + rows, bytes: origin.further.bytes + bytes };
    this.#options.recorder.delivered(issued.sequence, recorded);
    return chunk;
  }

  described(verdict: Verdict, chunk: Uint8Array): void {
    const issued = this.#issued(verdict);
    if (issued !== this.#transport && !issued.finished) this.#options.recorder.delivered(issued.sequence, chunk);
  }

  masking(verdict?: Verdict): MaskingDoor | null {
    const { reasoned, connected } = this.#options;
    const resting = (connected !== null && connected.kind !== 'break_glass') || (this.grants.size > 0 && this.#restsOnPeople());
    const issued = verdict === undefined ? null : this.#issued(verdict);
    const inForce = this.#currentView();
    const clears = issued?.decision.policy === inForce.policy ? issued.clears : undefined;
    const view = inForce.masking(reasoned, resting || issued?.approved === true, clears);
    return view === null ? null : this.#options.masking(view);
  }

  #restsOnPeople(): boolean {
    for (const { kind } of this.grants.values()) if (kind !== 'break_glass') return true;
    return false;
  }

  masked(verdict: Verdict, how: ClassView, values: number): void {
    const issued = this.#issued(verdict);
    issued.masked ??= new Map();
    issued.masked.set(how, (issued.masked.get(how) ?? 0) + values);
  }

  resolved(verdict: Verdict, tokens: readonly ClassView[]): void {
    const counts = new Map<ClassView, number>();
    for (const how of tokens) counts.set(how, (counts.get(how) ?? 0) + 1);
    const classes = [...counts].map(([{ class: name, resolvedBy: rule }, values]) => ({ class: name, rule, values }));
    this.#options.recorder.event('tokens.resolved', { operation: this.#issued(verdict).sequence, classes });
  }

  receive(verdict: Verdict, chunk: Uint8Array): void {
    const issued = this.#issued(verdict);
    if (issued !== this.#transport && !issued.finished) this.#options.recorder.received(issued.sequence, chunk);
  }

  digests(verdict: Verdict): StreamDigests | null {
    const issued = this.#issued(verdict);
    return issued === this.#transport || issued.finished ? null : this.#options.recorder.digests(issued.sequence);
  }

  note(verdict: Verdict, kind: string, data: Readonly<Record<string, unknown>>): void {
    const { sequence, finished } = this.#issued(verdict);
    if (!finished) this.#options.recorder.event(kind, { ...data, operation: sequence });
  }

  finish(verdict: Verdict, status: OutcomeStatus, message: string | null): void {
    const issued = this.#issued(verdict);
    if (issued.finished || issued === this.#transport) return;
    issued.finished = true;
    if (status === 'refused') this.counters.refused++;
    if (this.#running === issued) this.#running = null;
    else this.#alsoRunning.delete(issued);
    this.counters.rows += issued.rows;
    const durationUs = Math.round((this.#options.clock.monotonic() - issued.startedAt) * 1000);
    this.#options.recorder.outcome(issued.sequence, { status, rows: issued.rows, bytes: issued.bytes, durationUs, message }, issued.masked);
  }

  /** The session ends: what is still open is lost. */
  finishAll(message: string): void {
    this.#over = true;
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.#issue(held.operation, refusedBy(held.decision, gone()), held.sequence);
    for (const verdict of [this.#running, ...this.#alsoRunning]) this.#lose(verdict, message);
  }

  #lose(verdict: IssuedVerdict | null, message: string): void {
    if (verdict === null) return;
    // It was not committed, and never will be: that is known.
    if (verdict.asking !== null) this.finish(verdict as unknown as Verdict, 'refused', `undone: ${verdict.asking.words}; ${message}`);
    else this.finish(verdict as unknown as Verdict, 'lost', message);
  }

  /** An operation of this session that has run longer than it may, and why it ends; null: none has. Asked now and then. */
  overdue(): { readonly verdict: Verdict; readonly error: GwError } | null {
    const now = this.#options.clock.monotonic();
    for (const verdict of [this.#running, ...this.#alsoRunning]) {
      if (verdict === null || verdict.asking !== null || verdict.decision.limits === null) continue;
      const error = overdue(verdict.decision, now - verdict.startedAt);
      if (error !== null) return { verdict: verdict as unknown as Verdict, error };
    }
    return null;
  }

  #issued(verdict: object): IssuedVerdict {
    if (!IssuedVerdict.issuedBy(verdict, this)) throw new GwError('internal.error', 'A result was to be delivered without a verdict of this session.');
    return verdict;
  }
}

/** What was read of it and of its cursors, with so much more. */
function sum(origin: IssuedVerdict, rows: number, bytes: number): [rows: number, bytes: number] {
  return [origin.rows + origin.further.rows + rows, origin.bytes + origin.further.bytes + bytes];
}

/** It must be asked for, and cannot be. */
function refuseUnasked(decision: Decision, why: string): Decision {
  const groups = decision.approval?.groups.join(', ') ?? '';
  return { ...decision, effect: 'deny', reasons: [...decision.reasons, `It needs the approval of ${groups}, and ${why}.`], approval: null, limits: null };
}

/** People said no, or nobody said anything. The record keeps what was demanded. */
function refusedBy(decision: Decision, refusal: GwError): Decision {
  return { ...decision, effect: 'deny', reasons: [refusal.message, ...decision.reasons], limits: null, refusal };
}

const gone = (): GwError => new GwError('approval.cancelled', 'The session ended while it waited for approval.');
