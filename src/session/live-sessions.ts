/** The sessions of this process, for lists, kills, renewals and cancel requests. */
import { createHash } from 'node:crypto';
import { GwError } from '../contract/gw-error.js';
import type { Identity } from '../contract/identity.js';
import type { SessionStart } from '../contract/recording.js';
import type { SessionGuard } from './guard.js';
import type { Pump } from './pump.js';

export interface LiveSession {
  readonly start: SessionStart;
  readonly identity: Identity;
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

  /** Ends every session of a subject; gives how many. */
  revokeSubject(issuer: string, subject: string, error: GwError): number {
    let count = 0;
    for (const session of this.list()) {
      if (session.identity.issuer !== issuer || session.identity.subject !== subject) continue;
      session.guard.revoke(error);
      session.pump.terminate('revoked', error);
      count++;
    }
    return count;
  }

  /** A fresh token of the same subject extends the session's identity. False: not here, or another subject. */
  renew(id: string, identity: Pick<Identity, 'issuer' | 'subject' | 'expiresAt'>): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined || session.identity.issuer !== identity.issuer || session.identity.subject !== identity.subject) return false;
    session.guard.renew(identity.expiresAt);
    return true;
  }
}
