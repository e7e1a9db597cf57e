/**
 * New sessions, and sessions that ended, as they come: the lists are asked for again and again, and what differs is given. Ends when `signal` is
 * aborted, or with the error of the gateway.
 */
import { pause } from '../../base/pause.js';
import type { SessionQuery } from '../../client/gateway-client.js';
import type { SessionList } from '../../contract/api-types.js';
import { type FoundSessions, SessionFollower } from './session-follower.js';

const EVERY_MS = 1_000;

export async function* followSessions(
  ask: (query: SessionQuery) => Promise<SessionList>,
  query: SessionQuery,
  signal: AbortSignal,
): AsyncGenerator<FoundSessions, void> {
  const follower = new SessionFollower(ask, query);
  let found = await follower.start();
  while (!signal.aborted) {
    if (found.sessions.length > 0 || found.more !== null) yield found;
    await pause(EVERY_MS, signal);
    if (!signal.aborted) found = await follower.look();
  }
}
