/**
 * A journal whose sessions are also in the log: begin and end of each, every operation that was refused by policy, every clear read of tagged
 * data, and what was masked in all. What is done stands in both or is not done; the ends of sessions are taken always.
 */

import type { AuditTrail } from '../audit/index.js';
import { authenticationFields } from '../contract/authentication.js';
import type { Decision } from '../contract/decision.js';
import type { MaskCount, MaskedAs } from '../contract/masking-policy.js';
import { type Assurance, assuranceOf, type Facts } from '../contract/operation.js';
import type { Journal, Outcome, SessionEnd, SessionRecorder, SessionStart, StreamDigests } from '../contract/recording.js';

export class LoggedJournal implements Journal {
  readonly #journal: Journal;
  readonly #trail: AuditTrail;
  readonly #open = new Set<LoggedSession>();
  #sessions = 0;

  constructor(journal: Journal, trail: AuditTrail) {
    this.#journal = journal;
    this.#trail = trail;
  }

  get healthy(): boolean {
    return this.#journal.healthy && this.#trail.healthy;
  }

  begin(start: SessionStart): SessionRecorder {
    this.#trail.ready();
    const recorder = this.#journal.begin(start);
    const session = new LoggedSession(start, recorder, this.#trail, () => this.#open.delete(session));
    this.#open.add(session);
    session.begin(start, ++this.#sessions);
    return session;
  }

  event(kind: string, data: Readonly<Record<string, unknown>>): void {
    this.#journal.event(kind, data);
  }

  commit(): void {
    this.#journal.commit();
    this.#trail.commit();
  }

  async synced(): Promise<void> {
    await Promise.all([this.#journal.synced(), this.#trail.synced()]);
  }

  async close(): Promise<void> {
    for (const session of this.#open) session.interrupted();
    await this.#journal.close();
  }
}

/** How many values of a session were shown in one way. */
interface MaskSum extends MaskedAs {
  values: number;
}

class LoggedSession implements SessionRecorder {
  readonly #id: string;
  readonly #recorder: SessionRecorder;
  readonly #trail: AuditTrail;
  readonly #ended: () => void;
  /** Leaves of this session so far. */
  #leaves = 0;
  /** What a decision is worth where an operation does not say it; null: nobody says. */
  readonly #assurance: Assurance | null;
  /** Of operations without an outcome that are worth something else. */
  readonly #others = new Map<number, Assurance>();
  readonly #masked = new Map<string, MaskSum>();
  /** Where the values of each way of masking are summed up. */
  readonly #sums = new WeakMap<MaskedAs, MaskSum>();

  constructor({ session, assurance }: SessionStart, recorder: SessionRecorder, trail: AuditTrail, ended: () => void) {
    this.#id = session;
    this.#assurance = assurance ?? null;
    this.#recorder = recorder;
    this.#trail = trail;
    this.#ended = ended;
  }

  begin(start: SessionStart, number: number): void {
    const { session, identity, target, protocol, via, readOnly, recording, account, assurance, decision, clientAddress, reason, client } = start;
    const { issuer, subject, kind, name, email, groups, onBehalfOf } = identity;
    const { policy, rule } = decision;
    const open = {
      session,
      number,
      issuer,
      subject,
      kind,
      target,
      protocol,
      via,
      readOnly: readOnly === true,
      recording,
      account,
      assurance,
      policy,
      rule,
      ...authenticationFields(identity),
    };
    this.#leaves++;
    this.#trail.append('session.start', { ...open, name, email, groups, onBehalfOf, clientAddress, reason, client });
  }

  operation(sequence: number, form: string, facts: Facts, decision: Decision, exact: Uint8Array, parameters: Uint8Array | null, whole?: boolean): void {
    const assurance = assuranceOf(facts, this.#assurance);
    if (decision.effect === 'deny') {
      const { policy, rule } = decision;
      this.#trail.append('operation.deny', { session: this.#id, operation: sequence, form, policy, rule, ...(assurance === null ? {} : { assurance }) });
      this.#leaves++;
    } else if (assurance !== null && assurance !== this.#assurance) this.#others.set(sequence, assurance);
    this.#recorder.operation(sequence, form, facts, decision, exact, parameters, whole);
  }

  delivered(sequence: number, chunk: Uint8Array): void {
    this.#recorder.delivered(sequence, chunk);
  }

  received(sequence: number, chunk: Uint8Array): void {
    this.#recorder.received(sequence, chunk);
  }

  digests(sequence: number): StreamDigests {
    return this.#recorder.digests(sequence);
  }

  outcome(sequence: number, outcome: Outcome, masked: ReadonlyMap<MaskedAs, number> | null = null): void {
    this.#recorder.outcome(sequence, outcome, masked);
    const assurance = this.#others.get(sequence) ?? this.#assurance;
    this.#others.delete(sequence);
    if (masked === null) return;
    const clear: Omit<MaskCount, 'treatment'>[] = [];
    for (const [way, values] of masked) {
      if (way.treatment === 'clear') clear.push({ class: way.class, rule: way.rule, values });
      else this.#sum(way).values += values;
    }
    if (clear.length === 0) return;
    this.#trail.append('data.clear', { session: this.#id, operation: sequence, values: clear, ...(assurance === null ? {} : { assurance }) });
    this.#leaves++;
  }

  event(kind: string, data: Readonly<Record<string, unknown>>): void {
    this.#recorder.event(kind, data);
  }

  end(end: SessionEnd): void {
    this.#recorder.end(end);
    const { reason, message, operations, refused, rows, bytesUp, bytesDown } = end;
    this.#close({ reason, operations, refused, rows, bytesUp, bytesDown, ...(message === null ? {} : { message }) });
  }

  /** The journal is closed under it, and writes its end itself. */
  interrupted(): void {
    this.#close({ reason: 'interrupted' });
  }

  #sum(way: MaskedAs): MaskSum {
    const known = this.#sums.get(way);
    if (known !== undefined) return known;
    const { class: name, treatment, rule } = way;
    const key = JSON.stringify([name, treatment, rule]);
    const sum = this.#masked.get(key) ?? { class: name, treatment, rule, values: 0 };
    this.#masked.set(key, sum);
    this.#sums.set(way, sum);
    return sum;
  }

  #close(said: Readonly<Record<string, unknown>>): void {
    if (this.#masked.size > 0) {
      this.#trail.appendEnd('data.masked', { session: this.#id, values: [...this.#masked.values()] });
      this.#leaves++;
    }
    this.#trail.appendEnd('session.end', { session: this.#id, leaves: this.#leaves + 1, ...said });
    this.#ended();
  }
}
