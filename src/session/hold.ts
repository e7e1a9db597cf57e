/**
 * The wait for people, on the side of one session. An operation that policy wants approved is copied, asked about at the approval domain,
 * and its client is told, in its own words, who is asked and until when. What is held costs this session its place and others nothing: no
 * buffer, no connection, no turn. Ends by a decision, by the client (cancel, leaving), by the session's end or by a change of policy.
 */
import type {
  AbandonReason,
  ApprovalAnswer,
  ApprovalDoor,
  ApprovalQuestion,
  ApprovalRecord,
  BoundParameter,
  ChangedRows,
  Estimate,
} from '../contract/approval.js';
import type { Decision } from '../contract/decision.js';
import { GwError } from '../contract/gw-error.js';
import type { Identity } from '../contract/identity.js';
import type { Assurance, Operation } from '../contract/operation.js';
import type { ClientNotice } from '../contract/protocol.js';
import type { SessionRecorder } from '../contract/recording.js';
import { approvedNotice, brokenGlassNotice, heldNotice, progressNotice } from './hold-notices.js';

/** What the client said about how it wants to be asked for. */
export interface AskingTerms {
  readonly reason: string | null;
  readonly ticket: string | null;
  readonly waitMs: number | null;
  readonly breakGlass: boolean;
}

export interface HoldOptions extends AskingTerms {
  readonly door: ApprovalDoor;
  readonly session: string;
  readonly target: { readonly name: string; readonly protocol: string };
  /** Account at the target, where it is not the one of the configuration. */
  readonly account: string | null;
  readonly scope: string | null;
  readonly language: string;
  readonly assurance: Assurance;
  parameters(raw: Uint8Array, types: Uint8Array | null): readonly BoundParameter[] | null;
  estimate(operation: HeldOperation): Promise<Estimate | null>;
  say(notice: ClientNotice): void;
}

/** A copy that nobody writes to: what is approved is compared with, and what is recorded. */
export interface HeldOperation extends Operation {
  readonly exact: Buffer;
  readonly parameters: Buffer | null;
  readonly parameterTypes: Buffer | null;
}

export function copyOperation(operation: Operation): HeldOperation {
  const copy = (bytes: Uint8Array | null): Buffer | null => (bytes === null ? null : Buffer.from(bytes));
  return { ...operation, exact: Buffer.from(operation.exact), parameters: copy(operation.parameters), parameterTypes: copy(operation.parameterTypes) };
}

/** Said to those who decide. */
const CONTEXTUAL = 'what the text means depends on what its session did before (search_path, role, temporary tables, prepared statements, cursors)';

export class Hold {
  readonly #options: HoldOptions;
  readonly #recorder: SessionRecorder;
  #abort: AbortController | null = null;
  /** Policy under which the operation in hand was asked for. */
  #policy: string | null = null;

  constructor(options: HoldOptions, recorder: SessionRecorder) {
    this.#options = options;
    this.#recorder = recorder;
  }

  get waiting(): boolean {
    return this.#abort !== null;
  }

  /** Ends the wait from the session's side. False: nothing waits. */
  abandon(reason: AbandonReason): boolean {
    if (this.#abort === null) return false;
    this.#abort.abort(reason);
    return true;
  }

  /** The policy in force is another one: what was asked under the old one is not good any more. */
  policyIs(digest: string): void {
    if (this.#policy !== null && this.#policy !== digest) this.abandon({ kind: 'stale', why: 'the policy changed while it waited' });
  }

  /**
   * `changed`: of a write that has run and is not committed; null: it has not run.
   * @throws GwError when it could not be asked, recorded or stored: then it does not go on
   */
  async ask(operation: HeldOperation, decision: Decision, sequence: number, identity: Identity, changed: ChangedRows | null = null): Promise<ApprovalAnswer> {
    const question = this.#question(operation, decision, sequence, identity, changed);
    const abort = new AbortController();
    this.#abort = abort;
    this.#policy = decision.policy;
    try {
      const answer = await this.#options.door.ask(
        question,
        {
          held: (record) => this.#held(record, sequence, changed),
          progress: (record) => {
            if (record.votes.length > 0) this.#say(progressNotice(record));
          },
        },
        abort.signal,
      );
      const { kind } = (abort.signal.reason ?? {}) as Partial<AbandonReason>;
      // A session that is over takes no further entry; its last words were written when it ended.
      if (kind !== 'gone' && kind !== 'detached') this.#answered(answer, sequence);
      return answer;
    } finally {
      this.#abort = null;
      this.#policy = null;
    }
  }

  #question(operation: HeldOperation, decision: Decision, sequence: number, identity: Identity, changed: ChangedRows | null): ApprovalQuestion {
    const { session, target, account, scope, reason, ticket, waitMs, breakGlass, language, assurance } = this.#options;
    if (decision.approval === null) throw new GwError('internal.error', 'A decision asks for approval and does not say by whom.');
    return {
      kind: 'operation',
      identity,
      target,
      account,
      scope,
      session,
      reason,
      ticket,
      waitMs,
      breakGlass,
      sequence,
      demand: decision.approval,
      policy: decision.policy,
      rule: decision.rule,
      reasons: operation.reach === 'contextual' ? [...decision.reasons, CONTEXTUAL] : decision.reasons,
      operation: {
        facts: operation.facts,
        exact: operation.exact,
        form: operation.form,
        parameters: this.#parameters(operation),
        language,
        assurance,
        contextual: operation.reach === 'contextual',
        ...(operation.clears === undefined ? {} : { clears: operation.clears }),
        ...(changed === null ? {} : { changed }),
        estimate: () => this.#options.estimate(operation),
      },
    };
  }

  /** What cannot be read is bound and shown as the bytes that it is. */
  #parameters({ parameters, parameterTypes }: HeldOperation): readonly BoundParameter[] | null {
    if (parameters === null) return null;
    return (
      this.#options.parameters(parameters, parameterTypes) ?? [
        { type: parameterTypes === null ? null : parameterTypes.toString('hex'), form: 'hex', value: parameters.toString('hex') },
      ]
    );
  }

  #held(record: ApprovalRecord, sequence: number, changed: ChangedRows | null): void {
    this.#recorder.event('approval.hold', {
      request: record.id,
      operation: sequence,
      digest: record.digest,
      groups: record.demand.groups,
      expiresAt: record.expiresAt,
      ...(changed === null ? {} : { changed: changed.rows }),
    });
    if (this.#options.waitMs !== 0) this.#say(heldNotice(record, this.#options.breakGlass));
  }

  #answered(answer: ApprovalAnswer, sequence: number): void {
    const { record } = answer;
    const voters = record.votes.map(({ by }) => ({ issuer: by.issuer, subject: by.subject, name: by.name }));
    this.#recorder.event('approval.answer', { request: record.id, kind: record.kind, operation: sequence, answer: answer.kind, state: record.state, voters });
    if (answer.kind === 'used') this.#say(approvedNotice(record));
    else if (answer.kind === 'grant' && record.kind === 'break_glass') this.#say(brokenGlassNotice(record));
  }

  #say(notice: ClientNotice): void {
    this.#options.say(notice);
  }
}
