/**
 * Looks at every live session once a second: has its login expired, was its subject locked, does the policy in force still let it be, is
 * it idle or too old, has an operation run longer than it may. So a right that ends ends its sessions within seconds, in mid-query too (design section 3). One timer for all.
 */
import { GwError } from '../contract/gw-error.js';
import { subjectKey, subjectsOf } from '../contract/identity.js';
import { endIfDenied, type LiveSession, type LiveSessions } from './live-sessions.js';
import type { PathServices } from './path-services.js';

const SWEEP_MS = 1_000;
/** After so long a round gives way to the sessions: with a new policy in force each look builds what that policy means for somebody. */
const SLICE_MS = 2;
/** Rounds between looks at the store, for events that the bus lost, and between reports of counters. */
const STORE_EVERY = 3;

export class Sweep {
  readonly #live: LiveSessions;
  readonly #services: PathServices;
  readonly #timer: NodeJS.Timeout;
  #round = 0;
  #looking = false;
  #inRound = false;
  #stopped = false;

  constructor(live: LiveSessions, services: PathServices) {
    this.#live = live;
    this.#services = services;
    this.#timer = setInterval(() => this.#tick(), SWEEP_MS);
    this.#timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  #tick(): void {
    this.#round++;
    if (!this.#inRound) this.#lookAt(this.#live.list(), 0);
    if (this.#round % STORE_EVERY === 0 && !this.#looking && this.#live.count() > 0) {
      this.#looking = true;
      this.#lookAtStore()
        .catch((cause: unknown) => this.#services.logger.error({ cause }, 'locked subjects could not be looked up'))
        .finally(() => {
          this.#looking = false;
        });
    }
  }

  /** Looks at the sessions from `from` on, in slices. */
  #lookAt(sessions: readonly LiveSession[], from: number): void {
    const { clock } = this.#services;
    const started = clock.monotonic();
    for (let index = from; index < sessions.length && !this.#stopped; index++) {
      const session = sessions[index];
      if (session !== undefined && !session.pump.ended) this.#look(session);
      if (index + 1 >= sessions.length || clock.monotonic() - started < SLICE_MS) continue;
      this.#inRound = true;
      setImmediate(() => this.#lookAt(sessions, index + 1));
      return;
    }
    this.#inRound = false;
  }

  #look(session: LiveSession): void {
    const { clock, limits } = this.#services;
    const { pump, guard } = session;
    const now = clock.monotonic();
    if (pump.activity !== session.seenActivity) {
      session.seenActivity = pump.activity;
      session.lastActivity = now;
      this.#services.sessions.progress(session.start.session, { ...guard.counters, bytesUp: pump.bytesUp, bytesDown: pump.bytesDown });
    }
    if (clock.now() >= guard.expiresAt) {
      pump.terminate('expired', new GwError('login.expired', 'The login behind this session has expired.'));
    } else if (guard.grantEnds !== null && clock.now() >= guard.grantEnds) {
      pump.terminate(
        'revoked',
        new GwError('session.revoked', 'The access that this session rests on has ended.', { hint: 'Ask for it again with `gw request create`.' }),
      );
    } else if (now - session.lastActivity >= limits.idleTimeoutMs && !guard.waiting) {
      pump.terminate(
        'idle',
        new GwError('session.revoked', `The session was idle for ${Math.round(limits.idleTimeoutMs / 60_000)} minutes.`, { hint: 'Connect again.' }),
      );
    } else if (now - session.openedAt >= limits.sessionTimeoutMs) {
      pump.terminate('revoked', new GwError('session.revoked', 'The session reached its longest duration.', { hint: 'Connect again.' }));
    } else {
      const late = guard.overdue();
      if (late !== null) pump.stop(late.verdict, late.error);
      if (guard.waiting) pump.probe();
      if (!pump.ended) endIfDenied(session);
    }
  }

  async #lookAtStore(): Promise<void> {
    const subjects = new Map(this.#live.list().flatMap(({ identity }) => subjectsOf(identity).map((each) => [subjectKey(each), each] as const)));
    for (const { issuer, subject } of subjects.values()) {
      if (await this.#services.subjects.isLocked(issuer, subject)) {
        this.#live.revokeSubject(issuer, subject, new GwError('login.locked', 'This identity, or the one on whose behalf it acts, is locked.'));
      }
    }
    await this.lookAtGrants(this.#live.list());
  }

  /** Ends the sessions whose grants do not stand any more. */
  async lookAtGrants(sessions: readonly LiveSession[]): Promise<void> {
    const ids = new Set(sessions.flatMap(({ guard }) => [...guard.grants.keys()]));
    if (ids.size === 0 || this.#services.approvals === null) return;
    const records = await this.#services.approvals.current([...ids]);
    const standing = new Set(records.filter(({ state }) => state === 'approved').map(({ id }) => id));
    for (const { guard, pump } of sessions) {
      // What a session came to rest on while the store was asked was not asked about.
      if ([...guard.grants.keys()].every((id) => standing.has(id) || !ids.has(id))) continue;
      const error = new GwError('session.revoked', 'The access that this session rests on was revoked, or has ended.', { hint: 'Run `gw grants ls`.' });
      guard.revoke(error);
      pump.terminate('revoked', error);
    }
  }
}
