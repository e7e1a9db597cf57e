/** Stage 8: the session's last entries, its row in the store, its place among the living. Runs once (the pump calls it once). */
import type { GwError } from '../contract/gw-error.js';
import type { SessionEnd, SessionRecorder } from '../contract/recording.js';
import type { LiveSession, LiveSessions } from './live-sessions.js';
import type { PathServices } from './path-services.js';
import type { EndReason } from './pump.js';

export function closeSession(
  session: LiveSession,
  recorder: SessionRecorder,
  reason: EndReason,
  error: GwError | null,
  live: LiveSessions,
  services: PathServices,
): SessionEnd {
  const { guard, pump, start } = session;
  // A gateway that stops leaves the request to those who decide: the client may come back and find it approved.
  guard.abandon(reason === 'drain' ? { kind: 'detached', why: 'the gateway stops' } : { kind: 'gone', why: `the session ended (${reason})` });
  try {
    guard.finishAll(error?.message ?? `the session ended (${reason})`);
  } catch (thrown) {
    // The journal takes no outcome now. It does take the session's end, and shows operations without an outcome as unknown.
    services.logger.error({ session: start.session, err: thrown }, 'outcomes of a session could not be recorded');
  }
  const end: SessionEnd = {
    endedAt: services.clock.now(),
    reason,
    message: error?.message ?? null,
    operations: guard.counters.operations,
    refused: guard.counters.refused,
    rows: guard.counters.rows,
    bytesUp: pump.bytesUp,
    bytesDown: pump.bytesDown,
  };
  recorder.end(end);
  live.remove(start.session);
  services.sessions.ended(start.session, end);
  services.logger.info(
    {
      session: start.session,
      target: start.target,
      subject: start.identity.subject,
      reason,
      ...(error === null ? {} : { error: error.code, message: error.message, cause: error.cause }),
    },
    'session ended',
  );
  return end;
}
