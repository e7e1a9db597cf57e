/**
 * Between stage 3 and stage 4: policy wants people to let this connection be. The client has logged in, is told whom it waits for, and the
 * target is not dialled before they said yes. A client that leaves takes its request back.
 */
import type { AbandonReason, ApprovalDoor, ApprovalRecord } from '../contract/approval.js';
import { GwError } from '../contract/gw-error.js';
import type { ClientNotice } from '../contract/protocol.js';
import type { Grant } from '../contract/verdict.js';
import type { Conn } from './accept.js';
import { type AwaitedGrant, admit, foreignAccount } from './authorize.js';
import type { AskingTerms } from './hold.js';
import { brokenGlassNotice, heldNotice, progressNotice } from './hold-notices.js';
import type { PathServices } from './path-services.js';

export interface ConnectQuestion {
  readonly awaited: AwaitedGrant;
  readonly session: string;
  readonly terms: AskingTerms;
  /** Null: the client cannot be told yet. */
  readonly say: ((notice: ClientNotice) => void) | null;
  readonly signal: AbortSignal;
}

/** @throws GwError `approval.*`: people said no, or nothing */
export async function askToConnect(question: ConnectQuestion, services: PathServices): Promise<{ readonly grant: Grant; readonly connected: ApprovalRecord }> {
  const { awaited, session, terms, say, signal } = question;
  const { identity, target, decision } = awaited;
  const door: ApprovalDoor | null = services.approvals;
  if (door === null || decision.approval === null) {
    throw new GwError('policy.connect_denied', `Connecting to ${target.name} needs approval, and this gateway cannot ask for it.`);
  }
  const answer = await door.ask(
    {
      kind: 'connect',
      identity,
      target,
      account: foreignAccount(awaited),
      scope: null,
      session,
      ...terms,
      sequence: 0,
      demand: decision.approval,
      policy: decision.policy,
      rule: decision.rule,
      reasons: decision.reasons,
      operation: null,
    },
    {
      held: (record) => say?.(heldNotice(record, terms.breakGlass)),
      progress: (record) => (record.votes.length > 0 ? say?.(progressNotice(record)) : undefined),
    },
    signal,
  );
  if (answer.kind === 'waiting' || answer.kind === 'refused') throw answer.error;
  if (services.clock.now() >= identity.expiresAt) throw new GwError('login.expired', 'The login expired while it waited for approval.');
  if (answer.record.kind === 'break_glass') say?.(brokenGlassNotice(answer.record));
  return { grant: admit(awaited, answer.record, services.policy, services.clock.now()), connected: answer.record };
}

/** Aborts when the client leaves. What it sends meanwhile stays for the session; after the first chunk only the end of the stream is seen. */
export function watchClient(conn: Conn, abort: AbortController): () => void {
  const gone = (): void => abort.abort({ kind: 'gone', why: 'the client left' } satisfies AbandonReason);
  const { stream } = conn.reader;
  stream.once('close', gone);
  let watching = true;
  conn.read().then(
    (chunk) => conn.unread(chunk),
    () => {
      if (watching) gone();
    },
  );
  return () => {
    watching = false;
    stream.off('close', gone);
  };
}
