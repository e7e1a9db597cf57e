/**
 * A journal whose sessions are also in the log: begin and end of each, every operation that was refused by policy, every clear read of tagged
 * data, and what was masked in all. What is done stands in both or is not done; the ends of sessions are taken always.
 */
import type { AuditTrail } from '../audit/index.js';
import type { Decision } from '../contract/decision.js';
import type { MaskCount } from '../contract/masking-policy.js';
import type { Facts } from '../contract/operation.js';
import type { Journal, Outcome, SessionEnd, SessionRecorder, SessionStart } from '../contract/recording.js';

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
    const session = new LoggedSession(start.session, recorder, this.#trail, () => this.#open.delete(session));
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

class LoggedSession implements SessionRecorder {
  readonly #id: string;
  readonly #recorder: SessionRecorder;
  readonly #trail: AuditTrail;
  readonly #ended: () => void;
  /** Leaves of this session so far. */
  #leaves = 0;
  readonly #masked = new Map<string, { class: string; treatment: string; rule: string | null; values: number }>();

  constructor(id: string, recorder: SessionRecorder, trail: AuditTrail, ended: () => void) {
    this.#id = id;
    this.#recorder = recorder;
    this.#trail = trail;
    this.#ended = ended;
  }

  begin({ session, identity, target, protocol, via, readOnly, recording, decision, clientAddress, reason, client }: SessionStart, number: number): void {
    const { issuer, subject, kind, name, email, groups, onBehalfOf } = identity;
    const { policy, rule } = decision;
    const open = { session, number, issuer, subject, kind, target, protocol, via, readOnly: readOnly === true, recording, policy, rule };
    this.#leaves++;
    this.#trail.append('session.start', { ...open, name, email, groups, onBehalfOf, clientAddress, reason, client });
  }

  operation(sequence: number, form: string, facts: Facts, decision: Decision, exact: Uint8Array, parameters: Uint8Array | null): void {
    if (decision.effect === 'deny') {
      const { policy, rule } = decision;
      this.#trail.append('operation.deny', { session: this.#id, operation: sequence, form, policy, rule });
      this.#leaves++;
    }
    this.#recorder.operation(sequence, form, facts, decision, exact, parameters);
  }

  delivered(sequence: number, chunk: Uint8Array): void {
    this.#recorder.delivered(sequence, chunk);
  }

  received(sequence: number, chunk: Uint8Array): void {
    this.#recorder.received(sequence, chunk);
  }

  outcome(sequence: number, outcome: Outcome): void {
    this.#recorder.outcome(sequence, outcome);
  }

  event(kind: string, data: Readonly<Record<string, unknown>>): void {
    this.#recorder.event(kind, data);
    if (kind !== 'masked') return;
    const values = data['values'] as readonly MaskCount[];
    const clear = values.filter(({ treatment }) => treatment === 'clear').map(({ class: name, rule, values: count }) => ({ class: name, rule, values: count }));
    if (clear.length > 0) {
      this.#trail.append('data.clear', { session: this.#id, operation: data['operation'], values: clear });
      this.#leaves++;
    }
    for (const each of values) {
      if (each.treatment === 'clear') continue;
      const key = JSON.stringify([each.class, each.treatment, each.rule]);
      const sum = this.#masked.get(key);
      if (sum === undefined) this.#masked.set(key, { ...each });
      else sum.values += each.values;
    }
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

  #close(said: Readonly<Record<string, unknown>>): void {
    if (this.#masked.size > 0) {
      this.#trail.appendEnd('data.masked', { session: this.#id, values: [...this.#masked.values()] });
      this.#leaves++;
    }
    this.#trail.appendEnd('session.end', { session: this.#id, leaves: this.#leaves + 1, ...said });
    this.#ended();
  }
}
