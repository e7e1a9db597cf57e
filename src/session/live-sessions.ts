/** The sessions of this process, for lists, kills, renewals and cancel requests. */
import { createHash } from 'node:crypto';
import { type CarriedIdentity, receiveIdentity } from '../contract/carried-identity.js';
import { whyOf } from '../contract/decision.js';
import { GwError } from '../contract/gw-error.js';
import { type Identity, subjectKey, subjectsOf } from '../contract/identity.js';
import type { SessionStart } from '../contract/recording.js';
import type { SessionGuard } from './guard.js';
import type { Pump } from './pump.js';

export interface LiveSession {
  readonly start: SessionStart;
  /** Replaced by a renewal; `start` keeps the one that the session began with. */
  identity: Identity;
  readonly guard: SessionGuard;
  readonly pump: Pump;
  /** Monotonic milliseconds. */
  readonly openedAt: number;
  lastActivity: number;
  seenActivity: number;
}

export const cancelKeyDigest = (key: Uint8Array): string => createHash('sha256').update(key).digest('hex');

export class LiveSessions {
  readonly #sessions = new Map<string, LiveSession>();
  readonly #byCancelKey = new Map<string, string>();

  count(): number {
    return this.#sessions.size;
  }

  list(): readonly LiveSession[] {
    return [...this.#sessions.values()];
  }

  get(id: string): LiveSession | undefined {
    return this.#sessions.get(id);
  }

  add(session: LiveSession): void {
    this.#sessions.set(session.start.session, session);
  }

  registerCancelKey(id: string, key: Buffer): void {
    this.#byCancelKey.set(cancelKeyDigest(key), id);
  }

  byCancelKey(digest: string): LiveSession | undefined {
    const id = this.#byCancelKey.get(digest);
    return id === undefined ? undefined : this.#sessions.get(id);
  }

  remove(id: string): void {
    this.#sessions.delete(id);
    for (const [digest, owner] of this.#byCancelKey) if (owner === id) this.#byCancelKey.delete(digest);
  }

  /** Ends a session of this process. False: it is not here. */
  kill(id: string, by: string, reason: string): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    const why = reason === '' ? '' : `: ${reason}`;
    session.pump.terminate('killed', new GwError('session.killed', `This session was ended by ${by}${why}.`));
    return true;
  }

  /** Ends every session of a subject, and every one that acts for it; gives how many. */
  revokeSubject(issuer: string, subject: string, error: GwError): number {
    let count = 0;
    for (const session of this.list()) {
      if (!subjectsOf(session.identity).some((each) => each.issuer === issuer && each.subject === subject)) continue;
      endRevoked(session, error);
      count++;
    }
    return count;
  }

  /**
   * A fresh token was verified: from now on the session has the rights of its identity, more or fewer, until that token expires.
   * False: the session is not here.
   * @throws GwError `api.forbidden`: the identity is another one, and the session goes on as it was; `session.revoked` |
   * `recording.failed`: the session has ended.
   */
  renew(id: string, identity: Identity): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    requireSameSubject(session.identity, identity);
    replaceIdentity(session, identity);
    return true;
  }

  /** The same for an identity that another process verified. */
  renewCarried(id: string, carried: CarriedIdentity): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    requireSameSubject(session.identity, carried);
    const identity = receiveIdentity(carried, session.identity);
    if (identity === null) {
      const message = 'The groups or claims of the fresh login differ from those of the session and are too long to be handed to it.';
      throw endRevoked(session, new GwError('session.revoked', message, { hint: 'Connect again.' }));
    }
    replaceIdentity(session, identity);
    return true;
  }
}

/** Ends a session that policy in force no longer allows; gives why it did. */
export function endIfDenied(session: LiveSession): GwError | null {
  const decision = session.guard.mayStay();
  if (decision.effect === 'allow') return null;
  return endRevoked(session, new GwError('session.revoked', `Policy no longer lets this session be: ${whyOf(decision)}.`));
}

function endRevoked(session: LiveSession, error: GwError): GwError {
  session.guard.revoke(error);
  session.pump.terminate('revoked', error);
  return error;
}

/** Record, list and locks name who a session belongs to and acts for: that stays. @throws GwError `api.forbidden` */
function requireSameSubject(own: Identity, fresh: Pick<Identity, 'issuer' | 'subject' | 'kind' | 'onBehalfOf'>): void {
  if (fresh.kind === own.kind && subjectsOf(fresh).map(subjectKey).join('\n') === subjectsOf(own).map(subjectKey).join('\n')) return;
  throw new GwError('api.forbidden', 'A session is renewed by an identity of the same issuer, subject and kind, acting for the same principal.');
}

function replaceIdentity(session: LiveSession, identity: Identity): void {
  try {
    session.guard.renew(identity);
  } catch (thrown) {
    const error = GwError.from(thrown);
    session.guard.revoke(error);
    session.pump.terminate('recording', error);
    throw error;
  }
  session.identity = identity;
  const ended = endIfDenied(session);
  if (ended !== null) throw ended;
}
