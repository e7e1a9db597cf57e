/**
 * Cancel requests. The key alone decides, as the protocol has it, but it is the gateway's own key: it stops what *its* session runs and
 * nothing else, on whichever process the session lives. Nothing is answered, so a guess learns nothing.
 */
import { endSoftly } from './end-softly.js';
import type { LiveSession, LiveSessions } from './live-sessions.js';
import { cancelKeyDigest } from './live-sessions.js';
import { dialTarget } from './open.js';
import type { PathServices } from './path-services.js';

export async function cancelSession(key: Buffer, live: LiveSessions, services: PathServices): Promise<void> {
  const keyDigest = cancelKeyDigest(key);
  const session = live.byCancelKey(keyDigest);
  if (session !== undefined) await runAsked(session, services);
  // Another process of this deployment may have it; the key itself does not travel.
  else await services.bus.publish({ kind: 'session.cancel', keyDigest });
}

/** The same for a request that another process got. Never throws. */
export function cancelByDigest(keyDigest: string, live: LiveSessions, services: PathServices): void {
  const session = live.byCancelKey(keyDigest);
  if (session !== undefined) runAsked(session, services).catch(failed(session, services));
}

/** Cancels what a session of this process runs at its target, because the session ends. Never throws. */
export function cancelHere(id: string, live: LiveSessions, services: PathServices): void {
  const session = live.get(id);
  if (session !== undefined) run(session, services).catch(failed(session, services));
}

const failed =
  (session: LiveSession, services: PathServices) =>
  (error: unknown): void =>
    services.logger.warn({ session: session.start.session, cause: error }, 'the running statement could not be cancelled at the target');

/** What waits for people is not at the target yet. */
async function runAsked(session: LiveSession, services: PathServices): Promise<void> {
  if (!session.guard.abandon({ kind: 'gave_up', why: 'cancelled by its client' })) await run(session, services);
}

async function run(session: LiveSession, services: PathServices): Promise<void> {
  const signal = AbortSignal.timeout(services.limits.handshakeTimeoutMs);
  const connection = await dialTarget(session.pump.target, services, signal);
  try {
    await session.pump.engine.cancel(connection);
  } finally {
    connection.finish();
    // The target has nothing to answer.
    endSoftly(connection.stream, 5_000);
  }
}
